"""What is wrong with a journal's pages, by comparison with the truth: INV-4.

A device that lied leaves a journal that is whole, damaged in its records, in a snapshot, in its
meta entries, or in pages that cannot be followed. The product must name the first damage, and must
never take a damaged journal for a good one.
"""

import lmdb
import msgspec

from lockstep_kernel import Fault
from lockstep_runtime.simulate.disk import Pages
from lockstep_runtime.simulate.framing import WrongBytes, read_end, read_meta, read_snapshot
from lockstep_runtime.simulate.referee import Referee, Violation, kept_events
from lockstep_runtime.simulate.tree import Tree, newest_meta

_DATABASES = ("commands", "snapshots", "events", "meta")
_BATCH_MAX = 64
_KEY_BYTES = 8
_META = (b"format", b"genesis", b"epoch", b"end", b"keep_events", b"lmdb")


class Survey(msgspec.Struct, frozen=True):
    """What is wrong: records, snapshots, and whether pages or meta entries are."""

    bad: list[int]
    bad_in_order: list[int]
    strange: list[int]
    bad_snapshots: list[int]
    is_unreadable: bool
    is_meta_bad: bool
    last_seq: int
    snapshots: list[int]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        is_rest_sound = not (self.is_unreadable or self.is_meta_bad)
        return is_rest_sound and not (self.bad or self.strange or self.bad_snapshots)

    def is_only(self, snapshots: list[int]) -> bool:
        """Whether nothing is wrong but these snapshots."""
        is_rest_sound = not (self.bad or self.strange or self.is_unreadable or self.is_meta_bad)
        return is_rest_sound and set(self.bad_snapshots) <= set(snapshots)

    def may_name(self, seq: int | None, first_seq: int) -> bool:
        """Whether a recovery may stop at `seq`: the first bad record behind where it began."""
        if seq is None or self.is_unreadable:
            return self.is_unreadable or self.is_meta_bad
        starts = [first_seq - 1, *self.snapshots]
        if first_seq > 1 and set(self.snapshots) <= set(self.bad_snapshots) and seq == first_seq:
            return True
        # Wherever it begins, a recovery looks at the last record, and at all keys if their
        # number is wrong: then it may name one before its snapshot.
        newest = max(self.snapshots, default=0)
        last = [one for one in self.bad if one == self.last_seq or one <= newest]
        lists = (self.bad, self.bad_in_order)
        firsts = [next((n for n in bad if n > one), None) for bad in lists for one in starts]
        named = [*last, *firsts]
        return (
            seq in named or seq in self.strange or (self.is_meta_bad and seq <= self.last_seq + 1)
        )

    def must_fail(self, start: int) -> bool:
        """Whether a recovery from `start` reads a damaged record."""
        return any(seq > start for seq in self.bad)


def survey(pages: Pages, referee: Referee) -> Survey:
    """Compare what is on the pages with the truth."""
    try:
        tree = Tree(pages, newest_meta(pages))
    except lmdb.Error:
        return Survey([], [], [], [], True, True, 0, [])
    broken: list[str] = []
    found = {name: _entries(tree, name, broken) for name in _DATABASES}
    records, snapshots, events = found["commands"], found["snapshots"], found["events"]
    in_order = _entries(tree, "commands", [], is_reading_on=True)
    first, known = referee.first_seq, referee.snapshots
    numbers = [_seq(key) for key in records]
    last = max((seq for seq in numbers if seq <= referee.last_seq + _BATCH_MAX), default=0)
    truth = range(first, referee.last_seq + 1)
    bad = [seq for seq in truth if referee.kept[seq - 1].raw not in records.get(_key(seq), ())]
    odd = [key for key, seq in zip(records, numbers, strict=True) if not first <= seq <= last]
    bad_events = referee.keeps_events and any(
        kept_events(seq, referee) not in events.get(_key(seq), ()) for seq in truth
    )
    return Survey(
        bad,
        [seq for seq in truth if referee.kept[seq - 1].raw not in in_order.get(_key(seq), ())],
        sorted({min(_seq(key), last + 1) for key in odd}),
        sorted(_seq(key) for key, raws in snapshots.items() if _is_bad(_seq(key), raws, known)),
        bool(broken) or any(len(key) != _KEY_BYTES for key in snapshots),
        _is_meta_bad(found["meta"], (first, last)) or bad_events,
        last,
        sorted(_seq(key) for key in snapshots if _seq(key) <= last),
    )


