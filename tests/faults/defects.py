"""One defect of the product for each check of the scorecard, which that check must find.

A defect is a patch of one file: the old text must stand in it exactly once, so when the sources
change, the patch changes too. `says` is part of the sentence with which the check must fail.
"""

from typing import NamedTuple

_KERNEL = "engine/lockstep_kernel"
_ENGINE = "engine/lockstep_engine"
_JOURNAL = "journal/lockstep_journal"


class Defect(NamedTuple):
    """A mistake: in `file` the text `old` becomes `new`; the check `id` then says `says`."""

    id: str
    name: str
    file: str
    old: str
    new: str
    says: str


DEFECTS = (
    Defect(
        "W1",
        "a batch is two transactions",
        f"{_JOURNAL}/writer.py",
        "        end = self._end\n        if not batch:\n",
        "        if len(batch) > 1:\n"
        "            self.append(batch[:1])\n"
        "            batch = batch[1:]\n"
        "        end = self._end\n"
        "        if not batch:\n",
        "expected one of",
    ),
    Defect(
        "W2",
        "commits are not synced",
        f"{_JOURNAL}/environment.py",
        "        sync=True,\n        metasync=True,\n",
        "        sync=False,\n        metasync=False,\n",
        "unsynced kept",
    ),
    Defect(
        "W3",
        "a writer goes on after a failed commit",
        f"{_JOURNAL}/writer.py",
        '        self._failure = f"{type(error).__name__}: {error}"\n        return error\n',
        "        return error\n",
        "acknowledged after a failure",
    ),
    Defect(
        "W4",
        "the map is writable",
        f"{_JOURNAL}/environment.py",
        "writemap=False",
        "writemap=True",
        "expected 3, found -7",
    ),
    Defect(
        "W5",
        "a full map does not end the writer",
        f"{_JOURNAL}/writer.py",
        "raise self._ended(\n                MapFull(",
        "raise (\n                MapFull(",
        "acknowledged after a failure",
    ),
    Defect(
        "W6",
        "nobody compares the end with what was written last",
        f"{_JOURNAL}/writer.py",
        "                self._check_end(txn)\n",
        "",
        "bytes lost",
    ),
    Defect(
        "W7",
        "events go out before they are durable",
        f"{_JOURNAL}/sequencer.py",
        "            self._journal.append(applied)\n"
        "            failures = self._publish(applied)\n",
        "            failures = self._publish(applied)\n"
        "            self._journal.append(applied)\n",
        "what was said, in order",
    ),
    Defect(
        "C1",
        "the check of a record is not compared",
        f"{_KERNEL}/record.py",
        "if _check_of(payload) != data[size:]:",
        "if False:",
        "verify named nothing",
    ),
    Defect(
        "C2",
        "a run opens a journal that no child has read",
        "runtime/lockstep_runtime/cli_run.py",
        "    rehearse(directory)\n",
        "",
        "lockstep run",
    ),
    Defect(
        "C3",
        "the length of the file is not compared",
        f"{_JOURNAL}/environment.py",
        "    if size < expected:\n        environment.close()\n",
        "    if size < 0:\n        environment.close()\n",
        "cut at",
    ),
    Defect(
        "C4",
        "what is torn is called damaged",
        f"{_KERNEL}/stream.py",
        'raise TornTailError(f"{self._where()}: the stream ends',
        'raise DamagedError(f"{self._where()}: the stream ends',
        "torn in record",
    ),
    Defect(
        "C5",
        "epochs may fall from one record to the next",
        f"{_JOURNAL}/store.py",
        "    elif record.epoch < epoch:\n",
        "    elif False:\n",
        "of an older epoch",
    ),
    Defect(
        "C6",
        "a snapshot's hash is not compared with the journal's",
        f"{_JOURNAL}/snapshots.py",
        "    if head.hash != expected:\n",
        "    if False:\n",
        "of another history",
    ),
    Defect(
        "C7",
        "the digest depends on the order of hashes in memory",
        f"{_KERNEL}/chain.py",
        "            digest = self.settle()\n",
        '            digest = self.settle() ^ (hash("lockstep") & 0xFFFF)\n',
        "PYTHONHASHSEED",
    ),
    Defect(
        "T1",
        "the sequencer believes a clock that goes back",
        f"{_JOURNAL}/sequencer.py",
        "ts_ns = proposed_ns if proposed_ns > last_ns else last_ns",
        "ts_ns = proposed_ns",
        "seed 0: ack",
    ),
    Defect(
        "T2",
        "what is due runs one nanosecond late",
        f"{_ENGINE}/lifecycle/timers.py",
        "timers[0][0] > until_ns",
        "timers[0][0] >= until_ns",
        "+0 ns",
    ),
    Defect(
        "O1",
        "the lock of the owner is a shared one",
        f"{_JOURNAL}/owner.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        "second owner 0",
    ),
    Defect(
        "O2",
        "a transaction does not compare the epoch",
        f"{_JOURNAL}/writer.py",
        "        if found != self._epoch_value:\n",
        "        if False:\n",
        "was not fenced",
    ),
    Defect(
        "O3",
        "the last common command is called the first difference",
        "replay/lockstep_replay/comparison.py",
        "return Comparison(*lasts, low, _divergence(left, right, high, is_exact=True))",
        "return Comparison(*lasts, low, _divergence(left, right, low, is_exact=True))",
        "forked at",
    ),
    Defect(
        "P1",
        "a sink that raised is asked again",
        f"{_JOURNAL}/sequencer.py",
        "                self._sinks.remove(sink)\n",
        "",
        "how often a full queue was told",
    ),
    Defect(
        "P2",
        "the bytes of a page stand in another order than its records",
        f"{_JOURNAL}/store.py",
        "yield raws[: len(records)], records\n",
        "yield raws[: len(records)][::-1], records\n",
        "killed at step",
    ),
    Defect(
        "P3",
        "an export begins after the record that was asked for",
        f"{_JOURNAL}/transfer.py",
        "newest_snapshot(self._journal, from_seq - 1)",
        "newest_snapshot(self._journal, from_seq)",
        "a gap before",
    ),
    Defect(
        "B1",
        "cut bytes of a command are not expected",
        f"{_KERNEL}/codec.py",
        "            command = self._decode_command(body)\n"
        "        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:\n",
        "            command = self._decode_command(body)\n"
        "        except (msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:\n",
        "raised DecodeError",
    ),
    Defect(
        "B2",
        "any encoding of a command is taken",
        f"{_KERNEL}/codec.py",
        "        if canonical != body:\n",
        "        if False:\n",
        "was taken",
    ),
    Defect(
        "B3",
        "a nonce that was burnt is accepted again",
        f"{_ENGINE}/access/nonces.py",
        "        _burn(core, known, signer, nonce)\n    return code\n",
        "        _burn(core, known, signer, nonce)\n    return 0 if code == _REUSED else code\n",
        "applied twice",
    ),
    Defect(
        "B4",
        "an order leaves its last lots unfilled",
        f"{_ENGINE}/matching/sweep.py",
        "    while taker.remaining_lots > 0:\n        best",
        "    while taker.remaining_lots > 4_000:\n        best",
        "fills of one order",
    ),
    Defect(
        "U1",
        "the frame of the hash has another domain",
        f"{_KERNEL}/chain.py",
        'b"LKSTEP\\x01\\x01"',
        'b"LKSTEP\\x01\\x02"',
        "on its machine",
    ),
    Defect(
        "U2",
        "a newer format is read as if it were this one",
        f"{_JOURNAL}/layout.py",
        "    if found != FORMAT:\n",
        "    if found < FORMAT:\n",
        "a journal: was read",
    ),
    Defect(
        "U3",
        "a snapshot loads without its time",
        f"{_KERNEL}/chain.py",
        "Chain(machine, genesis, core, head.seq, head.ts_ns, head.hash)",
        "Chain(machine, genesis, core, head.seq, 0, head.hash)",
        "the state at",
    ),
    Defect(
        "M1",
        "a sink may submit",
        f"{_JOURNAL}/sequencer.py",
        "        if self._is_busy:\n",
        "        if False:\n",
        "submit within submit: ",
    ),
)
