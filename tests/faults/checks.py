"""The checks of the scorecard, in its order: id, fault, pass mark, sizes, and who runs it.

Sizes count what a check counts: system calls, images, flips, places. R has no rows of its own: see
`scorecard.REPLICATION`.
"""

from tests.faults import (
    clocks,
    corruption,
    disorder,
    inputs,
    misuse,
    ownership,
    power,
    publishing,
    upgrades,
    writes,
)
from tests.faults.registry import Check
from tests.faults.tools import FAKETIME, STRACE, TMPFS

EVERY = 10**9
"""A size that is more than there is: everything."""

WRITES = (
    Check(
        "W1",
        "SIGKILL at every write and sync",
        "nothing acknowledged lost, batches whole, over all calls",
        12,
        EVERY,
        writes.killed_at_every_step,
        (STRACE,),
    ),
    Check(
        "W2",
        "power loss: unsynced writes dropped, reordered, torn",
        "0 bad of 1,000 images or more; with syncs off some are bad",
        24,
        5_000,
        power.lost,
        (STRACE,),
    ),
    Check(
        "W3",
        "EIO at every write and sync, once and for ever",
        "0 acknowledgements after the first error, exit code 3, recovers",
        12,
        EVERY,
        writes.failed_at_every_step,
        (STRACE,),
    ),
    Check(
        "W4",
        "the disk is full (tmpfs)",
        "0 lost, no signal, readable, goes on where there is room",
        2,
        24,
        writes.full_disk,
        (TMPFS,),
    ),
    Check(
        "W5",
        "the map is full",
        "state and log agree after a restart, goes on with a larger map",
        2,
        32,
        writes.full_map,
    ),
    Check(
        "W6",
        "a write is lost: the system says done, and did nothing",
        "every one found, by the writer, the next reader or the acknowledged hash",
        9,
        EVERY,
        writes.lost_writes,
        (STRACE,),
    ),
    Check(
        "W7",
        "every sync takes 200 ms",
        "order kept, the client sees the delay",
        3,
        12,
        writes.slow_syncs,
        (STRACE,),
    ),
)

CORRUPTION = (
    Check(
        "C1",
        "every bit of every record of a 200-record journal",
        "`verify` names the record of every flipped bit",
        200,
        EVERY,
        corruption.every_bit,
    ),
    Check(
        "C2",
        "pages zeroed, swapped, random, torn, with wrong headers",
        "0 wrong data without an error; no program ends by a signal",
        36,
        EVERY,
        corruption.wrong_pages,
    ),
    Check(
        "C3",
        "the file is cut at every page and beside",
        "every cut reported as damage by every program",
        12,
        EVERY,
        corruption.cut_files,
    ),
    Check(
        "C4",
        "a torn tail and a damaged middle",
        "distinct exit codes, the right record named, nothing cut off",
        3,
        EVERY,
        disorder.torn_or_damaged,
    ),
    Check(
        "C5",
        "records missing, doubled, swapped, foreign, of an old epoch",
        "every one named by its sequence number",
        6,
        EVERY,
        disorder.wrong_records,
    ),
    Check(
        "C6",
        "snapshots damaged, stale, newer, of another history",
        "an older one or genesis is used; the final hash is the same",
        2,
        EVERY,
        disorder.wrong_snapshots,
    ),
    Check(
        "C7",
        "order of hashes in memory, -O, the other machine",
        "1 distinct hash",
        1,
        EVERY,
        disorder.one_hash,
    ),
)

CLOCKS = (
    Check(
        "T1",
        "the clock jumps forward, back, stands still (faketime)",
        "no time in the journal goes back",
        1,
        20,
        clocks.jumping_clock,
        (FAKETIME,),
    ),
    Check(
        "T2",
        "expiry, leap day, summer time, windows: at the nanosecond",
        "every boundary as the rules say, on both machines",
        1,
        1,
        clocks.exact_times,
    ),
)

OWNERSHIP = (
    Check(
        "O1",
        "two writers on one host, one after the other or at once",
        "the second refused, 100 of 100; of two at once never both",
        8,
        100,
        ownership.two_writers,
    ),
    Check(
        "O2",
        "an owner stopped (SIGSTOP) wakes up after a takeover",
        "0 stale writes accepted; readers refuse an older epoch",
        1,
        18,
        ownership.zombie,
        (STRACE,),
    ),
    Check(
        "O3",
        "two histories after the same command",
        "the exact first difference, with both hashes",
        4,
        EVERY,
        ownership.split_brain,
    ),
)

PUBLISHING = (
    Check(
        "P1",
        "a consumer stands still, or its queue is full",
        "the engine does not wait, the queue is bounded, p99 within 2x",
        120,
        300,
        publishing.slow_sink,
        note="the consumer follows the journal, which is its queue; a sink in the sequencer's own "
        "process slows it, and one that refuses is detached and fetches the rest",
    ),
    Check(
        "P2",
        "a publisher is killed before or after each step",
        "nothing missing; what comes twice has the same (epoch, seq) and bytes",
        8,
        EVERY,
        publishing.dead_publisher,
        note="the product has no publisher with a cursor yet: a small one reads the journal",
    ),
    Check(
        "P3",
        "a consumer accepts and then loses what it took",
        "it asks from its own last number on and gets everything",
        12,
        EVERY,
        publishing.forgetful_sink,
        note="the consumer is a small one of this check, and is served by exports",
    ),
)

INPUT = (
    Check(
        "B1",
        "wrong types, NaN, huge, surrogates, deep, cut, mutated",
        "0 uncaught, nothing changes by what is refused",
        1_500,
        EVERY,
        inputs.bad_input,
    ),
    Check(
        "B2",
        "unknown commands, fields, versions",
        "all refused, nothing changes",
        600,
        EVERY,
        inputs.unknown_input,
    ),
    Check(
        "B3",
        "every command again, at once and after a restart",
        "applied once: a refusal with a stable code, no other record changes",
        120,
        1_500,
        inputs.repeated_input,
        note="a repeated request is answered with what it was answered before, a repeated nonce "
        "is refused; there is no reply of the whole first answer",
    ),
    Check(
        "B4",
        "one order takes 5,000 others",
        "every fill, in less than 1 s of computing",
        1,
        5,
        inputs.large_sweep,
    ),
)

UPGRADES = (
    Check(
        "U1",
        "older journals on the code of today",
        "every golden comes to its pinned hash; rules switch inside a journal",
        1,
        1,
        upgrades.old_logs,
    ),
    Check(
        "U2",
        "newer journals on older code",
        "refused by version, in every place where one stands",
        1,
        1,
        upgrades.new_logs,
        note="there is no older release to run: data with a higher version is read by the code "
        "of today, and a journal that switches its rules by a machine without the new ones",
    ),
    Check(
        "U3",
        "snapshots of goldens and journals",
        "what the whole log comes to, byte for byte",
        1,
        1,
        upgrades.snapshots,
        note="there has been one format of snapshots so far",
    ),
)

MISUSE = (
    Check(
        "M1",
        "fork, threads, second open, too early, too late, nested",
        "all refused with a sentence; the journal is good",
        1,
        1,
        misuse.misused,
    ),
)

CHECKS: tuple[Check, ...] = (
    *WRITES,
    *CORRUPTION,
    *CLOCKS,
    *OWNERSHIP,
    *PUBLISHING,
    *INPUT,
    *UPGRADES,
    *MISUSE,
)
