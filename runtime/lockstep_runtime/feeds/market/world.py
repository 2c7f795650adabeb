"""The simulated exchange and who trades on it.

It owns what is fixed: keys, accounts, contracts, limits, fees, and the commands that set them up.
BTC and ETH are traded, each expiry under a volatility surface; SOL never gets an index or a mark,
so its orders are refused and its expiries get a price by hand; DOT has no portfolio model, and the
call of 2099 no surface. The makers stand under market-maker protection, one of them with hardly any
cash; there are accounts in every margin mode, and gamblers with little money and large positions.
"""

from collections.abc import Mapping
from datetime import date

from lockstep_engine.codes import MarginMode
from lockstep_engine.commands import (
    AuthorizeAgent,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    ExchangeParams,
    FundInsurance,
    MarginRates,
    OpenAccount,
    SetFeeSchedule,
    SetFeeTier,
    SetMarginMode,
    SetMarginModel,
    SetMmpConfig,
    SetPortfolioModel,
    TradingLimits,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
)
from lockstep_kernel import Genesis
from lockstep_runtime.feeds.market.days import (
    EXPIRY_TIME_S,
    NS_PER_S,
    expiry_ns_of,
    is_weekly,
    listed_days,
    spelled,
)
from lockstep_runtime.presets import load_preset
from lockstep_runtime.signing import Script, Signer
from lockstep_runtime.venue import Contract, Staff, genesis_of, open_account

START_NS = 1_774_597_920 * NS_PER_S  # Friday, 2026-03-27 07:52:00 UTC, shortly before an expiry
FIRST_INDEX_E6 = {"BTC": 60_000_000_000, "ETH": 3_000_000_000}
STRIKE_STEP = {"BTC": 1_000, "ETH": 50}
TOTAL_DEPOSITS_E6 = 10**15
NONCE_CAPACITY = 20
MAX_MARK_AGE_NS = 30 * NS_PER_S
MIN_SAMPLES = 6
BUILDER, POOR, THIN = 30, 40, 5
GAMBLERS = (51, 52, 53, 54, 55, 56, 57, 58)
UNWATCHED = (57, 58)
"""Gamblers at whom nobody looks until their contracts have settled."""
BTC_PERP, ETH_PERP, BTC_NARROW, SOL_PERP, SOL_PUT, DOT_PERP, FAR_CALL = 1, 2, 3, 4, 5, 6, 7

PRESETS = {"BTC": "derive_pmrm2", "ETH": "deribit9x3"}
"""The portfolio models at the start; others have none."""
MARGIN_RATES = MarginRates(10_000_000, addon_bps=50, addon_size_e8=10**10)
"""BTC begins with 1 %, and half of a percent more for each hundred."""
MODES = {
    2: MarginMode.STANDARD_SPREAD,
    3: MarginMode.PORTFOLIO,
    12: MarginMode.STANDARD_SPREAD,
    13: MarginMode.PORTFOLIO,
    14: MarginMode.PORTFOLIO,
    22: MarginMode.PORTFOLIO,
    53: MarginMode.STANDARD_SPREAD,
    54: MarginMode.STANDARD_SPREAD,
    55: MarginMode.PORTFOLIO,
}
"""Who does not begin in STANDARD."""

_MAKERS, _TAKERS, _ARBITRAGEURS = (1, 2, 3, 4), (11, 12, 13, 14, 15, 16), (21, 22)
_SELF_TRADE_GROUP = 7
PERPETUALS = ((BTC_PERP, "BTC"), (ETH_PERP, "ETH"), (SOL_PERP, "SOL"), (DOT_PERP, "DOT"))
RICH_E6, _POOR_E6, _INSURANCE_E6 = 5 * 10**12, 10**9, 2 * 10**10

CONTRACTS = {
    "BTC": Contract(tick_e6=500_000, lot_e8=100_000),
    "ETH": Contract(tick_e6=50_000, lot_e8=1_000_000),
    "SOL": Contract(tick_e6=10_000, lot_e8=1_000_000),
    "DOT": Contract(tick_e6=10_000, lot_e8=1_000_000),
}
OPTION_CONTRACTS = {
    "BTC": Contract(tick_e6=5_000_000, lot_e8=1_000_000),
    "ETH": Contract(tick_e6=500_000, lot_e8=10_000_000),
    "SOL": Contract(tick_e6=10_000, lot_e8=1_000_000),
}
PERP_LIMITS = TradingLimits(
    price_step_ticks=2,
    max_price_ticks=400_000,
    qty_step_lots=5,
    min_order_lots=10,
    max_order_lots=20_000,
    max_position_lots=400_000,
    max_open_orders=200,
    price_band_bps=2_000,
)
DATED_LIMITS = TradingLimits(
    max_price_ticks=400_000,
    max_order_lots=20_000,
    min_notional_e6=5_000_000,
    max_position_lots=400_000,
    max_open_orders=200,
)
NARROW_LIMITS = TradingLimits(
    max_price_ticks=400_000, max_order_lots=40, max_position_lots=60, max_open_orders=3
)
"""Limits of one future on which nobody quotes: its count and position limits are soon reached."""


