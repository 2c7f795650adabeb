"""How time passes: hours at once, minutes before an expiry, settlement, new listings, funding."""

from lockstep_engine.commands import (
    AdvanceTime,
    SetSettlementPrice,
    SettleExpiry,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_runtime.feeds.market.days import (
    HOUR_NS,
    NS_PER_S,
    WINDOW_NS,
    is_neglected,
    next_expiry_ns,
)
from lockstep_runtime.feeds.market.simulation import Behaviour, Simulation, Step, Steps
from lockstep_runtime.feeds.market.world import (
    BTC_PERP,
    ETH_PERP,
    FIRST_INDEX_E6,
    PERPETUALS,
)
from lockstep_runtime.signing import Script

_SOL_E6 = 150_000_000


def index_step(sim: Simulation, underlying: str) -> Step:
    """Return a step of the index: up to 10 bps, back again where it is far from its beginning."""
    first, index_e6 = FIRST_INDEX_E6[underlying], sim.index_e6[underlying]
    low, high = -10, 10
    if index_e6 < first * 4 // 5:
        low, high = 0, 60
    elif index_e6 > first * 6 // 5:
        low, high = -60, 0
    index_e6 += index_e6 * sim.between(low, high) // 10_000
    sim.index_e6[underlying] = index_e6
    return Step(sim.world.staff.oracle, UpdateIndexPrice(underlying, index_e6))


def pass_hours(sim: Simulation) -> Steps:
    """Let hours pass, but minutes in the half hour before an expiry; then all prices come anew."""
    now_ns = sim.now_ns
    opens_ns = next_expiry_ns(now_ns) - WINDOW_NS
    if now_ns < opens_ns:
        wait_ns = min(sim.between(4, 9) * HOUR_NS, opens_ns - now_ns + NS_PER_S)
    else:
        wait_ns = sim.between(60, 240) * NS_PER_S
    return [Step(sim.world.staff.oracle, AdvanceTime(), wait_ns=wait_ns), *fresh_prices(sim)]


def fresh_prices(sim: Simulation) -> Steps:
    """Move each index whose oracle is there, and mark the perpetuals at theirs."""
    oracle = sim.world.staff.oracle
    steps: list[Step] = []
    for number, underlying in ((BTC_PERP, "BTC"), (ETH_PERP, "ETH")):
        if not is_neglected(underlying, sim.now_ns):
            steps.append(index_step(sim, underlying))
        index_e6 = sim.index_e6[underlying]
        mark_e6 = index_e6 + index_e6 * sim.between(-3, 3) // 10_000
        steps.append(Step(oracle, UpdateMarkPrice(number, mark_e6)))
    return steps


def relist(sim: Simulation) -> Steps:
    """List what an expiry left unlisted: the chains of a day or of a Friday."""
    sim.view.is_expiry_unanswered = False
    script = Script(sim.now_ns, step_ns=0)
    sim.world.list_days(script, sim.index_e6)
    staff = sim.world.staff
    by_key = {signer.key: signer for signer in (staff.admin, staff.oracle)}
    return [Step(by_key[command.signer], command.action) for _ts_ns, command in script.take()]


def settle(sim: Simulation) -> Steps:
    """Settle an expiry; one whose index had too few samples is refused and gets a price by hand."""
    if not sim.view.unsettled:
        return []
    expiry = sim.one_of(sorted(sim.view.unsettled))
    is_final = sim.view.unsettled.pop(expiry)
    sim.view.settled.append(expiry)
    oracle, asked = sim.world.staff.oracle, SettleExpiry(*expiry)
    if is_final:
        return [Step(oracle, asked)]
    price_e6 = sim.index_e6.get(expiry[0], _SOL_E6)
    return [
        Step(oracle, asked),
        Step(oracle, SetSettlementPrice(*expiry, price_e6)),
        Step(oracle, asked),
    ]


def set_funding(sim: Simulation) -> Steps:
    """Set the funding of a perpetual: up to 5 bps in one, four or eight hours."""
    number, _underlying = sim.one_of(PERPETUALS[:2])
    rate_e9, hours = sim.between(-50, 50) * 10_000, sim.one_of((1, 4, 8))
    return [Step(sim.world.staff.oracle, UpdateFundingRate(number, rate_e9, hours * 3_600))]


def calendar_behaviours() -> list[tuple[int, Behaviour]]:
    """Return (weight, behaviour) of all that time brings."""
    return [(3, pass_hours), (6, settle), (2, set_funding)]
