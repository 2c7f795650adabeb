"""The planted bugs: one small mistake each, as a patch of one file.

The old text must stand in its file exactly once; when the sources change, the patch changes too.
Two of them are in the simulated store: what LMDB promises must be needed, too.
"""

from tests.planted.bug import Bug

_KERNEL = "engine/lockstep_kernel"
_JOURNAL = "journal/lockstep_journal"
_REPLAY = "replay/lockstep_replay"
_SIMULATE = "runtime/lockstep_runtime/simulate"

BUGS = (
    Bug(
        "no sync before the meta page",
        f"{_SIMULATE}/store.py",
        "        disk.sync(process)\n",
        "",
    ),
    Bug(
        "pages that the last commit needs are written again",
        f"{_SIMULATE}/store.py",
        "self._taken = tree.reachable() | self._before()",
        "self._taken = {0, 1}",
    ),
    Bug(
        "events and records go out before the commit",
        f"{_JOURNAL}/sequencer.py",
        "            self._journal.append(applied)\n"
        "            failures = self._publish(applied)\n",
        "            failures = self._publish(applied)\n"
        "            self._journal.append(applied)\n",
    ),
    Bug(
        "commands are answered and never written",
        f"{_JOURNAL}/sequencer.py",
        "self._journal.append(applied)\n",
        "self._journal.append([])\n",
    ),
    Bug(
        "a sequencer goes on after a failed commit",
        f"{_JOURNAL}/sequencer.py",
        "        except BaseException as error:\n"
        '            self._failure = f"{type(error).__name__}: {error}"\n'
        "            raise\n"
        "        finally:\n"
        "            self._is_busy = False\n",
        "        finally:\n            self._is_busy = False\n",
    ),
    Bug(
        "an owner goes on after a failed commit",
        f"{_JOURNAL}/writer.py",
        '        self._failure = f"{type(error).__name__}: {error}"\n',
        "",
    ),
    Bug(
        "a refusal is given to the last who asked",
        f"{_JOURNAL}/sequencer.py",
        "            results.insert(index, refusal)\n",
        "            results.append(refusal)\n",
    ),
    Bug(
        "an answer has the hash of the command before",
        f"{_JOURNAL}/sequencer.py",
        "[(done[0], done[3], done[6]) for done in applied]",
        "[(done[0], done[3], done[5]) for done in applied]",
    ),
    Bug(
        "time goes back with the clock",
        f"{_JOURNAL}/sequencer.py",
        "ts_ns = proposed_ns if proposed_ns > last_ns else last_ns",
        "ts_ns = proposed_ns",
    ),
    Bug(
        "a dead sink keeps the publishers waiting",
        f"{_JOURNAL}/sequencer.py",
        "                self._sinks.remove(sink)\n                failures.append(failure)\n",
        "                self._sinks.remove(sink)\n                return [failure]\n",
    ),
    Bug(
        "a dead sink is used again",
        f"{_JOURNAL}/sequencer.py",
        "                self._sinks.remove(sink)\n",
        "",
    ),
    Bug(
        "published records carry the first epoch",
        f"{_JOURNAL}/sequencer.py",
        "            epoch = self._journal.owner_epoch\n",
        "            epoch = 1\n",
    ),
    Bug(
        "an epoch is used again",
        f"{_JOURNAL}/writer.py",
        "old, new = self._epoch, max(self._epoch + 1, at_least)",
        "old, new = self._epoch, max(self._epoch, 1, at_least)",
    ),
    Bug(
        "a transaction does not check the epoch",
        f"{_JOURNAL}/writer.py",
        "                self._check_epoch(txn)\n",
        "",
    ),
    Bug(
        "a claim does not see what was written meanwhile",
        f"{_JOURNAL}/writer.py",
        "        if txn.get(META_END, db=self._databases[META]) != self._end_value:\n",
        "        if self._end is None:\n",
    ),
    Bug(
        "the end is written only now and then",
        f"{_JOURNAL}/writer.py",
        "            self._put_all(txn, EVENTS, events)\n"
        "            txn.put(META_END, value, db=self._databases[META])\n",
        "            self._put_all(txn, EVENTS, events)\n"
        "            if end.last_seq % 8:\n"
        "                txn.put(META_END, value, db=self._databases[META])\n",
    ),
    Bug(
        "archiving takes one record too many",
        f"{_JOURNAL}/writer.py",
        "(COMMANDS, range(first, last + 1)),",
        "(COMMANDS, range(first, last + 2)),",
    ),
    Bug(
        "an archived journal keeps its old base",
        f"{_JOURNAL}/writer.py",
        "            old.last_hash,\n            base_hash,\n",
        "            old.last_hash,\n            old.base_hash,\n",
    ),
    Bug(
        "an import takes no epochs over",
        f"{_JOURNAL}/writer.py",
        "            max(self._epoch, last.epoch),\n",
        "            self._epoch,\n",
    ),
    Bug(
        "pruning keeps the oldest snapshots",
        f"{_JOURNAL}/writer.py",
        "for seq in seqs[: max(0, len(seqs) - keep)] if",
        "for seq in seqs[keep:] if",
    ),
    Bug(
        "recovery cuts at the first bad record",
        f"{_JOURNAL}/store.py",
        "            if fault is not None:\n                raise fault\n",
        "            if fault is not None:\n                return\n",
    ),
    Bug(
        "the check of a record is not compared",
        f"{_KERNEL}/record.py",
        "    if _check_of(payload) != data[size:]:\n",
        "    if not data:\n",
    ),
    Bug(
        "the digest of a snapshot is not compared",
        f"{_KERNEL}/chain.py",
        '    check(found == head.digest, f"restored digest',
        '    check(found >= 0, f"restored digest',
    ),
    Bug(
        "a snapshot forgets the nonces",
        f"{_KERNEL}/snapshot.py",
        "    records = _encode(sorted_records(state))\n",
        "    records = _encode([row for row in sorted_records(state) if row[0] != 2])\n",
    ),
    Bug(
        "a restored account has no floor of nonces",
        f"{_SIMULATE}/till.py",
        "            nonces.floor, nonces.used = floor, list(used)\n",
        "            nonces.used = list(used)\n",
    ),
    Bug(
        "a bad snapshot ends the recovery",
        f"{_JOURNAL}/snapshots.py",
        "            return load(machine, journal.genesis, data), skipped\n"
        "        except Fault as fault:\n",
        "            return load(machine, journal.genesis, data), skipped\n"
        "        except UnsupportedError as fault:\n",
    ),
    Bug(
        "one touched entity is left out of the digest",
        f"{_KERNEL}/chain.py",
        "        for entity in touched:\n",
        "        for entity in touched[:3]:\n",
    ),
    Bug(
        "unknown rules get a sequence number",
        f"{_KERNEL}/chain.py",
        "        version = rules_required(command.command)\n        if version:\n",
        "        version = rules_required(command.command)\n        if version < 0:\n",
    ),
    Bug(
        "bytes that are not canonical are taken",
        f"{_KERNEL}/codec.py",
        "        if canonical != body:\n",
        "        if not canonical:\n",
    ),
    Bug(
        "a stream that stops within a frame is not torn",
        f"{_KERNEL}/stream.py",
        "        if not (self._is_open and is_between_frames) or self._owes_events:\n",
        "        if not self._is_open or is_between_frames > 1:\n",
    ),
    Bug(
        "a follower is begun one record too late",
        f"{_JOURNAL}/transfer.py",
        "newest_snapshot(self._journal, from_seq - 1)",
        "newest_snapshot(self._journal, from_seq)",
    ),
    Bug(
        "a follower is sent what is not durable yet",
        f"{_JOURNAL}/transfer.py",
        "            return\n        self._journal.settle()\n",
        "            return\n",
    ),
    Bug(
        "a follower is begun with a snapshot of another history",
        f"{_JOURNAL}/snapshots.py",
        "    if head.hash != expected:\n",
        "    if not expected:\n",
    ),
    Bug(
        "a verification looks at no snapshot",
        f"{_JOURNAL}/verification.py",
        "        yield from self._guarded(self._snapshot_findings())\n",
        "",
    ),
    Bug(
        "kept events are those of the batch's first command",
        f"{_JOURNAL}/layout.py",
        "pack_events(applied[0], applied[4])) for applied in batch]",
        "pack_events(applied[0], batch[0][4])) for applied in batch]",
    ),
    Bug(
        "a state is recovered without its last page of records",
        f"{_REPLAY}/recovery.py",
        "journal.pages(start + 1, last):\n",
        "journal.pages(start + 1, last - (last > start + 40)):\n",
    ),
)

QUICK = (
    "events and records go out before the commit",
    "no sync before the meta page",
    "a transaction does not check the epoch",
    "recovery cuts at the first bad record",
    "a refusal is given to the last who asked",
)
"""Those that the test suite hunts; `python -m tests.simulated_faults` hunts them all."""
