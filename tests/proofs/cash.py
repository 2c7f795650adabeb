"""Money and positions of a whole trade, through the sweep ([POS-2], [POS-3], [FEE-1]).

The maker rests in a real book and the taker enters it. Lots, costs, the value of a
tick, the index and rates are any integers in their range, but for the rates of options, which are
split into a few cases.
"""

from typing import Annotated

from lockstep_engine.codes import SelfTradeMode
from lockstep_engine.matching.sweep import enter
from lockstep_engine.state import ExchangeCore, Instrument
from tests.proofs.contract import Between, Contract, OneOf, planted
from tests.proofs.world import (
    BUY,
    CALL,
    KINDS,
    PERPETUAL,
    SELL,
    money_of,
    new_account,
    new_core,
    new_holding,
    new_instrument,
    new_order,
    rest_in_book,
)

Kind = Annotated[int, OneOf(KINDS)]
Lots = Annotated[int, Between(1, 2**16)]
Held = Annotated[int, Between(-(2**56), 2**56)]
Tick = Annotated[int, Between(1, 2**40)]
Index = Annotated[int, Between(0, 2**50)]
Money = Annotated[int, Between(-(2**62), 2**62)]
Rate = Annotated[int, Between(-(10**8), 10**8)]
Share = Annotated[int, Between(0, 10**4)]
RateCase = Annotated[int, OneOf((-200_000, 0, 500_000))]
ShareCase = Annotated[int, OneOf((0, 2_500, 10_000))]

SWEEP = "lockstep_engine/matching/sweep.py"
SETTLE = "lockstep_engine/money/settle.py"


def _market(kind: int, tick_e6: int, index_e6: int) -> tuple[ExchangeCore, Instrument]:
    core = new_core()
    instrument = new_instrument(core, kind, tick_e6)
    instrument.index_lot_e6 = index_e6
    return core, instrument


def _trades_with_fees(kind: int, tick_e6: int, index_e6: int, rates: tuple[int, int, int]) -> None:
    core, instrument = _market(kind, tick_e6, index_e6)
    maker_rate, taker_rate, share = rates
    all_rates = (maker_rate, taker_rate, maker_rate, taker_rate, 125_000_000, share)
    maker, taker = new_account(core, all_rates), new_account(core, all_rates)
    builder = new_account(core)
    resting = new_order(core, new_holding(maker, instrument), SELL, 1, 2)
    entering = new_order(core, new_holding(taker, instrument), BUY, 1, 2)
    resting.builder = entering.builder = builder.account
    before = money_of(core)
    rest_in_book(core, resting)
    enter(core, entering, [])
    assert before == money_of(core)
    assert core.treasury.fees_e6 >= 0
    assert builder.cash_e6 >= 0


def a_trade_of_a_future_conserves_money(
    tick: Tick, maker_rate: Rate, taker_rate: Rate, share: Share
) -> None:
    """Cash of all accounts + clearing cash + fees stay; the exchange and builders never pay."""
    _trades_with_fees(PERPETUAL, tick, 0, (maker_rate, taker_rate, share))


def a_trade_of_an_option_conserves_money(
    tick: Tick, index: Index, maker_rate: RateCase, taker_rate: RateCase, share: ShareCase
) -> None:
    """The same with fees on the index, capped by the premium."""
    _trades_with_fees(CALL, tick, index, (maker_rate, taker_rate, share))


def a_trade_conserves_money_over_positions(
    kind: Kind, maker_held: Held, taker_held: Held, cost: Money, tick: Tick
) -> None:
    """The same where both sides have positions to close or to add to, at any cost."""
    core, instrument = _market(kind, tick, 0)
    maker = new_holding(new_account(core), instrument, maker_held, cost)
    taker = new_holding(new_account(core), instrument, taker_held, -cost)
    before = money_of(core)
    rest_in_book(core, new_order(core, maker, SELL, 1, 2))
    enter(core, new_order(core, taker, BUY, 1, 2), [])
    assert before == money_of(core)


