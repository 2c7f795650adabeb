"""Auto-deleveraging: what no book takes is closed against those who gained most ([LIQ-2])."""

from functools import cmp_to_key
from typing import NamedTuple

from lockstep_engine.codes import CancelReason, Side
from lockstep_engine.events import AutoDeleveraged, DeleveragedSide
from lockstep_kernel import div_ceil, div_floor
from lockstep_naive.book import by_id, cancel
from lockstep_naive.core import NaiveCore
from lockstep_naive.margin import (
    collateral_e6,
    free_e6,
    has_enough,
    holding_of,
    largest_first,
    margin_alone,
    value_e6,
)
from lockstep_naive.matching import keep_reduce_only_bound
from lockstep_naive.money import settle
from lockstep_naive.rows import Position
from lockstep_naive.worth import mark_lot_e6, trade_value_e6


class _Counterparty(NamedTuple):
    """An opposite position, and its rank as a fraction; the highest goes first."""

    position: Position
    numerator: int
    denominator: int


def deleverage(core: NaiveCore, account: int) -> None:
    """Close positions that have not expired, each with its share, until there is enough."""
    positions = largest_first(core, account)
    weights = [max(1, margin_alone(core, position).maintenance_e6) for position in positions]
    for place, position in enumerate(positions):
        if has_enough(core, account):
            return
        at_stake = min(value_e6(core, account), max(0, collateral_e6(core, account)))
        share_e6 = div_floor(at_stake * weights[place], sum(weights[place:]))
        _close(core, position, _bankruptcy_lot_e6(core, position, share_e6))


def _bankruptcy_lot_e6(core: NaiveCore, position: Position, share_e6: int) -> int:
    """Return the price of a lot at which a position takes its share with it."""
    instrument = core.instruments.must(position.instrument)
    lots = abs(position.qty_lots)
    value = lots * mark_lot_e6(core, instrument)
    if position.qty_lots > 0:
        lot_e6 = div_ceil(value - share_e6, lots)
    else:
        lot_e6 = div_floor(value + share_e6, lots)
    return max(0, min(lot_e6, trade_value_e6(instrument, instrument.max_price_ticks, 1)))


def _close(core: NaiveCore, position: Position, lot_e6: int) -> None:
    """Close a position whole, against one counterparty after the other."""
    left = abs(position.qty_lots)
    for counterparty in _counterparties(core, position):
        lots = min(left, abs(counterparty.qty_lots))
        if lots > 0:
            _fill(core, position, counterparty, lots, _price_for(core, counterparty, lot_e6))
            left -= lots


def _price_for(core: NaiveCore, counterparty: Position, lot_e6: int) -> int:
    """Return the price of a lot for a counterparty, which loses no more than it has won.

    What it paid or got for a lot is rounded in its favour.
    """
    mark_e6 = mark_lot_e6(core, core.instruments.must(counterparty.instrument))
    if counterparty.qty_lots > 0:
        entry_e6 = div_ceil(counterparty.cost_e6, counterparty.qty_lots)
        return max(lot_e6, min(mark_e6, entry_e6))
    entry_e6 = div_floor(-counterparty.cost_e6, -counterparty.qty_lots)
    return min(lot_e6, max(mark_e6, entry_e6))


def _counterparties(core: NaiveCore, position: Position) -> list[Position]:
    """Return the opposite positions of others: by falling rank, compared exactly, then account."""
    lot_e6 = mark_lot_e6(core, core.instruments.must(position.instrument))
    ranked = [
        _Counterparty(
            other,
            (other.qty_lots * lot_e6 - other.cost_e6) * abs(other.qty_lots) * lot_e6,
            max(1, collateral_e6(core, other.account)),
        )
        for other in sorted(core.positions.group("instrument", position.instrument))
        if other.qty_lots * position.qty_lots < 0
    ]
    return [each.position for each in sorted(ranked, key=cmp_to_key(_compare))]


def _compare(one: _Counterparty, other: _Counterparty) -> int:
    """Return below 0 if one goes first; a stable sort keeps equal ones in account order."""
    return other.numerator * one.denominator - one.numerator * other.denominator


def _fill(
    core: NaiveCore, position: Position, counterparty: Position, lots: int, lot_e6: int
) -> None:
    """Fill both sides without fee, and keep the counterparty's orders in bounds."""
    is_long = position.qty_lots > 0
    signed_lots = -lots if is_long else lots
    closed = settle(core, position.key, signed_lots, lot_e6, 0)
    opposite = settle(core, counterparty.key, -signed_lots, lot_e6, 0)
    core.emit(
        AutoDeleveraged(
            position.instrument,
            lots,
            int(Side.SELL if is_long else Side.BUY),
            lot_e6,
            DeleveragedSide(position.account, *closed),
            DeleveragedSide(counterparty.account, *opposite),
        )
    )
    keep_reduce_only_bound(core, counterparty.account, position.instrument)
    _drop_uncovered(core, counterparty)


def _drop_uncovered(core: NaiveCore, counterparty: Position) -> None:
    """Cancel a counterparty's orders there while its free is below 0, the newest first."""
    while free_e6(core, counterparty.account) < 0:
        orders = holding_of(core, counterparty.account, counterparty.instrument).orders
        if not orders:
            return
        cancel(core, by_id(orders)[-1], CancelReason.MARGIN)
