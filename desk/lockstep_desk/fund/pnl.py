"""Profit and loss of fills by cash flow, in one bucket or one for each deployment.

Owns the cash-flow view: what was received less what was paid and less fees, funding with it, and
the open inventory beside it. It never averages a cost and never looks anything up; it takes any
iterable of fills, from a list, a file or a database, in any order.

Invariants: every fill and every funding in the window is counted in exactly one bucket; sums are
exact at 1e-17 and scaled once, towards zero; windows are half-open, so adjacent ones share no fill.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import assert_never

import msgspec

from lockstep_desk.errors import InvalidValueError, each_of, need_callable, need_int, need_member
from lockstep_desk.types import E8, Fill, Funding, Mark


class GroupBy(IntEnum):
    """Whether there is one bucket, with the key None, or one for each deployment."""

    TOTAL = 1
    DEPLOYMENT = 2


class Pnl(msgspec.Struct, frozen=True):
    """Realised and unrealised profit, exact."""

    realized_e17: int
    unrealized_e17: int

    @property
    def realized_e9(self) -> int:
        """Return the realised profit at 1e-9, rounded towards zero."""
        return _scaled(self.realized_e17)

    @property
    def unrealized_e9(self) -> int:
        """Return the unrealised profit at 1e-9, rounded towards zero."""
        return _scaled(self.unrealized_e17)


class PnlBucket(msgspec.Struct, frozen=True):
    """What the fills of one key made. `key` None holds the unattributed ones, or the total.

    `funding_e9` is what was received of it, negative what was paid; the realised profit holds it.
    `open_positions_by_symbol` is the signed quantity that the window's fills leave open, at 1e-8,
    by symbol in order; symbols that are flat are absent.
    """

    key: str | None
    pnl: Pnl
    fill_count: int
    fees_e9: int
    gross_volume_e17: int
    open_positions_by_symbol: dict[str, int]
    funding_e9: int = 0

    @property
    def gross_volume_e9(self) -> int:
        """Return the sum of quantity times price at 1e-9, rounded towards zero."""
        return _scaled(self.gross_volume_e17)


class PnlReport(msgspec.Struct, frozen=True):
    """The buckets by key, the one without a key last, and what was odd about the input.

    `duplicates` counts fills and parts of funding that came again with the same id, in or out of
    the window; `conflicts` names those that came again with other content: the first one counts.
    `unmarked` names symbols with open inventory that `enrich_unrealized` had no price for: they add
    nothing.
    """

    group_by: GroupBy
    start_ns: int
    end_ns: int
    buckets: tuple[PnlBucket, ...]
    duplicates: int
    conflicts: tuple[str, ...]
    unmarked: tuple[str, ...] = ()

    def bucket(self, key: str | None = None) -> PnlBucket:
        """Return the bucket of a key, by default the total or the unattributed one."""
        for bucket in self.buckets:
            if bucket.key == key:
                return bucket
        raise InvalidValueError(f"key: expected one of {self.keys()}, found {key!r}")

    def keys(self) -> list[str | None]:
        """Return the keys of the buckets."""
        return [bucket.key for bucket in self.buckets]

    def enrich_unrealized(self, mark: Mark) -> "PnlReport":
        """Return the report with open inventory valued at `mark`; doing it again changes nothing.

        A symbol without a mark contributes zero and is named in `unmarked`.
        """
        need_callable("mark", mark, "from a symbol to its price")
        marks: dict[str, int | None] = {}
        for bucket in self.buckets:
            for symbol in bucket.open_positions_by_symbol:
                if symbol not in marks:
                    marks[symbol] = _marked(mark, symbol)
        buckets = tuple(_valued(bucket, marks) for bucket in self.buckets)
        unmarked = tuple(sorted(symbol for symbol, price in marks.items() if price is None))
        return msgspec.structs.replace(self, buckets=buckets, unmarked=unmarked)


def compute_pnl(
    fills: Iterable[Fill],
    start_ns: int,
    end_ns: int,
    group_by: GroupBy = GroupBy.TOTAL,
    fundings: Iterable[Funding] = (),
) -> PnlReport:
    """Return the profit of the fills and funding whose time is in [start_ns, end_ns).

    What comes again is counted once, whichever window it is in; the ids of fills are those of their
    account. A window that holds no moment raises. Time and memory are linear in the fills.
    """
    need_member("group_by", group_by, GroupBy)
    need_int("start_ns", start_ns, 0)
    if need_int("end_ns", end_ns, 0) <= start_ns:
        raise InvalidValueError(
            f"end_ns: expected a window that ends after its start {start_ns}, found {end_ns}"
        )
    met = _Met()
    sums: dict[str | None, _Sums] = {} if group_by is GroupBy.DEPLOYMENT else {None: _Sums()}
    for fill in each_of("fills", fills, Fill):
        if met.is_new((fill.fill_id, fill.account), fill) and start_ns <= fill.ts_ns < end_ns:
            sums.setdefault(_key(fill, group_by), _Sums()).add(fill)
    for paid in each_of("fundings", fundings, Funding):
        key = (paid.funding_id, paid.deployment_id)
        if met.is_new(key, paid) and start_ns <= paid.ts_ns < end_ns:
            sums.setdefault(_key(paid, group_by), _Sums()).funding_e9 += paid.amount_e9
    buckets = tuple(sums[key].bucket(key) for key in sorted(sums, key=_none_last))
    conflicts = tuple(sorted(met.conflicts))
    return PnlReport(group_by, start_ns, end_ns, buckets, met.duplicates, conflicts)


class _Met:
    """What came so far, by key: what comes again does not count."""

    def __init__(self) -> None:
        self.duplicates = 0
        self.conflicts: set[str] = set()
        self._known: dict[tuple[str | None, ...], Fill | Funding] = {}

    def is_new(self, key: tuple[str | None, ...], one: Fill | Funding) -> bool:
        """Return whether it is the first of its key, whose first word is its id."""
        first = self._known.get(key)
        if first is None:
            self._known[key] = one
            return True
        self.duplicates += 1
        if first != one and not _is_same(first, one):
            self.conflicts.add(f"{key[0]}")
        return False


def _is_same(first: Fill | Funding, again: Fill | Funding) -> bool:
    """Return whether two fills differ only in that one of them knows no `seq`."""
    if not isinstance(first, Fill) or not isinstance(again, Fill):
        return False
    return 0 in (first.seq, again.seq) and first == msgspec.structs.replace(again, seq=first.seq)


class _Sums:
    """The running sums of one bucket, all exact."""

    __slots__ = ("cash_e17", "count", "fees_e9", "funding_e9", "gross_e17", "open_e8")

    def __init__(self) -> None:
        self.cash_e17 = 0
        self.count = 0
        self.fees_e9 = 0
        self.funding_e9 = 0
        self.gross_e17 = 0
        self.open_e8: dict[str, int] = {}

    def add(self, fill: Fill) -> None:
        value_e17 = fill.value_e17
        self.cash_e17 -= fill.side.sign * value_e17
        self.count += 1
        self.fees_e9 += fill.fee_e9
        self.gross_e17 += value_e17
        self.open_e8[fill.instrument] = self.open_e8.get(fill.instrument, 0) + fill.signed_qty_e8

    def bucket(self, key: str | None) -> PnlBucket:
        held = {symbol: qty for symbol, qty in sorted(self.open_e8.items()) if qty}
        pnl = Pnl(self.cash_e17 + (self.funding_e9 - self.fees_e9) * E8, 0)
        return PnlBucket(key, pnl, self.count, self.fees_e9, self.gross_e17, held, self.funding_e9)


def _key(fill: Fill | Funding, group_by: GroupBy) -> str | None:
    match group_by:
        case GroupBy.TOTAL:
            return None
        case GroupBy.DEPLOYMENT:
            return fill.deployment_id
        case _:
            assert_never(group_by)


def _none_last(key: str | None) -> tuple[bool, str]:
    return key is None, key or ""


def _marked(mark: Mark, symbol: str) -> int | None:
    price = mark(symbol)
    return None if price is None else need_int(f"mark of {symbol}", price, 0)


def _valued(bucket: PnlBucket, marks: dict[str, int | None]) -> PnlBucket:
    held = bucket.open_positions_by_symbol
    unrealized_e17 = sum(qty * (marks[symbol] or 0) for symbol, qty in held.items())
    return msgspec.structs.replace(bucket, pnl=Pnl(bucket.pnl.realized_e17, unrealized_e17))


def _scaled(value_e17: int) -> int:
    """Return a value at 1e-9, rounded towards zero."""
    return value_e17 // E8 if value_e17 >= 0 else -(-value_e17 // E8)
