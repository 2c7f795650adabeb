"""One good action of every type, for tests that go through all of them.

In the standard market of tests.support.exchange, where Alice's orders 3 (client_id 1) and 4 rest,
all of them are accepted but those that ask for something that has not happened yet: newer rules,
an expiry, an account in trouble.
"""

from typing import Any, get_args

import msgspec

from lockstep_engine.commands import (
    Action,
    ActivateRules,
    AdvanceTime,
    AmendOrder,
    AuthorizeAgent,
    Batch,
    BlockLeg,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    CreateInstrument,
    CreateUnderlying,
    DeleteMmpConfig,
    Deposit,
    ExecuteBlock,
    FundInsurance,
    GrantRole,
    Liquidate,
    MarginRates,
    MassQuote,
    OpenAccount,
    OperatorAction,
    PlaceOrder,
    PortfolioModel,
    Quote,
    ReplaceOrder,
    ResetMmp,
    RevokeAgent,
    RevokeRole,
    RiskScenario,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetMmpConfig,
    SetPortfolioModel,
    SetSettlementPrice,
    SettleExpiry,
    SetTradingLimits,
    TradingLimits,
    Transfer,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
    Withdraw,
)
from tests.support.exchange import ALICE, BOB, MARKET_EXPIRY_NS, PERP, START_NS, key, root_of

_LIMITS = TradingLimits(max_price_ticks=10_000)
_BUY = PlaceOrder(PERP, 0, 95, 3)
AGENT = key("agent")

EXAMPLES: list[Any] = [
    CreateUnderlying("SOL", 10**11),
    CreateInstrument(50, "ETH-20261225-100-C", 10**6, 10**5, 10**8, _LIMITS),
    SetInstrumentStatus(PERP, 2),
    SetTradingLimits(PERP, _LIMITS),
    SetFeeSchedule(1, -1, 2, -3, 4, 5, 6),
    SetFeeTier(ALICE, 0),
    SetMarginModel("BTC", MarginRates(10**7)),
    GrantRole(AGENT, 3),
    RevokeRole(AGENT, 3),
    ActivateRules(1),
    AdvanceTime(),
    OpenAccount(60, AGENT, 5),
    Deposit(ALICE, 1_000),
    UpdateIndexPrice("BTC", 10**8),
    UpdateMarkPrice(PERP, 10**8),
    UpdateVolSurface("BTC", MARKET_EXPIRY_NS, 10**8, ((9 * 10**7, 7 * 10**8), (10**8, 6 * 10**8))),
    SetPortfolioModel("BTC", PortfolioModel((RiskScenario(10**9, 0, 10**9, 10**9),))),
    UpdateFundingRate(PERP, 100_000, 3_600),
    SetSettlementPrice("BTC", MARKET_EXPIRY_NS, 10**8),
    SettleExpiry("BTC", MARKET_EXPIRY_NS),
    FundInsurance(1_000),
    Liquidate(ALICE),
    Withdraw(1_000),
    Transfer(BOB, 1_000),
    AuthorizeAgent(AGENT),
    SetMarginMode(1),
    PlaceOrder(PERP, 0, 112, 12, self_trade=1, client_id=5, lineage=bytes(16), builder=BOB),
    CancelOrder(3),
    CancelByClientId(1),
    CancelAll(PERP, "BTC", 0, False, b""),
    AmendOrder(3, 95, 20),
    ReplaceOrder(3, _BUY, True),
    MassQuote(1, (Quote(PERP, 95, 5, 105, 5), Quote(2, 95, 5, 105, 5)), 8, 1),
    Batch((_BUY, CancelOrder(3), AmendOrder(4, 109, 5))),
    SetMmpConfig("BTC", 1_000, 500, 1_000, 2_000, 3_000, 3),
    DeleteMmpConfig("BTC"),
    ResetMmp("BTC"),
    ExecuteBlock(
        BOB,
        root_of(BOB),
        START_NS // 10**6,
        (BlockLeg(PERP, 0, 101, 10), BlockLeg(2, 1, 99, 5)),
        b"auth",
        bytes(16),
        bytes(16),
    ),
]
"""All types but RevokeAgent, which needs an agent first; `ALL_EXAMPLES` has it too."""

ALL_EXAMPLES: list[Any] = [*EXAMPLES, RevokeAgent(AGENT)]


def account_of(action: msgspec.Struct) -> int:
    """Return the account that the example acts for."""
    return 0 if isinstance(action, get_args(OperatorAction)) else ALICE


assert set(get_args(Action)) == {type(action) for action in ALL_EXAMPLES}