def _entries(
    tree: Tree, name: str, broken: list[str], is_reading_on: bool = False
) -> dict[bytes, list[bytes]]:
    """Return the entries that stand in the leaf where a cursor looks for them.

    A key may be there more than once. Where keys do not ascend a cursor need not find what is
    there; that is counted as broken, but for records, which are looked for one after the other.
    Who reads on from leaf to leaf does not see that an entry is behind the border of its leaf.
    """
    found: dict[bytes, list[bytes]] = {}
    leaves = tree.databases.get(name, [])
    ends: list[bytes | None] = [*(leaf.first for leaf in leaves[1:]), None]
    for leaf, end in zip(leaves, ends, strict=False):
        try:
            entries = [(entry[0], tree.value(entry)) for entry in tree.entries(leaf)]
        except lmdb.Error:
            broken.append(name)
            continue
        keys = [key for key, _value in entries]
        if name != "commands" and (keys != sorted(set(keys)) or keys[:1] != [leaf.first]):
            broken.append(name)
        elif name == "snapshots" and end is not None and keys[-1] >= end:
            # An older page: who reads from leaf to leaf lists a snapshot twice.
            broken.append(name)
        for key, value in entries:
            is_before_end = end is None or key < end or is_reading_on
            if is_before_end and (leaf is leaves[0] or leaf.first <= key):
                found.setdefault(key, []).append(value)
    return found


def _is_meta_bad(meta: dict[bytes, list[bytes]], expected: tuple[int, int]) -> bool:
    try:
        for name in _META:
            read_meta(name, meta[name][0])
        first, _count, last, *_rest = read_end(meta[b"end"][0])
    except (KeyError, WrongBytes):
        return True
    return (first, max(last, first - 1)) != (expected[0], max(expected[1], first - 1))


def _is_bad(seq: int, raws: list[bytes], known: dict[int, bytes]) -> bool:
    """Whether a snapshot is not what it was; one that was never seen must at least be whole."""
    if seq in known:
        return known[seq] not in raws
    try:
        return read_snapshot(raws[0]).seq != seq
    except WrongBytes:
        return True


def _seq(key: bytes) -> int:
    return int.from_bytes(key, "big")


def _key(seq: int) -> bytes:
    return seq.to_bytes(8, "big")


def judge_refusal(found: Survey, referee: Referee, fault: Fault, has_lied: bool) -> None:
    """INV-4: a journal that is not recovered is damaged, and the first damage is named."""
    seq = getattr(fault, "seq", None)
    if not has_lied:
        raise Violation(f"INV-1: a sound journal does not recover: {fault}")
    if found.is_sound:
        raise Violation(f"INV-4: a whole journal does not recover: {fault}")
    if not found.may_name(seq, referee.first_seq):
        raise Violation(
            f"INV-4: damaged are {found.bad or 'pages or meta'}, named was {seq}: {fault}"
        )


def judge_success(found: Survey, start: int, skipped: list[int], has_lied: bool) -> None:
    """INV-4: no damage is skipped, and no good snapshot either."""
    if found.must_fail(start):
        raise Violation(f"INV-4: recovered from {start} on, over the damaged {found.bad}")
    wrong = [seq for seq in skipped if seq not in found.bad_snapshots]
    wrong = [seq for seq in wrong if seq + 1 not in found.bad]
    if wrong and not (has_lied and found.is_unreadable):
        raise Violation(f"INV-4: snapshots {wrong} were passed over, which are good")
    if start in found.bad_snapshots:
        raise Violation(f"INV-4: snapshot {start} is damaged, and was recovered from")
