"""What the operator and the money side do: prices, listings, halts, limits, fees, roles, funds."""

import msgspec

from lockstep_engine.codes import InstrumentKind, InstrumentStatus, Role, Side
from lockstep_engine.commands import (
    AdvanceTime,
    AuthorizeAgent,
    CancelOrder,
    Deposit,
    GrantRole,
    MarginRates,
    OpenAccount,
    PlaceOrder,
    RevokeAgent,
    RevokeRole,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetPortfolioModel,
    SetTradingLimits,
    Transfer,
    UpdateMarkPrice,
    Withdraw,
)
from lockstep_runtime.feeds.market.calendar import index_step
from lockstep_runtime.feeds.market.days import is_neglected
from lockstep_runtime.feeds.market.simulation import Behaviour, Simulation, Step, Steps
from lockstep_runtime.feeds.market.world import (
    BTC_PERP,
    DATED_LIMITS,
    ETH_PERP,
    PERP_LIMITS,
    surface,
)
from lockstep_runtime.presets import load_preset, preset_names
from lockstep_runtime.signing import Signer

_USD = 1_000_000


def move_index(sim: Simulation) -> Steps:
    """Let an index wander by up to a tenth of a percent, unless its oracle is away."""
    underlying = sim.one_of(("BTC", "ETH"))
    if is_neglected(underlying, sim.now_ns):
        return []
    return [index_step(sim, underlying)]


def move_mark(sim: Simulation) -> Steps:
    """Set the mark of a perpetual near its index."""
    number, underlying = sim.one_of(((BTC_PERP, "BTC"), (ETH_PERP, "ETH")))
    index_e6 = sim.index_e6[underlying]
    mark_e6 = index_e6 + index_e6 * sim.between(-3, 3) // 10_000
    return [Step(sim.world.staff.oracle, UpdateMarkPrice(number, mark_e6))]


def move_surface(sim: Simulation) -> Steps:
    """Give an expiry another forward, a little above the index, and other volatilities."""
    dated = sim.futures()
    if not dated:
        return []
    created = sim.one_of(dated).created
    index_e6 = sim.index_e6[created.underlying]
    forward_e6 = index_e6 + index_e6 * (5 + sim.between(-3, 3)) // 10_000
    vol_e9 = sim.between(500, 700) * 1_000_000
    action = surface(created.underlying, created.expiry_ns, forward_e6, vol_e9)
    return [Step(sim.world.staff.oracle, action)]


def pass_time(sim: Simulation) -> Steps:
    """Advance the time, which every surface's marks follow."""
    return [Step(sim.world.staff.oracle, AdvanceTime())]


def halt(sim: Simulation) -> Steps:
    """Halt or restrict a perpetual, try to trade in it, and open it again."""
    number = sim.one_of((BTC_PERP, ETH_PERP))
    listed = sim.view.listed[number]
    trader = sim.world.builder
    status = sim.one_of((InstrumentStatus.HALTED, InstrumentStatus.CLOSE_ONLY))
    price = listed.on_step(sim.price_near(listed, Side.BUY, 50))
    order = PlaceOrder(number, int(Side.BUY), price, listed.created.limits.min_order_lots)
    steps = [
        Step(sim.world.staff.risk, SetInstrumentStatus(number, int(status))),
        Step(trader.root, order),
    ]
    others = [o for o in sim.view.orders.orders.values() if o.instrument == number]
    if others:
        resting = sim.one_of(others)
        owners = [found for found in sim.world.traders if found.account == resting.account]
        steps += [Step(owner.root, CancelOrder(resting.order_id)) for owner in owners]
    active = SetInstrumentStatus(number, int(InstrumentStatus.ACTIVE))
    return [*steps, Step(sim.one_of((sim.world.staff.admin, sim.world.staff.risk)), active)]


def change_limits(sim: Simulation) -> Steps:
    """Give an instrument other limits for good: the tick and lot steps stay."""
    listed = sim.market()
    is_perpetual = listed.created.kind == InstrumentKind.PERPETUAL
    limits = PERP_LIMITS if is_perpetual else DATED_LIMITS
    limits = msgspec.structs.replace(limits, max_open_orders=sim.between(50, 300))
    return [Step(sim.world.staff.admin, SetTradingLimits(listed.number, limits))]


