"""Deliberate refusals of operator actions and of money actions, one case per code or more."""

import msgspec

from lockstep_engine.codes import Code, MarginMode, Side
from lockstep_engine.commands import (
    Action,
    ActivateRules,
    AuthorizeAgent,
    Batch,
    CancelAll,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    GrantRole,
    MarginRates,
    OpenAccount,
    PlaceOrder,
    PortfolioModel,
    RevokeAgent,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetPortfolioModel,
    SetTradingLimits,
    Transfer,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
    Withdraw,
)
from lockstep_runtime.feeds.market.days import EXPIRY_TIME_S, NS_PER_S
from lockstep_runtime.feeds.market.simulation import Behaviour, Simulation, Step, Steps
from lockstep_runtime.feeds.market.world import (
    BTC_PERP,
    BUILDER,
    DATED_LIMITS,
    DOT_PERP,
    FAR_CALL,
    MARGIN_RATES,
    TOTAL_DEPOSITS_E6,
)
from lockstep_runtime.signing import Signer, key_of

_UNKNOWN = 77_777
_STANDARD, _PORTFOLIO = int(MarginMode.STANDARD), int(MarginMode.PORTFOLIO)
_STRANGER = key_of("market stranger")
_CREATE = CreateInstrument(_UNKNOWN, "BTC-20981225", 500_000, 100_000, 100_000_000, DATED_LIMITS)
_BAD_LIMITS = msgspec.structs.replace(DATED_LIMITS, min_order_lots=0)
_FIRST_NS = EXPIRY_TIME_S * NS_PER_S
_FAR_NS = _FIRST_NS + 40_000 * 86_400 * NS_PER_S
_SURFACE = UpdateVolSurface("BTC", _FAR_NS, 10**11, ((9 * 10**10, 10**9), (10**11, 10**9)))
_CROSSING = ((9 * 10**10, 10**7), (10**11, 10**9))
"""A call that costs more than the one below it."""

_FEES = SetFeeSchedule(1, 0, 0, 0, 0, 0, 0)