def positions_of_buyer_and_seller_sum_to_zero(
    maker_held: Held, is_buy: bool, maker_lots: Lots, taker_lots: Lots, tick: Tick
) -> None:
    """A trade moves the same lots both ways, the smaller of the two orders'."""
    core, instrument = _market(PERPETUAL, tick, 0)
    maker = new_holding(new_account(core), instrument, maker_held)
    taker = new_holding(new_account(core), instrument, -maker_held)
    side = BUY if is_buy else SELL
    rest_in_book(core, new_order(core, maker, 1 - side, 1, maker_lots))
    enter(core, new_order(core, taker, side, 1, taker_lots), [])
    assert 0 == maker.qty_lots + taker.qty_lots
    moved = min(maker_lots, taker_lots)
    assert moved == (taker.qty_lots + maker_held) * (1 if is_buy else -1)


def a_self_trade_moves_nothing_but_fees(
    kind: Kind, cost: Money, tick: Tick, maker_rate: Rate, taker_rate: Rate
) -> None:
    """An account that meets itself keeps position and cost; its cash pays both fees."""
    core, instrument = _market(kind, tick, 10**6)
    rates = (maker_rate, taker_rate, maker_rate, taker_rate, 125_000_000, 0)
    holding = new_holding(new_account(core, rates), instrument, 3, cost)
    before = money_of(core)
    rest_in_book(core, new_order(core, holding, SELL, 1, 2))
    entering = new_order(core, holding, BUY, 1, 2)
    entering.self_trade = int(SelfTradeMode.ALLOW)
    enter(core, entering, [])
    assert before == money_of(core)
    assert -core.treasury.fees_e6 == holding.account.cash_e6
    assert (3, cost) == (holding.qty_lots, holding.cost_e6)


CONTRACTS = (
    Contract(
        a_trade_of_a_future_conserves_money,
        ("POS-3", "FEE-1"),
        (
            planted(
                SWEEP,
                "the exchange keeps the taker's builder fee too",
                (
                    "treasury.fees_e6 += maker_fee - maker_builder + taker_fee - taker_builder",
                    "treasury.fees_e6 += maker_fee - maker_builder + taker_fee",
                ),
                {"tick": 1, "maker_rate": 0, "taker_rate": 1, "share": 10000},
            ),
            planted(
                SETTLE,
                "the fee of a future is paid to the payer",
                ("account.cash_e6 += realised - fee_e6", "account.cash_e6 += realised + fee_e6"),
                {"tick": 1, "maker_rate": 1, "taker_rate": 0, "share": 0},
            ),
        ),
    ),
    Contract(
        a_trade_of_an_option_conserves_money,
        ("POS-2", "POS-3", "FEE-1"),
        (
            planted(
                SETTLE,
                "the premium moves without the fee",
                (
                    "account.cash_e6 -= signed_value_e6 + fee_e6",
                    "account.cash_e6 -= signed_value_e6",
                ),
                {"tick": 1, "index": 250, "maker_rate": 500000, "taker_rate": 0, "share": 10000},
            ),
        ),
    ),
    Contract(
        a_trade_conserves_money_over_positions,
        ("POS-2", "POS-3"),
        (
            planted(
                SETTLE,
                "clearing cash takes realised profit twice",
                (
                    "instrument.clearing_e6 -= new_cost - cost",
                    "instrument.clearing_e6 -= new_cost - cost + realised",
                ),
                {"kind": 1, "maker_held": 3, "taker_held": -1, "cost": 0, "tick": 1},
            ),
        ),
    ),
    Contract(
        positions_of_buyer_and_seller_sum_to_zero,
        ("POS-3",),
        (
            planted(
                SWEEP,
                "the maker settles the lots that it had",
                (
                    "realised = settle_side(core, maker.holding, -bought, -paid, maker_fee)",
                    (
                        "realised = settle_side("
                        "core, maker.holding, -bought - maker.remaining_lots, -paid, maker_fee)"
                    ),
                ),
                {"maker_held": 2, "is_buy": 1, "maker_lots": 2, "taker_lots": 1, "tick": 1},
            ),
        ),
    ),
    Contract(
        a_self_trade_moves_nothing_but_fees,
        ("POS-3", "FEE-1"),
        (
            planted(
                SWEEP,
                "a self-trade settles like any other",
                ("    is_self = maker.account is taker.account\n", "    is_self = False\n"),
                {"kind": 3, "cost": -1, "tick": 1, "maker_rate": 125, "taker_rate": 125},
            ),
            planted(
                SWEEP,
                "a self-trade pays no fee",
                ("    order.account.cash_e6 -= fee_e6\n", ""),
                {"kind": 3, "cost": 0, "tick": 1, "maker_rate": 125, "taker_rate": 125},
            ),
        ),
    ),
)
