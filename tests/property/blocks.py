"""Draws blocks: mostly good ones near the mark, some that only reduce, now and then odd ones."""

from collections.abc import Sequence

import msgspec

from lockstep_engine.codes import InstrumentKind, MarginMode
from lockstep_engine.commands import (
    BlockLeg,
    Deposit,
    ExecuteBlock,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_engine.risk.modes import portfolio_code
from tests.property.dice import Dice, one_in, pick
from tests.property.orders import (
    LINEAGES,
    UNKNOWN_INSTRUMENT,
    closing_side,
    draw_instrument,
    is_trading,
)
from tests.property.scene import UNKNOWN_ACCOUNT, Item, Scene
from tests.property.world import (
    ACCOUNTS,
    INDEX_E6,
    INSTRUMENTS,
    OPTION_MARK_E6,
    ORACLE,
    TREASURY,
    first_tick,
    is_option,
)

_SIZES = (1, 2, 3, 5, 8, 13)
_FEW_OR_MANY = (1, 2, 3, 1, 2, 4, 8, 13)
_POOR_E6 = 3_000
_NOBODY = bytes(32)


def block(dice: Dice, scene: Scene) -> Item:
    """Draw a block and the time at which both parties send it."""
    account = pick(dice, ACCOUNTS)
    if one_in(dice, 3):
        account = _poorest(scene) or account
    return block_of(dice, scene, account)


def block_of(dice: Dice, scene: Scene, account: int) -> Item:
    """Draw a block of which an account is the first party."""
    other = _other(dice, scene, account)
    legs = _legs(dice, scene, account, other)
    action = ExecuteBlock(other, _NOBODY, 0, legs, b"", pick(dice, LINEAGES), pick(dice, LINEAGES))
    if one_in(dice, 10):
        action = msgspec.structs.replace(action, **pick(dice, _odd(account, legs[0])))
    return scene.by_both(dice, scene.time(dice), account, action)


def opening(dice: Dice, scene: Scene, parties: tuple[int, int], lots: Sequence[int]) -> Item:
    """Draw the block by which two accounts come to signed lots of each instrument."""
    legs = tuple(
        BlockLeg(number, 0 if signed > 0 else 1, near_mark(scene, number), abs(signed))
        for number, signed in zip(INSTRUMENTS, lots, strict=True)
        if signed
    )
    return scene.by_both(
        dice, scene.time(dice), parties[0], ExecuteBlock(parties[1], _NOBODY, 0, legs)
    )


def open_future(dice: Dice, scene: Scene) -> Item:
    """Draw a block in a dated future, or else in anything that trades."""
    listed = scene.state.instruments
    futures = [n for n in INSTRUMENTS if n in listed and listed[n].kind == InstrumentKind.FUTURE]
    return open_up(dice, scene, futures or INSTRUMENTS)


def open_up(dice: Dice, scene: Scene, among: Sequence[int] = INSTRUMENTS) -> Item:
    """Draw a block that should pass: in something that trades, at the mark, with nothing odd.

    If nothing trades for want of a mark, draw a mark; if nobody has cash, a deposit.
    """
    was_plain, scene.is_plain = scene.is_plain, True
    accounts = sorted(ACCOUNTS, key=lambda number: -_cash_e6(scene, number))
    first = pick(dice, accounts[:3])
    others = [n for n in accounts if n != first and not is_own(scene, first, n)]
    other = pick(dice, others or accounts)
    numbers = [n for n in among if suits(scene, n, first) and suits(scene, n, other)]
    if _cash_e6(scene, first) < _POOR_E6:
        item = scene.by_staff(dice, scene.time(dice), TREASURY, Deposit(first, 4 * _POOR_E6))
    elif numbers:
        start = dice.below(len(numbers))
        chosen = (numbers[start:] + numbers[:start])[: 1 + dice.below(2)]
        legs = tuple(
            BlockLeg(number, dice.below(2), _around(dice, scene, number), pick(dice, _FEW_OR_MANY))
            for number in chosen
        )
        block = ExecuteBlock(other, _NOBODY, 0, legs)
        item = scene.by_both(dice, scene.time(dice), first, block)
    else:
        item = scene.by_staff(dice, scene.time(dice), ORACLE, _missing_price(dice, scene))
    scene.is_plain = was_plain
    return item


def share(dice: Dice, scene: Scene, account: int, leg: tuple[int, int], other: int) -> Item:
    """Draw a block of an account with another one, in an instrument and on a side."""
    number, side = leg
    legs = (BlockLeg(number, side, _around(dice, scene, number), pick(dice, (1, 2, 3, 4))),)
    block = ExecuteBlock(other, _NOBODY, 0, legs)
    return scene.by_both(dice, scene.time(dice), account, block)


def _around(dice: Dice, scene: Scene, number: int) -> int:
    """Draw a price near the mark: within a few ticks where a tick is little."""
    price = near_mark(scene, number)
    return price + pick(dice, (0, 1, -1, 2)) if price >= 50 else price


def suits(scene: Scene, number: int, account: int) -> bool:
    """Return whether an account may trade an instrument at a whole tick near its mark."""
    found, instrument = scene.account(account), scene.state.instruments.get(number)
    if found is None or instrument is None or not is_trading(scene, number):
        return False
    band, mark_e6 = instrument.limits.block_band_bps, instrument.mark.price_e6
    if abs(near_mark(scene, number) * instrument.tick_e6 - mark_e6) * 10**4 > mark_e6 * band:
        return False
    is_portfolio = found.mode == MarginMode.PORTFOLIO
    return not is_portfolio or portfolio_code(scene.state, instrument) == 0


def _missing_price(dice: Dice, scene: Scene) -> UpdateIndexPrice | UpdateMarkPrice:
    number = pick(dice, INSTRUMENTS)
    symbol = scene.world.symbols[number - 1]
    if dice.below(2):
        return UpdateIndexPrice(symbol[:3], INDEX_E6)
    return UpdateMarkPrice(number, OPTION_MARK_E6 if is_option(symbol) else INDEX_E6)


def near_mark(scene: Scene, instrument: int) -> int:
    """Return the price in ticks nearest the mark."""
    found = scene.state.instruments.get(instrument)
    if found is None or found.mark.price_e6 == 0:
        return first_tick(scene.world.symbols[instrument - 1]) + 2
    return max(1, (found.mark.price_e6 + found.tick_e6 // 2) // found.tick_e6)


def _odd(account: int, leg: BlockLeg) -> tuple[dict[str, object], ...]:
    """Return fields that make a block refused, or nearly so."""
    legs = [
        msgspec.structs.replace(leg, **fields)
        for fields in (
            {"instrument": UNKNOWN_INSTRUMENT},
            *({"side": 2}, {"side": -1}, {"price_ticks": 0}, {"price_ticks": 401}),
            *({"price_ticks": leg.price_ticks * 2}, {"price_ticks": 1}, {"qty_lots": 0}),
            *({"qty_lots": 14}, {"qty_lots": 15}, {"qty_lots": -(2**60)}),
        )
    ]
    shapes: tuple[dict[str, object], ...] = (
        {"legs": ()},
        {"legs": (leg, leg)},
        {"legs": (leg,) * 21},
        {"lineage": b"short"},
        {"counter_lineage": b"fifteen bytes.."},
        {"counter_account": account},
        {"counter_account": UNKNOWN_ACCOUNT},
    )
    return (*shapes, *({"legs": (odd,)} for odd in legs))


def _poorest(scene: Scene) -> int:
    """Return an account that lacks margin, 0 if none does."""
    poor = [n for n in ACCOUNTS if scene.account(n) and not scene.answers.is_healthy(n)]
    return poor[0] if poor else 0


def _other(dice: Dice, scene: Scene, account: int) -> int:
    """Draw the other party, mostly one that may trade with the account."""
    others = [n for n in ACCOUNTS if n != account and not is_own(scene, account, n)]
    return pick(dice, others) if others and not one_in(dice, 16) else pick(dice, ACCOUNTS)


def is_own(scene: Scene, account: int, other: int) -> bool:
    """Return whether two accounts are of one group."""
    found, known = scene.account(account), scene.account(other)
    if found is None or known is None:
        return False
    return found.self_trade_group == known.self_trade_group != 0


def _cash_e6(scene: Scene, account: int) -> int:
    found = scene.account(account)
    return 0 if found is None else found.cash_e6


def _legs(dice: Dice, scene: Scene, account: int, other: int) -> tuple[BlockLeg, ...]:
    """Draw one to three legs; a third of the blocks reduce for one of the parties."""
    reducer = (0, 0, 0, account, account, other)[dice.below(6)]
    first = draw_instrument(dice, scene, reducer)
    count = pick(dice, (1, 1, 2, 3))
    numbers = [(first - 1 + place) % len(INSTRUMENTS) + 1 for place in range(count)]
    legs = [_leg(dice, scene, number, reducer, reducer == other) for number in numbers]
    if reducer:
        legs = [leg for leg in legs if _lots(scene, reducer, leg.instrument)] or legs
    return tuple(legs)


def _leg(dice: Dice, scene: Scene, number: int, reducer: int, is_other: bool) -> BlockLeg:
    side, lots = dice.below(2), pick(dice, _SIZES)
    closing = closing_side(scene, reducer, number) if reducer else -1
    if closing >= 0:
        side = 1 - closing if is_other else closing
        held = _lots(scene, reducer, number)
        lots = pick(dice, (held, max(1, held - 1), held + 1, 1))
    price = near_mark(scene, number) + pick(dice, (0, 0, 0, 1, -1, 2, -2, 5))
    return BlockLeg(number, side, max(1, price), lots)


def _lots(scene: Scene, account: int, instrument: int) -> int:
    """Return the size of a position."""
    found = scene.account(account)
    holding = found.holdings.get(instrument) if found is not None else None
    return 0 if holding is None else abs(holding.qty_lots)