_STAFF: tuple[tuple[Code, str, Action], ...] = (
    (Code.ALREADY_EXISTS, "admin", CreateUnderlying("BTC", 10**12)),
    (Code.BAD_SYMBOL, "admin", CreateUnderlying("btc", 10**12)),
    (Code.BAD_PARAMETER, "admin", CreateUnderlying("XRP", 0)),
    (Code.ALREADY_EXISTS, "admin", msgspec.structs.replace(_CREATE, instrument=BTC_PERP)),
    (Code.ALREADY_EXISTS, "admin", msgspec.structs.replace(_CREATE, symbol="BTC-PERPETUAL")),
    (Code.BAD_SYMBOL, "admin", msgspec.structs.replace(_CREATE, symbol="BTC-29FEB26")),
    (Code.UNKNOWN_UNDERLYING, "admin", msgspec.structs.replace(_CREATE, symbol="DOGE-PERP")),
    (Code.INSTRUMENT_EXPIRED, "admin", msgspec.structs.replace(_CREATE, symbol="BTC-1JAN26")),
    (Code.VALUE_NOT_WHOLE, "admin", msgspec.structs.replace(_CREATE, tick_e6=1)),
    (Code.BAD_PARAMETER, "admin", msgspec.structs.replace(_CREATE, limits=_BAD_LIMITS)),
    (Code.UNKNOWN_INSTRUMENT, "risk", SetInstrumentStatus(_UNKNOWN, 1)),
    (Code.BAD_PARAMETER, "risk", SetInstrumentStatus(BTC_PERP, 4)),
    (Code.UNKNOWN_INSTRUMENT, "admin", SetTradingLimits(_UNKNOWN, DATED_LIMITS)),
    (Code.BAD_PARAMETER, "admin", SetTradingLimits(BTC_PERP, _BAD_LIMITS)),
    (Code.BAD_PARAMETER, "admin", msgspec.structs.replace(_FEES, tier=1_001)),
    (Code.UNKNOWN_ACCOUNT, "admin", SetFeeTier(_UNKNOWN, 0)),
    (Code.UNKNOWN_FEE_TIER, "admin", SetFeeTier(1, 999)),
    (Code.UNKNOWN_UNDERLYING, "admin", SetMarginModel("DOGE", MARGIN_RATES)),
    (Code.BAD_MARGIN_MODEL, "admin", SetMarginModel("BTC", MarginRates(addon_size_e8=0))),
    (Code.UNKNOWN_UNDERLYING, "admin", SetPortfolioModel("DOGE", PortfolioModel(()))),
    (Code.BAD_MARGIN_MODEL, "admin", SetPortfolioModel("BTC", PortfolioModel(()))),
    (Code.UNKNOWN_ROLE, "root", GrantRole(_STRANGER, 16)),
    (Code.RULES_NOT_NEWER, "admin", ActivateRules(1)),
    (Code.RULES_NOT_NEWER, "admin", ActivateRules(-1)),
    (Code.BAD_PARAMETER, "admin", OpenAccount(0, _STRANGER)),
    (Code.ALREADY_EXISTS, "admin", OpenAccount(1, _STRANGER)),
    (Code.UNKNOWN_ACCOUNT, "treasury", Deposit(_UNKNOWN, 1)),
    (Code.AMOUNT_NOT_POSITIVE, "treasury", Deposit(1, 0)),
    (Code.AMOUNT_ABOVE_LIMIT, "treasury", Deposit(1, TOTAL_DEPOSITS_E6)),
    (Code.UNKNOWN_UNDERLYING, "oracle", UpdateIndexPrice("DOGE", 1)),
    (Code.BAD_PARAMETER, "oracle", UpdateIndexPrice("BTC", 10**12 + 1)),
    (Code.UNKNOWN_INSTRUMENT, "oracle", UpdateMarkPrice(_UNKNOWN, 1)),
    (Code.BAD_PARAMETER, "oracle", UpdateMarkPrice(BTC_PERP, 0)),
    (Code.UNKNOWN_UNDERLYING, "oracle", msgspec.structs.replace(_SURFACE, underlying="DOGE")),
    (Code.BAD_PARAMETER, "oracle", msgspec.structs.replace(_SURFACE, expiry_ns=_FAR_NS + 1)),
    (Code.INSTRUMENT_EXPIRED, "oracle", msgspec.structs.replace(_SURFACE, expiry_ns=_FIRST_NS)),
    (Code.BAD_SURFACE, "oracle", msgspec.structs.replace(_SURFACE, forward_e6=0)),
    (Code.BAD_SURFACE, "oracle", msgspec.structs.replace(_SURFACE, points=())),
    (Code.BAD_SURFACE, "oracle", msgspec.structs.replace(_SURFACE, points=_SURFACE.points[::-1])),
    (Code.BAD_SURFACE, "oracle", msgspec.structs.replace(_SURFACE, points=_CROSSING)),
    (Code.NOT_AUTHORIZED, "oracle", CreateUnderlying("XRP", 10**12)),
    (Code.NOT_AUTHORIZED, "admin", GrantRole(_STRANGER, 1)),
)
"""(code, who of the staff asks, for what)."""


def by_staff(signer: str, action: Action) -> Behaviour:
    """Return the case in which one of the staff asks for an action that is refused."""

    def case(sim: Simulation) -> Steps:
        return [Step(getattr(sim.world.staff, signer), action)]

    return case


def for_an_account(sim: Simulation) -> Steps:
    """Ask for an operator action in the name of an account."""
    return [Step(sim.world.staff.admin, OpenAccount(_UNKNOWN, _STRANGER), account=BUILDER)]


def without_role(sim: Simulation) -> Steps:
    """Let a key without any role give out money."""
    return [Step(Signer("market stranger"), Deposit(1, 1))]


def agent_withdraws(sim: Simulation) -> Steps:
    """Let an agent do what only the root may."""
    return [Step(sim.one_of(sim.world.traders).agent, Withdraw(1))]


def too_much_money(sim: Simulation) -> Steps:
    """Withdraw more than there is."""
    return [Step(sim.world.builder.root, Withdraw(TOTAL_DEPOSITS_E6))]


def to_itself(sim: Simulation) -> Steps:
    """Transfer to the account itself, and nothing to another."""
    root = sim.world.builder.root
    return [Step(root, Transfer(BUILDER, 1)), Step(root, Transfer(1, 0))]


