"""Seeded random days of an exchange in trouble: expiries, funding, liquidations, debt, blocks."""

import pytest

from lockstep_engine.codes import CashReason
from lockstep_engine.commands import (
    AdvanceTime,
    BlockLeg,
    Deposit,
    ExecuteBlock,
    FundInsurance,
    Liquidate,
    MarginRates,
    PlaceOrder,
    SetFeeSchedule,
    SetInstrumentStatus,
    SetMarginModel,
    SetSettlementPrice,
    SettleExpiry,
    SetTradingLimits,
    TradingLimits,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
    Withdraw,
)
from lockstep_engine.events import (
    AutoDeleveraged,
    BlockTraded,
    CashMoved,
    CommandRejected,
    FundingPaid,
    InstrumentSettled,
    LiquidationEnded,
    LiquidationStarted,
    OrderCancelled,
    OrderRejected,
    PositionSettled,
    SettlementPriceSet,
    Trade,
)
from lockstep_kernel import dump, load
from lockstep_naive import MACHINE
from lockstep_naive.invariants import check_all
from lockstep_naive.margin import account_margin, collateral_e6, free_e6
from lockstep_naive.symbols import DAY_NS, SECOND_NS
from tests.unit.naive.test_random import Fuzz
from tests.unit.naive.world import CALL, NEAR_NS, OPEN_PERP, PERP, USD, key

STEPS = 2_200
SEEDS = (7, 8)
ACCOUNTS = range(1, 8)
PERPETUALS = (PERP, OPEN_PERP)
MINUTE_NS = 60 * SECOND_NS
FIRST_DAILY = 100
DAYS = 20


