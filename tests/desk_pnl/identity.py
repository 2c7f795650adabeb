"""What must hold of every stream. Each check raises with the numbers that differ."""

import itertools
import random
from fractions import Fraction

from lockstep_desk import Fill
from lockstep_desk.fund import (
    DeploymentGate,
    GroupBy,
    LimitSet,
    PnlBucket,
    PnlReport,
    compute_pnl,
)
from tests.desk_pnl.oracle import accounts
from tests.desk_pnl.streams import END_NS, Stream

E17 = 10**17
LIMITS = LimitSet(max_position_cents=1, max_order_cents=1, max_orders_per_sec=1)


def check_stream(stream: Stream, seed: int) -> int:
    """Check all of one stream; return how many buckets were compared."""
    report = compute_pnl(stream.fills, 0, END_NS, GroupBy.DEPLOYMENT)
    report = report.enrich_unrealized(stream.marks.get)
    total = compute_pnl(stream.fills, 0, END_NS).enrich_unrealized(stream.marks.get)
    views_agree(stream, report, total)
    buckets_add_up(report, total)
    windows_add_up(stream, total, random.Random(seed))
    order_is_nothing(stream, report, random.Random(seed))
    gate_follows(stream, total)
    return len(report.buckets)


def views_agree(stream: Stream, report: PnlReport, total: PnlReport) -> None:
    """Cash flow and average cost give one profit: by bucket, in total, and by exits when flat."""
    average = accounts(stream.fills)
    whole = Fraction(0)
    for bucket in report.buckets:
        own = [(symbol, account) for (key, symbol), account in average.items() if key == bucket.key]
        realised = sum((account.realised for _, account in own), Fraction(0))
        profit = realised + sum(
            (account.unrealised(Fraction(stream.marks[symbol], 10**9)) for symbol, account in own),
            Fraction(0),
        )
        whole += profit
        assert profit == _profit(bucket), f"bucket {bucket.key!r}"
        if stream.is_flat:
            exits = sum((sum(account.exits) for _, account in own), Fraction(0))
            assert exits == Fraction(bucket.pnl.realized_e17, E17), f"exits of {bucket.key!r}"
            assert {} == bucket.open_positions_by_symbol
    assert whole == _profit(total.bucket()), "total"


def buckets_add_up(report: PnlReport, total: PnlReport) -> None:
    """The buckets of all deployments and of nobody are the total."""
    assert _sums(total.buckets) == _sums(report.buckets)


def windows_add_up(stream: Stream, total: PnlReport, dice: random.Random) -> None:
    """Adjacent windows, cut anywhere, are the whole."""
    cuts = sorted({0, END_NS, *(dice.randrange(1, END_NS) for _ in range(4))})
    parts = [
        compute_pnl(stream.fills, start, end).enrich_unrealized(stream.marks.get).bucket()
        for start, end in itertools.pairwise(cuts)
    ]
    assert _sums(total.buckets) == _sums(tuple(parts))


def order_is_nothing(stream: Stream, report: PnlReport, dice: random.Random) -> None:
    """Arriving in another order, or once instead of twice, changes no bucket."""
    once = list({fill.fill_id: fill for fill in stream.fills}.values())
    dice.shuffle(once)
    again = compute_pnl(once, 0, END_NS, GroupBy.DEPLOYMENT).enrich_unrealized(stream.marks.get)
    assert report.buckets == again.buckets
    assert (len(stream.fills) - len(once), 0) == (report.duplicates, again.duplicates)
    assert () == report.conflicts


def gate_follows(stream: Stream, total: PnlReport) -> None:
    """A gate that saw the fills holds their signed value and their quantities."""
    gate = DeploymentGate(LIMITS)
    fills = {fill.fill_id: fill for fill in stream.fills}.values()
    for fill in fills:
        gate.apply_fill(fill)
    assert sum(_signed_e17(fill) for fill in fills) == gate.state().position_e17
    held = tuple(total.bucket().open_positions_by_symbol.items())
    assert held == gate.state().quantities


def _signed_e17(fill: Fill) -> int:
    return fill.signed_qty_e8 * fill.price_e9


def _profit(bucket: PnlBucket) -> Fraction:
    return Fraction(bucket.pnl.realized_e17 + bucket.pnl.unrealized_e17, E17)


def _sums(buckets: tuple[PnlBucket, ...]) -> tuple[int, int, int, int, int, dict[str, int]]:
    held: dict[str, int] = {}
    for bucket in buckets:
        for symbol, qty in bucket.open_positions_by_symbol.items():
            held[symbol] = held.get(symbol, 0) + qty
    return (
        sum(bucket.fill_count for bucket in buckets),
        sum(bucket.pnl.realized_e17 for bucket in buckets),
        sum(bucket.pnl.unrealized_e17 for bucket in buckets),
        sum(bucket.gross_volume_e17 for bucket in buckets),
        sum(bucket.fees_e9 for bucket in buckets),
        {symbol: qty for symbol, qty in sorted(held.items()) if qty},
    )
