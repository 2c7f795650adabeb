"""Thousands of seeded random commands: nothing raises, and everything adds up on the way."""

import random

import pytest

from lockstep_engine.commands import (
    AdvanceTime,
    AmendOrder,
    Batch,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    DeleteMmpConfig,
    MarginRates,
    MassQuote,
    PlaceOrder,
    PortfolioModel,
    Quote,
    ReplaceOrder,
    ResetMmp,
    RiskScenario,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetMmpConfig,
    SetPortfolioModel,
    Transfer,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
    Withdraw,
)
from lockstep_engine.events import (
    BookChanged,
    MarginModeSet,
    MarksUpdated,
    MmpThawed,
    MmpTriggered,
    OrderAmended,
    OrderCancelled,
    QuoteKept,
    Trade,
)
from lockstep_kernel import dump, load
from lockstep_naive import MACHINE
from tests.unit.naive.world import CALL, FUTURE_EXPIRY_NS, OPEN_PERP, PERP, USD, World

INSTRUMENTS = (PERP, CALL, OPEN_PERP)
STEPS = 4_000
SEEDS = (1, 10)


class Fuzz:
    """Draws commands that mostly make sense, on few prices and sizes, so that they meet."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World()
        self.world.do(0, self.surface())
        for underlying in ("BTC", "ETH"):
            self.world.operate(SetPortfolioModel(underlying, self.model()))
        for account, cash in ((1, 1_000), (3, 1_000), (4, 3_000)):
            self.world.leave(account, cash * USD)
        for account in (1, 2, 3, 4):
            relief = {"options": 4 * (account % 2)}
            self.world.protect(account, qty_limit_e8=15 * 10**8, frozen_ms=1_000, **relief)
            self.world.protect(account, "ETH")
        self.folded: dict[tuple[int, int], dict[int, int]] = {}

    def number(self, *bounds: int) -> int:
        return self.random.randint(*bounds)

    def place(self) -> PlaceOrder:
        pick = self.random.choice
        tif = pick((0, 0, 0, 1, 2, 3))
        return PlaceOrder(
            instrument=pick(INSTRUMENTS),
            side=self.number(0, 1),
            price_ticks=self.number(96, 104),
            qty_lots=self.number(1, 12),
            tif=tif,
            order_type=1 if tif == 2 and self.number(0, 1) else 0,
            flags=pick((0, 0, 0, 1, 2, 4, 4, 8, 8, 12)),
            self_trade=pick((0, 1, 2, 3, 3, 4)),
            client_id=pick((0, 0, self.number(1, 9))),
            lineage=pick((b"", b"L" * 16)),
            expires_ns=self.world.now_ns + self.number(1, 10**6) if tif == 1 else 0,
            builder=pick((0, 0, 1, 2, 3, 4)),
        )

    def order_id(self, account: int) -> int:
        """Draw a live order: of the account, or now and then of another."""
        orders = self.world.core.orders
        live = orders.all() if self.number(0, 9) == 0 else orders.group("account", account)
        ids = sorted(order.order_id for order in live)
        return self.random.choice([*ids, 1] if ids else [0, 99_999])

    def order_action(self, account: int):
        draw = self.number(0, 11)
        if draw <= 5:
            return self.place()
        if draw <= 8:
            return AmendOrder(self.order_id(account), self.number(96, 104), self.number(0, 14))
        if draw == 9:
            return CancelOrder(self.order_id(account))
        if draw == 10:
            return ReplaceOrder(self.order_id(account), self.place(), bool(self.number(0, 1)))
        return CancelByClientId(self.number(0, 9))

    def mass_quote(self) -> MassQuote:
        pick = self.random.sample(INSTRUMENTS, self.number(1, 3))
        quotes = tuple(
            Quote(
                instrument,
                self.number(97, 100),
                self.number(0, 5),
                self.number(100, 103),
                self.number(0, 5),
            )
            for instrument in pick
        )
        flags = self.random.choice((0, 1, 8, 10))
        return MassQuote(self.number(1, 2), quotes, flags, self.number(0, 4))

    def account_action(self, account: int):
        draw = self.number(0, 99)
        if draw < 70:
            return self.order_action(account)
        if draw < 82:
            return self.mass_quote()
        if draw < 90:
            return Batch(tuple(self.order_action(account) for _ in range(self.number(1, 6))))
        if draw < 93:
            return CancelAll(self.random.choice((0, *INSTRUMENTS)), side=self.number(-1, 1))
        if draw < 94:
            return SetMarginMode(self.number(0, 2))
        if draw < 95:
            return Withdraw(self.number(1, 10**10))
        if draw < 97:
            return self.protection()
        return Transfer(self.number(1, 4), self.number(1, 10**9))

    def protection(self):
        underlying = self.random.choice(("BTC", "BTC", "ETH"))
        draw = self.number(0, 9)
        if draw <= 1:
            return ResetMmp(underlying)
        if draw == 2:
            return DeleteMmpConfig(underlying)
        limits = [self.random.choice((0, self.number(1, 15))) * 10**8 for _ in range(3)]
        times = (self.number(1, 100_000), self.random.choice((0, 1, 1_000, 1_000)))
        return SetMmpConfig(underlying, *times, *limits, self.number(0, 7))

    def surface(self) -> UpdateVolSurface:
        points = tuple((k * USD, self.number(10**7, 3 * 10**7)) for k in (80, 100, 120))
        return UpdateVolSurface("BTC", FUTURE_EXPIRY_NS, self.number(90, 110) * USD, points)

    def model(self) -> PortfolioModel:
        scenarios = tuple(
            RiskScenario(
                self.number(7, 13) * 10**8,
                self.number(0, 4),
                self.number(0, 2 * 10**9),
                self.random.choice((10**9, self.number(0, 10**9))),
            )
            for _ in range(self.number(1, 4))
        )
        names = ("up_range_e9", "down_range_e9", "linear_cap_e9", "wings_cap_e9", "short_floor_e9")
        rates = ("basis_factor_e9", "option_initial_e9", "future_initial_e9")
        numbers = {name: self.number(0, 3 * 10**8) for name in names}
        small = {name: self.number(0, 2 * 10**7) for name in rates}
        return PortfolioModel(scenarios, **numbers, **small)

    def operator_action(self):
        draw = self.number(0, 14)
        if draw == 13:
            return SetPortfolioModel(self.random.choice(("BTC", "ETH")), self.model())
        if draw == 14:
            rates = MarginRates(self.number(0, 5 * 10**7), addon_bps=self.number(0, 100))
            return SetMarginModel(self.random.choice(("BTC", "ETH")), rates)
        if draw <= 3:
            instrument = self.random.choice(INSTRUMENTS)
            return UpdateMarkPrice(instrument, self.number(90, 110) * USD + self.number(0, 9))
        if draw <= 5:
            return UpdateIndexPrice("BTC", self.number(90, 110) * USD)
        if draw == 6:
            rates = [self.number(-300_000, 600_000) for _ in range(4)]
            return SetFeeSchedule(self.number(0, 3), *rates, 10**8, self.number(0, 10_000))
        if draw == 7:
            return SetFeeTier(self.number(1, 4), self.number(0, 3))
        if draw == 8:
            status = self.random.choice((1, 1, 1, 1, 1, 1, 1, 1, 2, 3))
            return SetInstrumentStatus(self.random.choice(INSTRUMENTS), status)
        return AdvanceTime() if draw <= 10 else self.surface()

    def step(self):
        world = self.world
        world.nonce = max(world.nonce, world.now_ns // 10**6)
        fields = {"request_id": bytes([self.number(1, 60)])} if self.number(0, 9) == 0 else {}
        at_ns = world.now_ns + self.random.choice((0, 1000, 10**5, 10**9))
        if self.number(0, 19) == 0:
            return world.do(0, self.operator_action(), at_ns=at_ns, **fields)
        account = self.number(1, 4)
        return world.do(account, self.account_action(account), at_ns=at_ns, **fields)

    def fold(self, changed: BookChanged) -> None:
        """Keep the book that the events tell."""
        for side, levels in enumerate((changed.bids, changed.asks)):
            book = self.folded.setdefault((changed.instrument, side), {})
            for price, total in levels:
                book[price] = total
                if total == 0:
                    del book[price]

    def check_folded(self) -> None:
        for (instrument, side), book in self.folded.items():
            totals: dict[int, int] = {}
            for order in self.world.core.orders.group("side", (instrument, side)):
                totals[order.price_ticks] = totals.get(order.price_ticks, 0) + order.remaining_lots
            assert totals == book


@pytest.mark.rule("EVT-2", "POS-3", "ORD-4", "BOOK-1", "MMP-2", "MRG-5")
@pytest.mark.parametrize("seed", SEEDS)
def test_random_commands_keep_every_invariant(seed: int) -> None:
    fuzz = Fuzz(seed)
    seen: dict[tuple[str, int], int] = {}
    for step in range(STEPS):
        for event in fuzz.step():
            reason = event.reason if isinstance(event, OrderCancelled | OrderAmended) else 0
            name = (type(event).__name__, reason)
            seen[name] = seen.get(name, 0) + 1
            if isinstance(event, BookChanged):
                fuzz.fold(event)
        if step % 50 == 0:
            fuzz.world.verify()
            fuzz.check_folded()
    fuzz.world.verify()
    assert seen[Trade.__name__, 0] > STEPS // 20
    assert seen[QuoteKept.__name__, 0] > 0
    for event_type in (MarksUpdated, MmpTriggered, MmpThawed, MarginModeSet):
        assert seen[event_type.__name__, 0] > 3
    reasons = sorted(int(reason) for name, reason in seen if name == "OrderCancelled")
    assert [1, 2, 3, 4, 6, 7, 8, 9, 10, 11] == reasons
    assert [1, 2, 3, 4] == sorted(int(r) for n, r in seen if n == "OrderAmended")


def test_a_dump_in_the_middle_goes_on_alike() -> None:
    fuzz, twin = Fuzz(3), Fuzz(3)
    for step in range(600):
        assert list(fuzz.step()) == list(twin.step())
        if step % 100 == 50:
            twin.world.state = load(MACHINE, twin.world.genesis, dump(twin.world.state))
        assert fuzz.world.state.hash == twin.world.state.hash
