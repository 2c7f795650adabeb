"""The largest amounts that the limits allow: what it takes to get near the bounds of cash."""

from lockstep_engine.commands import (
    CreateUnderlying,
    Deposit,
    OpenAccount,
    TradingLimits,
    UpdateFundingRate,
)
from lockstep_kernel import Machine
from tests.support.exchange import (
    ALICE,
    BOB,
    FUTURE,
    PERP,
    Exchange,
    root_of,
    staffed_exchange,
)

GIANT_LOTS = 10**9
GIANT_PRICE = 72_000
"""A position of both is worth 7.2 x 10^16, a little under 2^56."""

GIANT_FUNDING_E6 = 72 * 10**14
"""What it pays at each funding: 10 %."""

LONG_CASH_E6 = 5 * 10**15
_LIMITS = TradingLimits(
    max_price_ticks=GIANT_PRICE, max_order_lots=GIANT_LOTS, max_position_lots=GIANT_LOTS
)


def giant_market(machine: Machine) -> Exchange:
    """Return a market in which Alice pays Bob, who has all but 5 x 10^15 of 2^60, every hour."""
    market = staffed_exchange(machine)
    market.do(CreateUnderlying("BTC", GIANT_PRICE * 10**6))
    market.index(GIANT_PRICE)
    market.create(PERP, "BTC-PERP", limits=_LIMITS)
    market.create(FUTURE, "BTC-20260108", limits=_LIMITS)
    for number in (PERP, FUTURE):
        market.mark(GIANT_PRICE, number)
    for account, cash in ((ALICE, LONG_CASH_E6), (BOB, 2**60 - LONG_CASH_E6)):
        market.do(OpenAccount(account, root_of(account)))
        market.do(Deposit(account, cash))
    market.trade(ALICE, BOB, GIANT_PRICE, GIANT_LOTS)
    market.do(UpdateFundingRate(PERP, 10**8, 3_600))
    return market
