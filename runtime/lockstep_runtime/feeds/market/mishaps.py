"""Deliberate refusals of settlements, fundings, liquidations and blocks."""

from lockstep_engine.codes import Code, Side
from lockstep_engine.commands import (
    Action,
    BlockLeg,
    ExecuteBlock,
    FundInsurance,
    Liquidate,
    SetSettlementPrice,
    SettleExpiry,
    UpdateFundingRate,
)
from lockstep_runtime.feeds.market.blocks import mark_ticks
from lockstep_runtime.feeds.market.days import next_expiry_ns
from lockstep_runtime.feeds.market.misrule import by_staff
from lockstep_runtime.feeds.market.simulation import Behaviour, Simulation, Step, Steps
from lockstep_runtime.feeds.market.world import (
    BTC_NARROW,
    BTC_PERP,
    BUILDER,
    TOTAL_DEPOSITS_E6,
    Trader,
)
from lockstep_runtime.signing import Signer

_UNKNOWN = 77_777
_BUY = int(Side.BUY)

_STAFF: tuple[tuple[Code, str, Action], ...] = (
    (Code.UNKNOWN_EXPIRY, "oracle", SettleExpiry("BTC", 1)),
    (Code.UNKNOWN_EXPIRY, "oracle", SetSettlementPrice("BTC", 1, 10**9)),
    (Code.UNKNOWN_UNDERLYING, "oracle", SettleExpiry("DOGE", 1)),
    (Code.NOT_PERPETUAL, "oracle", UpdateFundingRate(BTC_NARROW, 0)),
    (Code.BAD_PARAMETER, "oracle", UpdateFundingRate(BTC_PERP, 10**8 + 1)),
    (Code.UNKNOWN_INSTRUMENT, "oracle", UpdateFundingRate(_UNKNOWN, 0)),
    (Code.ACCOUNT_HEALTHY, "risk", Liquidate(BUILDER)),
    (Code.UNKNOWN_ACCOUNT, "risk", Liquidate(_UNKNOWN)),
    (Code.NOT_AUTHORIZED, "oracle", Liquidate(BUILDER)),
    (Code.AMOUNT_NOT_POSITIVE, "treasury", FundInsurance(0)),
    (Code.AMOUNT_ABOVE_LIMIT, "treasury", FundInsurance(TOTAL_DEPOSITS_E6)),
)
"""(code, who of the staff asks, for what)."""


def too_early(sim: Simulation) -> Steps:
    """Settle and price what has not expired."""
    oracle, expiry = sim.world.staff.oracle, ("BTC", next_expiry_ns(sim.now_ns + 10**12))
    return [
        Step(oracle, SettleExpiry(*expiry)),
        Step(oracle, SetSettlementPrice(*expiry, 10**9)),
    ]


def too_late(sim: Simulation) -> Steps:
    """Settle and price again what has settled."""
    if not sim.view.settled:
        return []
    oracle, expiry = sim.world.staff.oracle, sim.one_of(sim.view.settled)
    return [
        Step(oracle, SettleExpiry(*expiry)),
        Step(oracle, SetSettlementPrice(*expiry, 10**9)),
    ]


def shapeless_block(sim: Simulation) -> Steps:
    """Ask for a block without legs, with one instrument twice, and with a short lineage."""
    leg = BlockLeg(BTC_PERP, _BUY, 100_000, 10)
    return [
        _asked(sim, (), sim.world.takers[0]),
        _asked(sim, (leg, leg), sim.world.takers[0]),
        _asked(sim, (leg,), sim.world.takers[0], b"short"),
    ]


def block_with_itself(sim: Simulation) -> Steps:
    """Let an account trade with itself, and with one of its group."""
    leg = BlockLeg(BTC_PERP, _BUY, 100_000, 10)
    one, other = sim.world.makers[:2]
    itself = ExecuteBlock(BUILDER, sim.world.builder.root.key, 0, (leg,))
    group = ExecuteBlock(other.account, other.root.key, 0, (leg,))
    return [
        Step(sim.world.builder.root, itself, counter=sim.world.builder.root),
        Step(one.root, group, counter=other.root),
    ]


def block_with_a_stranger(sim: Simulation) -> Steps:
    """Name an account that never was, and a key that may not sign for one."""
    leg, root = BlockLeg(BTC_PERP, _BUY, 100_000, 10), sim.world.builder.root
    other = sim.world.takers[0]
    nobody = ExecuteBlock(_UNKNOWN, other.root.key, 0, (leg,))
    forged = ExecuteBlock(other.account, other.root.key, 0, (leg,))
    return [
        Step(root, nobody, counter=other.root),
        Step(root, forged, counter=Signer("market stranger", other.account)),
    ]


def block_off_market(sim: Simulation) -> Steps:
    """Ask for a block at a price 15 % above the mark, and for one that nobody could carry."""
    listed = sim.view.listed[BTC_PERP]
    dear = listed.on_step(mark_ticks(listed) * 115 // 100)
    fair, most = listed.on_step(mark_ticks(listed)), listed.created.limits.max_position_lots
    return [
        _asked(sim, (BlockLeg(BTC_PERP, _BUY, dear, 10),), sim.world.takers[0]),
        _asked(sim, (BlockLeg(BTC_PERP, _BUY, fair, most // 2),), sim.world.takers[0]),
        _asked(sim, (BlockLeg(BTC_PERP, _BUY, fair, most + 5),), sim.world.takers[0]),
    ]


def mishap_cases() -> list[tuple[Code, Behaviour]]:
    """Return (code, case) for what is wrong with settlements, fundings, liquidations and blocks."""
    cases = [(code, by_staff(signer, action)) for code, signer, action in _STAFF]
    named: tuple[tuple[Code, Behaviour], ...] = (
        (Code.NOT_EXPIRED, too_early),
        (Code.ALREADY_SETTLED, too_late),
        (Code.BAD_BLOCK, shapeless_block),
        (Code.BLOCK_SAME_PARTY, block_with_itself),
        (Code.UNKNOWN_SIGNER, block_with_a_stranger),
        (Code.BLOCK_OFF_MARKET, block_off_market),
    )
    return [*cases, *named]


def _asked(
    sim: Simulation, legs: tuple[BlockLeg, ...], other: Trader, lineage: bytes = b""
) -> Step:
    """Return the step in which the builder asks another account for a block."""
    action = ExecuteBlock(other.account, other.root.key, 0, legs, lineage=lineage)
    return Step(sim.world.builder.root, action, counter=other.root)