def change_fees(sim: Simulation) -> Steps:
    """Set another tier, and move an account between tiers."""
    tier = sim.between(1, 3)
    rates = (sim.between(-10, 30) * 10_000, sim.between(30, 60) * 10_000)
    option_rates = (sim.between(-10, 30) * 10_000, sim.between(20, 40) * 10_000)
    schedule = SetFeeSchedule(tier, *rates, *option_rates, sim.between(5, 15) * 10**7, 2_000)
    account = sim.one_of(sim.world.traders).account
    admin = sim.world.staff.admin
    return [Step(admin, schedule), Step(admin, SetFeeTier(account, tier))]


def change_margin(sim: Simulation) -> Steps:
    """Set the margin rates of an underlying, or its portfolio model to another preset."""
    underlying = sim.one_of(("BTC", "ETH"))
    if sim.chance(40):
        model = load_preset(sim.one_of(preset_names())).model
        return [Step(sim.world.staff.admin, SetPortfolioModel(underlying, model))]
    rates = MarginRates(
        sim.between(1, 5) * 10**7,
        addon_bps=sim.between(0, 60),
        addon_size_e8=10**10,
        option_initial_e9=sim.between(10, 20) * 10**7,
    )
    return [Step(sim.world.staff.admin, SetMarginModel(underlying, rates))]


def change_mode(sim: Simulation) -> Steps:
    """Let somebody choose a margin mode: refused if the positions need too much in it."""
    trader = sim.one_of(sim.world.traders)
    return [Step(trader.root, SetMarginMode(sim.one_of((0, 1, 2, 2))))]


def change_roles(sim: Simulation) -> Steps:
    """Lend a second oracle its role, let it speak once, and take the role back."""
    staff, deputy = sim.world.staff, Signer(f"market deputy {sim.next_client_id()}")
    lent = int(Role.ORACLE | Role.RISK)
    return [
        Step(staff.root, GrantRole(deputy.key, lent)),
        Step(deputy, AdvanceTime()),
        Step(staff.root, RevokeRole(deputy.key, int(Role.RISK))),
        Step(staff.root, RevokeRole(deputy.key, lent)),
    ]


def open_more(sim: Simulation) -> Steps:
    """Open another account with a little money."""
    account = sim.world.next_account
    sim.world.next_account += 1
    newcomer = Signer(f"market newcomer {account}", account)
    staff = sim.world.staff
    return [
        Step(staff.admin, OpenAccount(account, newcomer.key)),
        Step(staff.treasury, Deposit(account, sim.between(1, 1_000) * _USD)),
    ]


def move_funds(sim: Simulation) -> Steps:
    """Deposit, withdraw or transfer; deposits are larger."""
    trader, other = sim.one_of(sim.world.traders), sim.one_of(sim.world.traders)
    amount_e6 = sim.between(1, 10_000) * _USD
    kind = sim.random.randrange(3)
    if kind == 0:
        return [Step(sim.world.staff.treasury, Deposit(trader.account, 20 * amount_e6))]
    if kind == 1:
        return [Step(trader.root, Withdraw(amount_e6), b"withdrawal %d" % sim.next_client_id())]
    return [Step(trader.root, Transfer(other.account, amount_e6))]


def change_agents(sim: Simulation) -> Steps:
    """Authorise one more agent, and revoke it at once."""
    trader = sim.one_of(sim.world.traders)
    helper = Signer(f"market helper {sim.next_client_id()}", trader.account)
    return [
        Step(trader.root, AuthorizeAgent(helper.key)),
        Step(trader.root, RevokeAgent(helper.key)),
    ]


def write_options(sim: Simulation) -> Steps:
    """Sell and buy an option at its fair price; the writer needs margin for it."""
    options = [listed for listed in sim.traded() if listed.is_option]
    if not options:
        return []
    listed = sim.one_of(options)
    price = listed.on_step(sim.view.fair_ticks(listed))
    writer, holder = sim.world.makers[2], sim.one_of(sim.world.takers)
    sell = PlaceOrder(listed.number, int(Side.SELL), price, sim.lots(listed))
    buy = msgspec.structs.replace(sell, side=int(Side.BUY))
    return [Step(sim.signer(writer), sell), Step(sim.signer(holder), buy)]


def operating_behaviours() -> list[tuple[int, Behaviour]]:
    """Return (weight, behaviour) of everything that the operator and the money side do."""
    return [
        (6, move_index),
        (5, move_mark),
        (4, move_surface),
        (2, pass_time),
        (1, halt),
        (1, change_limits),
        (1, change_fees),
        (1, change_margin),
        (2, change_mode),
        (1, change_roles),
        (1, open_more),
        (3, move_funds),
        (1, change_agents),
        (3, write_options),
    ]