_OPTIONS = (0, 5, 2, 7)
"""What the makers' protections count, and whether they have relief: sums of MmpOption."""
_PROTECTED_E8 = {"BTC": 50_000_000, "ETH": 600_000_000}
_VEGA_LIMIT_E6 = 7_000_000
"""A protection's usual limits of quantity, and of vega in dollars per vol point."""


def protection(underlying: str, percent: int, frozen_ms: int, options: int) -> SetMmpConfig:
    """Return a protection with limits of so many percent of the usual: all three of them."""
    unit_e8 = _PROTECTED_E8[underlying] * percent // 100
    vega_e6 = _VEGA_LIMIT_E6 * percent // 100
    return SetMmpConfig(underlying, 2_000, frozen_ms, unit_e8, unit_e8 // 2, vega_e6, options)


class Trader:
    """An account with its root key and one agent's key."""

    __slots__ = ("account", "agent", "root")

    def __init__(self, account: int) -> None:
        self.account = account
        self.root = Signer(f"market {account}", account)
        self.agent = Signer(f"market agent {account}", account)


def surface(underlying: str, expiry_ns: int, forward_e6: int, vol_e9: int) -> UpdateVolSurface:
    """Return a smile around the forward: five strikes, the volatility rising to both sides."""
    step_e6 = STRIKE_STEP[underlying] * 1_000_000
    middle = forward_e6 // step_e6
    points = tuple(
        ((middle + away) * step_e6, vol_e9 + abs(away) * 7_300_001) for away in range(-2, 3)
    )
    return UpdateVolSurface(underlying, expiry_ns, forward_e6, points)


class World:
    """Everybody, and the commands with which the simulation begins."""

    def __init__(self) -> None:
        self.staff = Staff("market")
        self.makers = [Trader(account) for account in _MAKERS]
        self.takers = [Trader(account) for account in _TAKERS]
        self.arbitrageurs = [Trader(account) for account in _ARBITRAGEURS]
        self.builder = Trader(BUILDER)
        self.poor = Trader(POOR)
        self.thin = Trader(THIN)
        self.gamblers = [Trader(account) for account in GAMBLERS]
        self.next_instrument = FAR_CALL + 1
        self.next_account = 100
        self._listed_days: dict[date, None] = {}

    @property
    def traders(self) -> list[Trader]:
        """Everybody with money enough to trade."""
        return [*self.makers, *self.takers, *self.arbitrageurs]

    def genesis(self) -> Genesis:
        """Return a genesis with a small nonce set, so that nonces grow too old in short runs."""
        return genesis_of(
            ExchangeParams(
                self.staff.root.key,
                START_NS,
                max_total_deposits_e6=TOTAL_DEPOSITS_E6,
                nonce_capacity=NONCE_CAPACITY,
                request_capacity=4,
                max_mark_age_ns=MAX_MARK_AGE_NS,
            )
        )

    def set_up(self) -> Script:
        """Return the script with all set-up commands, its time standing after them."""
        script = Script(START_NS)
        self.staff.grant(script)
        for underlying in CONTRACTS:
            created = CreateUnderlying(underlying, 10**12, EXPIRY_TIME_S, MIN_SAMPLES)
            script.add(self.staff.admin, created)
        for underlying, index_e6 in FIRST_INDEX_E6.items():
            script.add(self.staff.oracle, UpdateIndexPrice(underlying, index_e6))
        script.add(self.staff.admin, SetMarginModel("BTC", MARGIN_RATES))
        for underlying, preset in PRESETS.items():
            model = load_preset(preset).model
            script.add(self.staff.admin, SetPortfolioModel(underlying, model))
        self._list_standing(script)
        self.list_days(script, FIRST_INDEX_E6)
        self._open_accounts(script)
        return script

    def list_days(self, script: Script, index_e6: Mapping[str, int]) -> None:
        """Write the commands that list what is not listed yet of the days that should be."""
        for day in listed_days(script.now_ns):
            if day in self._listed_days:
                continue
            self._listed_days[day] = None
            for underlying in FIRST_INDEX_E6:
                self._list_chain(script, underlying, day, index_e6[underlying])
            if is_weekly(day):
                self._list(script, f"SOL-{spelled(day)}", CONTRACTS["SOL"])

    def _list_chain(self, script: Script, underlying: str, day: date, index_e6: int) -> None:
        """List a future and calls and puts of three strikes, a weekly's further apart.

        The surface that marks them comes last.
        """
        step = STRIKE_STEP[underlying]
        middle, away = index_e6 // 1_000_000 // step * step, step * (2 if is_weekly(day) else 1)
        name = f"{underlying}-{spelled(day)}"
        self._list(script, name, CONTRACTS[underlying])
        for strike in (middle - away, middle, middle + away):
            for letter in ("C", "P"):
                self._list(script, f"{name}-{strike}-{letter}", OPTION_CONTRACTS[underlying])
        marks = surface(underlying, expiry_ns_of(day), index_e6, 600_000_000)
        script.add(self.staff.oracle, marks)

    def _list(self, script: Script, symbol: str, contract: Contract) -> None:
        number = self.next_instrument
        self.next_instrument += 1
        self._create(script, number, symbol, contract, DATED_LIMITS)

    def _list_standing(self, script: Script) -> None:
        """List the perpetuals, the narrow future, two without prices and two without margin."""
        for number, underlying in PERPETUALS:
            self._create(script, number, f"{underlying}-PERP", CONTRACTS[underlying], PERP_LIMITS)
        self._create(script, SOL_PUT, "SOL-20991225-10-P", OPTION_CONTRACTS["SOL"], DATED_LIMITS)
        self._create(script, BTC_NARROW, "BTC-20991225", CONTRACTS["BTC"], NARROW_LIMITS)
        far = "BTC-20991225-60000-C"
        self._create(script, FAR_CALL, far, OPTION_CONTRACTS["BTC"], NARROW_LIMITS)
        for number, underlying in ((BTC_PERP, "BTC"), (ETH_PERP, "ETH"), (BTC_NARROW, "BTC")):
            mark_e6 = FIRST_INDEX_E6[underlying]
            script.add(self.staff.oracle, UpdateMarkPrice(number, mark_e6))
        script.add(self.staff.oracle, UpdateFundingRate(BTC_PERP, 100_000))
        script.add(self.staff.oracle, UpdateFundingRate(ETH_PERP, -40_000, 3_600))

    def _create(
        self, script: Script, number: int, symbol: str, contract: Contract, limits: TradingLimits
    ) -> None:
        create = CreateInstrument(
            number,
            symbol,
            contract.tick_e6,
            contract.lot_e8,
            contract.contract_size_e8,
            limits,
            allows_self_trade=number == ETH_PERP,
        )
        script.add(self.staff.admin, create)

    def _open_accounts(self, script: Script) -> None:
        """Open everybody's account; makers get a rebate, two of them are one for self-trades."""
        staff = self.staff
        script.add(staff.admin, SetFeeSchedule(1, -50_000, 400_000, -100_000, 300_000, 10**8, 2000))
        for trader in self.traders:
            if trader.account in (1, 2):
                opened = OpenAccount(trader.account, trader.root.key, _SELF_TRADE_GROUP)
                script.add(staff.admin, opened)
                self._fund(script, trader)
            else:
                open_account(script, staff, trader.root, RICH_E6)
            script.add(trader.root, AuthorizeAgent(trader.agent.key))
            if trader.account in MODES:
                script.add(trader.root, SetMarginMode(int(MODES[trader.account])))
        for options, trader in enumerate(self.makers):
            script.add(staff.admin, SetFeeTier(trader.account, 1))
            for underlying in _PROTECTED_E8:
                action = protection(underlying, 100, 400 * options, _OPTIONS[options])
                script.add(trader.root, action)
        for trader in (self.builder, self.poor, self.thin, *self.gamblers):
            open_account(script, staff, trader.root, _POOR_E6)
            if trader.account in MODES:
                script.add(trader.root, SetMarginMode(int(MODES[trader.account])))
        script.add(staff.treasury, FundInsurance(_INSURANCE_E6))

    def _fund(self, script: Script, trader: Trader) -> None:
        script.add(self.staff.treasury, Deposit(trader.account, RICH_E6))