class RiskFuzz(Fuzz):
    """Draws commands on markets that jump, for accounts that have little."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        for account, group in ((5, 9), (6, 9), (7, 0)):
            self.world.open(account, 2_000 * USD, group)
        self.world.leave(2, 3_000 * USD)
        self.day = -1
        self.list_day()

    def list_day(self) -> None:
        """List a future, a call and a put that expire the day after the last."""
        self.day += 1
        date = 20010910 + self.day
        symbols = (f"BTC-{date}", f"BTC-{date}-100-C", f"BTC-{date}-100-P")
        for number, symbol in enumerate(symbols, FIRST_DAILY + 3 * self.day):
            self.world.create(number, symbol)
            self.world.mark(number, 100 if number % 3 == FIRST_DAILY % 3 else 5)

    def expiry_ns(self) -> int:
        """Draw the expiry of one of the last days."""
        return NEAR_NS + max(0, self.day - self.random.choice((0, 1, 1, 1, 2))) * DAY_NS

    def instrument(self) -> int:
        newest = FIRST_DAILY + 3 * self.day
        return self.random.choice((*PERPETUALS, CALL, newest, newest + 1, newest + 2))

    def marked(self, instrument: int) -> int:
        """Return the mark in whole dollars, at least 1."""
        return max(1, self.world.core.marks.must(instrument).price_e6 // USD)

    def price(self, instrument: int) -> int:
        """Draw a price near the mark."""
        return max(1, self.marked(instrument) + self.number(-3, 3))

    def place(self) -> PlaceOrder:
        instrument = self.instrument()
        tif = self.random.choice((0, 0, 0, 2))
        flags = self.random.choice((0, 0, 0, 4, 8))
        side = self.number(0, 1)
        return PlaceOrder(
            instrument, side, self.price(instrument), self.number(1, 40), tif, flags=flags
        )

    def block(self, account: int) -> ExecuteBlock:
        other = self.random.choice([each for each in ACCOUNTS if each != account])
        legs = tuple(
            BlockLeg(number, self.number(0, 1), self.marked(number), self.number(1, 9))
            for number in sorted({self.instrument() for _ in range(self.number(1, 3))})
        )
        nonce = self.world.nonce + self.random.choice((-2, 1, 2, 9))
        signer = account if self.number(0, 9) == 0 else other
        return ExecuteBlock(other, key(signer), nonce, legs)

    def account_action(self, account: int):
        draw = self.number(0, 99)
        if draw < 60:
            return self.place()
        if draw < 70:
            return self.block(account)
        return self.greed(account) if draw < 75 else super().account_action(account)

    def greed(self, account: int) -> Withdraw:
        """Take out what is free, so that the next move of the market hurts."""
        free = min(self.world.cash(account), free_e6(self.world.core, account))
        return Withdraw(max(1, free * self.number(90, 100) // 100))

    def help(self) -> Deposit:
        """Let in cash where there is little of it."""
        poorest = min(ACCOUNTS, key=lambda each: collateral_e6(self.world.core, each))
        return Deposit(poorest, self.number(1, 400) * USD)

    def poor(self) -> list[int]:
        """Return who can be liquidated."""
        core = self.world.core
        return [
            account
            for account in ACCOUNTS
            if collateral_e6(core, account) < account_margin(core, account).maintenance_e6
        ]

    def settling(self):
        """Draw what makes cash of an expiry, or a wrong one."""
        expiry_ns = self.expiry_ns()
        if self.number(0, 2) == 0:
            return SetSettlementPrice("BTC", expiry_ns, self.number(0, 200) * USD)
        return SettleExpiry("BTC", expiry_ns)

    def administration(self):
        pick = self.random.choice
        draw = self.number(0, 6)
        if draw == 0:
            fees = (self.number(0, 10**6), 10**8, self.number(0, 2 * 10**7), self.number(0, 10**6))
            return SetFeeSchedule(0, 200_000, 500_000, 200_000, 500_000, 10**8, 0, *fees)
        if draw == 1:
            return SetMarginModel(
                pick(("BTC", "ETH")), MarginRates(penalty_bps=self.number(0, 900))
            )
        if draw <= 4:
            # prices of deleveraging are cut at the highest price, marks are not
            limits = TradingLimits(max_price_ticks=pick((30, 60, 400)))
            return SetTradingLimits(self.instrument(), limits)
        if draw == 5:
            open_again = [(number, 1) for number in (*PERPETUALS, CALL)]
            other = (self.instrument(), pick((1, 1, 2, 3)))
            return SetInstrumentStatus(*pick((*open_again, other)))
        expiry_ns = NEAR_NS + self.day * DAY_NS
        return UpdateVolSurface("BTC", expiry_ns, 100 * USD, ((100 * USD, 10**9),))

    def operator_action(self):
        draw = self.number(0, 19)
        if draw <= 4:
            return Liquidate(self.random.choice(self.poor() or ACCOUNTS))
        if draw <= 9:
            instrument = self.instrument()
            middle = self.world.core.marks.must(instrument).price_e6
            percent = self.random.choice((self.number(95, 105), self.number(60, 150)))
            return UpdateMarkPrice(instrument, max(USD, min(180 * USD, middle * percent // 100)))
        if draw <= 12:
            return UpdateIndexPrice("BTC", self.number(50, 180) * USD)
        if draw <= 14:
            return self.settling()
        if draw == 15:
            rate_e9, hours = self.number(-2 * 10**7, 2 * 10**7), self.number(1, 8)
            return UpdateFundingRate(self.random.choice(PERPETUALS), rate_e9, hours * 3_600)
        if draw <= 17:
            return self.administration()
        if draw == 18 and self.number(0, 3) == 0:
            return FundInsurance(self.number(1, 5) * USD)
        return self.help()

    def step(self):
        world = self.world
        world.nonce = max(world.nonce, world.now_ns // 10**6)
        if self.number(0, 29) == 0:
            return self.later()
        if self.number(0, 2) == 0:
            return world.do(0, self.operator_action(), at_ns=world.now_ns + 10**6)
        account = self.random.choice(ACCOUNTS)
        return world.do(account, self.account_action(account), at_ns=world.now_ns + 10**6)

    def later(self):
        """Let hours pass, or just so much that the last half hour before an expiry begins."""
        world, at_ns = self.world, self.world.now_ns + self.number(1, 9 * 60) * MINUTE_NS
        next_ns = NEAR_NS + self.day * DAY_NS
        if world.now_ns < next_ns - 20 * MINUTE_NS < at_ns:
            at_ns = next_ns - 20 * MINUTE_NS
        events = world.do(0, AdvanceTime(), at_ns=at_ns)
        if at_ns >= next_ns and self.day < DAYS:
            self.list_day()
        return events


def name_of(event: object) -> tuple[str, int]:
    """Return the type of an event, with its reason or code."""
    reason = 0
    if isinstance(event, OrderCancelled | CashMoved):
        reason = event.reason
    elif isinstance(event, OrderRejected | CommandRejected):
        reason = event.code
    elif isinstance(event, SettlementPriceSet):
        reason = int(event.is_final)
    return type(event).__name__, int(reason)


@pytest.mark.rule("POS-3", "SET-1", "SET-2", "SET-3", "LIQ-1", "LIQ-2", "CMD-3")
@pytest.mark.parametrize("seed", SEEDS)
def test_random_days_keep_every_invariant(seed: int) -> None:
    fuzz = RiskFuzz(seed)
    seen: dict[tuple[str, int], int] = {}
    for step in range(STEPS):
        for event in fuzz.step():
            seen[name_of(event)] = seen.get(name_of(event), 0) + 1
        check_all(fuzz.world.core)
        if step % 100 == 0:
            fuzz.world.verify()
    fuzz.world.verify()
    for event_type in (
        AutoDeleveraged,
        BlockTraded,
        FundingPaid,
        InstrumentSettled,
        LiquidationEnded,
        LiquidationStarted,
        PositionSettled,
        Trade,
    ):
        assert seen[event_type.__name__, 0] > 20, event_type
    reasons = {reason for name, reason in seen if name == "CashMoved"}
    assert {*map(int, CashReason)} - {CashReason.BUILDER_FEE} <= reasons


def test_days_loaded_in_the_middle_go_on_alike() -> None:
    fuzz, twin = RiskFuzz(3), RiskFuzz(3)
    for step in range(600):
        assert list(fuzz.step()) == list(twin.step())
        if step % 100 == 50:
            twin.world.state = load(MACHINE, twin.world.genesis, dump(twin.world.state))
        assert fuzz.world.state.hash == twin.world.state.hash