def unknown_mode(sim: Simulation) -> Steps:
    """Choose a margin mode that does not exist."""
    return [Step(sim.world.builder.root, SetMarginMode(3))]


def no_portfolio(sim: Simulation) -> Steps:
    """In portfolio mode trade what has no model and what has no surface."""
    root, oracle = sim.world.builder.root, sim.world.staff.oracle
    return [
        Step(root, SetMarginMode(_PORTFOLIO)),
        Step(oracle, UpdateMarkPrice(DOT_PERP, 10_000_000)),
        Step(root, PlaceOrder(DOT_PERP, int(Side.BUY), 900, 10)),
        Step(oracle, UpdateMarkPrice(FAR_CALL, 10_000_000_000)),
        Step(root, PlaceOrder(FAR_CALL, int(Side.BUY), 1, 1)),
        Step(root, SetMarginMode(_STANDARD)),
    ]


def no_model_yet(sim: Simulation) -> Steps:
    """Choose portfolio margin with an order where there is no model, and take it back."""
    root = sim.world.builder.root
    return [
        Step(sim.world.staff.oracle, UpdateMarkPrice(DOT_PERP, 10_000_000)),
        Step(root, SetMarginMode(_STANDARD)),
        Step(root, PlaceOrder(DOT_PERP, int(Side.BUY), 900, 10)),
        Step(root, SetMarginMode(_PORTFOLIO)),
        Step(root, CancelAll()),
    ]


def mode_without_money(sim: Simulation) -> Steps:
    """Choose portfolio margin with orders that STANDARD barely carries, then take them back.

    The model asks for more than STANDARD's 1 to 5 %, so of the last orders some are refused.
    """
    root, listed = sim.world.poor.root, sim.view.listed[BTC_PERP]
    limits = listed.created.limits
    price = listed.on_step(sim.price_near(listed, Side.BUY, 300))
    large = PlaceOrder(BTC_PERP, int(Side.BUY), price, limits.qty_step_lots * 20)
    return [
        Step(root, Batch((large,) * 40)),
        Step(root, SetMarginMode(_PORTFOLIO)),
        Step(root, CancelAll()),
        Step(root, SetMarginMode(_STANDARD)),
    ]


def agent_twice(sim: Simulation) -> Steps:
    """Authorise an agent that is one already, and revoke one that never was."""
    trader = sim.one_of(sim.world.traders)
    return [
        Step(trader.root, AuthorizeAgent(trader.agent.key)),
        Step(trader.root, RevokeAgent(_STRANGER)),
    ]


def expired_listing(sim: Simulation) -> Steps:
    """Change the limits, the status and the mark of an instrument that is over."""
    if not sim.view.expired:
        return []
    number, staff = sim.view.expired[-1].number, sim.world.staff
    return [
        Step(staff.admin, SetTradingLimits(number, DATED_LIMITS)),
        Step(staff.risk, SetInstrumentStatus(number, 1)),
    ]


def marked_twice(sim: Simulation) -> Steps:
    """Mark by hand what stands under a surface."""
    dated = [listed for listed in sim.traded() if listed.created.expiry_ns]
    if not dated:
        return []
    return [Step(sim.world.staff.oracle, UpdateMarkPrice(sim.one_of(dated).number, 10**9))]


def staff_cases() -> list[tuple[Code, Behaviour]]:
    """Return (code, case) for what is wrong with operator and money actions."""
    cases = [(code, by_staff(signer, action)) for code, signer, action in _STAFF]
    named: tuple[tuple[Code, Behaviour], ...] = (
        (Code.BAD_PARAMETER, for_an_account),
        (Code.UNKNOWN_SIGNER, without_role),
        (Code.NOT_AUTHORIZED, agent_withdraws),
        (Code.INSUFFICIENT_FUNDS, too_much_money),
        (Code.UNKNOWN_ACCOUNT, to_itself),
        (Code.UNKNOWN_AGENT, agent_twice),
        (Code.INSTRUMENT_EXPIRED, expired_listing),
        (Code.SURFACE_EXISTS, marked_twice),
        (Code.BAD_PARAMETER, unknown_mode),
        (Code.NO_MARGIN_MODEL, no_model_yet),
        (Code.NO_SURFACE, no_portfolio),
        (Code.INSUFFICIENT_MARGIN, mode_without_money),
    )
    return [*cases, *named]
