"""Auto-deleveraging, insurance fund and debt ([LIQ-2]): what the books could not close or pay."""

from functools import cmp_to_key
from typing import Final

from lockstep_engine.codes import CashReason, InstrumentStatus, Side
from lockstep_engine.events import AutoDeleveraged, DeleveragedSide
from lockstep_engine.matching.reduce_only import cut_reduce_only
from lockstep_engine.matching.relief import cut_uncovered
from lockstep_engine.money.cash import move_cash
from lockstep_engine.money.settle import settle_side
from lockstep_engine.risk.standing import alone_e6, standing_of
from lockstep_engine.state import Account, Events, ExchangeCore, Holding
from lockstep_kernel.arith import div_ceil, div_floor

_EXPIRED: Final = int(InstrumentStatus.EXPIRED_PENDING_PRICE)
_BUY: Final = int(Side.BUY)
_SELL: Final = int(Side.SELL)
_INSURANCE: Final = int(CashReason.INSURANCE)
_DEBT: Final = int(CashReason.DEBT)


def by_maintenance(
    core: ExchangeCore, account: Account, before_status: int
) -> list[tuple[Holding, int]]:
    """Return the positions with their MM alone, the highest first, then by instrument.

    Only those of instruments whose status comes before the given one.
    """
    found = [
        (holding, alone_e6(core, holding)[1])
        for _number, holding in sorted(account.holdings.items())
        if holding.qty_lots and holding.instrument.status < before_status
    ]
    found.sort(key=_falling)
    return found


def deleverage(core: ExchangeCore, account: Account, events: Events) -> None:
    """Close positions that trade against other accounts until there is enough.

    Each takes its share of what the account has to lose, by its maintenance margin.
    """
    positions = by_maintenance(core, account, _EXPIRED)
    weights = [max(1, maintenance) for _holding, maintenance in positions]
    left = sum(weights)
    for (holding, _maintenance), weight in zip(positions, weights, strict=True):
        standing = standing_of(core, account)
        if standing.is_enough():
            return
        share = div_floor(standing.losable_e6() * weight, left)
        left -= weight
        _deleverage(core, holding, bankruptcy_lot_e6(holding, share), events)


def bankruptcy_lot_e6(holding: Holding, share_e6: int) -> int:
    """Return what a lot is closed for so that the account loses its share, rounded for it.

    Never below nothing, nor above the highest price of the instrument.
    """
    qty, instrument = holding.qty_lots, holding.instrument
    marked = abs(qty) * instrument.mark_lot_e6
    if qty > 0:
        lot = div_ceil(marked - share_e6, qty)
    else:
        lot = div_floor(marked + share_e6, -qty)
    return min(max(lot, 0), instrument.max_price_ticks * instrument.value_e6)


def bearable_lot_e6(holding: Holding, lot_e6: int) -> int:
    """Return what a counterparty closes a lot for, asked to do so for `lot_e6`.

    It is no worse for it than the mark or, if that is worse still, its average entry, rounded for
    it: it loses no more than it won.
    """
    qty, marked = holding.qty_lots, holding.instrument.mark_lot_e6
    if qty > 0:
        return max(lot_e6, min(marked, div_ceil(holding.cost_e6, qty)))
    return min(lot_e6, max(marked, div_floor(-holding.cost_e6, -qty)))


def cover_deficit(core: ExchangeCore, account: Account, events: Events) -> None:
    """Let the fund pay what an account without positions owes; the rest is its debt."""
    if any(holding.qty_lots for holding in account.holdings.values()):
        return
    paid = min(core.treasury.insurance_e6, -account.cash_e6)
    if paid > 0:
        core.treasury.insurance_e6 -= paid
        core.touch(core.treasury)
        move_cash(core, account, _INSURANCE, paid, events)
    missing = -account.cash_e6
    if missing > 0:
        account.debt_e6 += missing
        move_cash(core, account, _DEBT, missing, events)


class _Candidate:
    """A position that may be deleveraged: its rank is `score` / `collateral_e6`."""

    __slots__ = ("collateral_e6", "holding", "score")

    def __init__(self, core: ExchangeCore, holding: Holding) -> None:
        marked = holding.qty_lots * holding.instrument.mark_lot_e6
        self.holding = holding
        self.score = (marked - holding.cost_e6) * abs(marked)
        self.collateral_e6 = max(1, standing_of(core, holding.account).collateral_e6)


def _deleverage(core: ExchangeCore, holding: Holding, lot_e6: int, events: Events) -> None:
    """Close a position against the others at that value of a lot, or what each of them can bear."""
    left = abs(holding.qty_lots)
    side = _SELL if holding.qty_lots > 0 else _BUY
    sign = -1 if side == _SELL else 1
    for other in _ranked(core, holding):
        lots = min(left, abs(other.qty_lots))
        left -= lots
        price = bearable_lot_e6(other, lot_e6)
        signed, value = sign * lots, sign * lots * price
        sides = (
            _settled(core, holding, signed, value),
            _settled(core, other, -signed, -value),
        )
        number = holding.instrument.instrument
        events.append(AutoDeleveraged(number, lots, side, price, *sides))
        cut_reduce_only(core, other, events)
        cut_uncovered(core, other, events)
        if left == 0:
            return


def _settled(core: ExchangeCore, holding: Holding, lots: int, value_e6: int) -> DeleveragedSide:
    account = holding.account
    realised = settle_side(core, holding, lots, value_e6, 0)
    return DeleveragedSide(
        account.account, realised, holding.qty_lots, holding.cost_e6, account.cash_e6
    )


def _ranked(core: ExchangeCore, holding: Holding) -> list[Holding]:
    """Return the opposite positions, the one with the most profit and leverage first."""
    number = holding.instrument.instrument
    candidates: list[_Candidate] = []
    for _account, account in sorted(core.accounts.items()):
        other = account.holdings.get(number)
        if other is not None and other.qty_lots * holding.qty_lots < 0:
            candidates.append(_Candidate(core, other))
    candidates.sort(key=cmp_to_key(_compare))
    return [candidate.holding for candidate in candidates]


def _compare(one: _Candidate, other: _Candidate) -> int:
    """Compare ranks by cross-multiplying: below 0 if `one` comes first; equals keep their order."""
    return other.score * one.collateral_e6 - one.score * other.collateral_e6


def _falling(found: tuple[Holding, int]) -> int:
    return -found[1]
