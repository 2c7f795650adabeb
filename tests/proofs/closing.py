"""Prices of closing orders in a liquidation ([LIQ-1]): near the mark, and such as can be borne.

Marks, values and the fund are any integers in their range; lots, the tick, the penalty and the rate
of the fee are split into cases where Z3 does not decide them.
"""

from itertools import product
from typing import Annotated

from lockstep_engine.lifecycle.liquidation import closing_price_ticks
from lockstep_engine.state import ExchangeCore, Holding
from tests.proofs.contract import Between, Contract, OneOf, each, planted
from tests.proofs.world import (
    BUY,
    PERPETUAL,
    SELL,
    new_account,
    new_core,
    new_holding,
    new_instrument,
    set_price,
)

E4, E9 = 10**4, 10**9
MAX_TICKS = 10**6
SIZES = tuple(product((1, 3, 2**20 + 1), (1, 10**8, 30_000_001)))
"""Lots of a position and the tick."""
TERMS = tuple(product((0, 1, 500, 10**4), (-1, 0, 500_001)))
"""The penalty and the rate of takers."""
Price = Annotated[int, Between(0, 2**50)]
Money = Annotated[int, Between(-(2**60), 2**60)]
Positive = Annotated[int, Between(0, 2**60)]
Size = Annotated[int, each(0, len(SIZES) - 1)]
Terms = Annotated[int, OneOf(tuple(range(len(TERMS))))]

LIQUIDATION = "lockstep_engine/lifecycle/liquidation.py"


def _holding(qty_lots: int, tick_e6: int, mark_e6: int) -> tuple[ExchangeCore, Holding]:
    core = new_core()
    instrument = new_instrument(core, PERPETUAL, tick_e6)
    set_price(core, instrument, mark_e6)
    return core, new_holding(new_account(core), instrument, qty_lots)


def _taker_fee(holding: Holding, rate: int) -> int:
    """Set the rate of takers and return what the whole position pays at its mark."""
    holding.account.fees.future_taker_e9 = rate
    marked = abs(holding.qty_lots) * holding.instrument.mark_lot_e6
    return -(-max(0, rate) * marked // E9)


def a_sale_is_priced_within_penalty_and_fund(
    size: Size, mark: Price, terms: Terms, value: Money, fund: Positive
) -> None:
    """No price below the mark less penalty or step, nor one that loses more than value and fund.

    The price one tick lower is refused by one of them, or there is none.
    """
    (lots, tick), (penalty, rate) = SIZES[size], TERMS[terms]
    core, holding = _holding(lots, tick, mark)
    instrument = holding.instrument
    instrument.underlying.penalty_bps, core.treasury.insurance_e6 = penalty, fund
    fee = _taker_fee(holding, rate)
    price = closing_price_ticks(core, holding, SELL, value)

    def is_allowed(ticks: int) -> bool:
        left_e6 = min(value + fund, max(value - fee, 0)) - lots * (
            instrument.mark_lot_e6 - ticks * instrument.value_e6
        )
        return (mark - ticks * tick) * E4 <= max(mark * penalty, tick * E4) and left_e6 >= 0

    assert 0 <= price <= MAX_TICKS
    if price == 0:
        assert not is_allowed(MAX_TICKS)
    else:
        assert is_allowed(price)
        assert price == 1 or not is_allowed(price - 1)


def a_purchase_is_priced_within_penalty_and_fund(
    size: Size, mark: Price, terms: Terms, value: Money, fund: Positive
) -> None:
    """The same upwards: nothing above the mark and penalty or step, nor beyond value and fund."""
    (lots, tick), (penalty, rate) = SIZES[size], TERMS[terms]
    core, holding = _holding(-lots, tick, mark)
    instrument = holding.instrument
    instrument.underlying.penalty_bps, core.treasury.insurance_e6 = penalty, fund
    fee = _taker_fee(holding, rate)
    price = closing_price_ticks(core, holding, BUY, value)

    def is_allowed(ticks: int) -> bool:
        left_e6 = min(value + fund, max(value - fee, 0)) - lots * (
            ticks * instrument.value_e6 - instrument.mark_lot_e6
        )
        return (ticks * tick - mark) * E4 <= max(mark * penalty, tick * E4) and left_e6 >= 0

    assert 0 <= price <= MAX_TICKS
    if price == 0:
        assert not is_allowed(1)
    else:
        assert is_allowed(price)
        assert price == MAX_TICKS or not is_allowed(price + 1)


CONTRACTS = (
    Contract(
        a_sale_is_priced_within_penalty_and_fund,
        ("LIQ-1", "NUM-2"),
        (
            planted(
                LIQUIDATION,
                "a sale may lose one tick more than the penalty",
                (
                    "div_ceil(mark_e10 - away_e10, tick_e10)",
                    "div_floor(mark_e10 - away_e10, tick_e10)",
                ),
                {
                    "size": 1,
                    "mark": 4052631579,
                    "terms": 7,
                    "value": 402631579,
                    "fund": 0,
                },
            ),
            planted(
                LIQUIDATION,
                "a sale is within the penalty though it is less than a step",
                ("        instrument.price_step_ticks * tick_e10,\n", "        0,\n"),
                {"size": 1, "mark": 10**9, "terms": 1, "value": 10**9, "fund": 0},
            ),
            planted(
                LIQUIDATION,
                "a sale takes what its fee needs",
                ("max(value_e6 - fee, 0)", "max(value_e6, 0)"),
                {
                    "size": 1,
                    "mark": 10**10,
                    "terms": 8,
                    "value": 10**8,
                    "fund": 0,
                },
            ),
            planted(
                LIQUIDATION,
                "a sale may lose one tick more than the fund",
                ("div_ceil(marked - cushion, per_tick)", "div_floor(marked - cushion, per_tick)"),
                {
                    "size": 1,
                    "mark": 100000001,
                    "terms": 10,
                    "value": 0,
                    "fund": 0,
                },
            ),
            planted(
                LIQUIDATION,
                "the fund does not count for a closing price",
                ("min(value_e6 + core.treasury.insurance_e6, max(", "min(value_e6, max("),
                {
                    "size": 1,
                    "mark": 100000000,
                    "terms": 10,
                    "value": -1,
                    "fund": 1,
                },
            ),
        ),
    ),
    Contract(
        a_purchase_is_priced_within_penalty_and_fund,
        ("LIQ-1", "NUM-2"),
        (
            planted(
                LIQUIDATION,
                "a purchase may lose one tick more than the penalty",
                (
                    "div_floor(mark_e10 + away_e10, tick_e10)",
                    "div_ceil(mark_e10 + away_e10, tick_e10)",
                ),
                {
                    "size": 1,
                    "mark": 1,
                    "terms": 10,
                    "value": 199999999,
                    "fund": 0,
                },
            ),
            planted(
                LIQUIDATION,
                "a purchase is cut to 1 where no price is left",
                ("    return max(price, 0)\n", "    return max(price, 1)\n"),
                {
                    "size": 1,
                    "mark": 1,
                    "terms": 10,
                    "value": -2,
                    "fund": 0,
                },
            ),
        ),
    ),
)
