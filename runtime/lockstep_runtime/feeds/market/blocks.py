"""Blocks of several legs between two accounts: spreads, straddles, calendars, basis, covers."""

import msgspec

from lockstep_engine.codes import InstrumentKind, Side
from lockstep_engine.commands import BlockLeg, ExecuteBlock
from lockstep_runtime.feeds.market.simulation import Behaviour, Simulation, Step, Steps
from lockstep_runtime.feeds.market.view import Listed
from lockstep_runtime.feeds.market.world import BTC_PERP, ETH_PERP, Trader
from lockstep_runtime.signing import Signer

_BUY, _SELL = int(Side.BUY), int(Side.SELL)
_MARK_TICKS_MIN = 25
"""Below this mark one tick is too far from it for a block."""

Leg = tuple[Listed, int, int]
"""(instrument, side of the first party, lots)."""


def countersigned(action: ExecuteBlock, signer: Signer, ts_ns: int) -> ExecuteBlock:
    """Return the block with the other party's key and its next nonce."""
    return msgspec.structs.replace(
        action, counter_signer=signer.key, counter_nonce=signer.next_nonce(ts_ns)
    )


def block(sim: Simulation, first: Trader, second: Trader, legs: list[Leg]) -> Steps:
    """Return the step in which two parties trade legs at their marks; none without any leg."""
    at_marks = tuple(
        BlockLeg(listed.number, side, listed.on_step(mark_ticks(listed)), lots)
        for listed, side, lots in legs
        if mark_ticks(listed) >= _MARK_TICKS_MIN and lots > 0
    )
    if not at_marks:
        return []
    signer, counter = _key(sim, first), _key(sim, second)
    action = ExecuteBlock(
        second.account,
        counter.key,
        0,
        at_marks,
        lineage=bytes([sim.between(1, 3)]) * 16 if sim.chance(30) else b"",
        counter_lineage=bytes([sim.between(1, 3)]) * 16 if sim.chance(30) else b"",
    )
    return [Step(signer, action, counter=counter)]


def mark_ticks(listed: Listed) -> int:
    """Return the mark in ticks, rounded down."""
    return listed.mark_e6 // listed.created.tick_e6


def trade_block(sim: Simulation) -> Steps:
    """Let two traders of different groups trade a few legs."""
    first = sim.one_of(sim.world.traders)
    second = sim.one_of([*sim.world.takers, *sim.world.arbitrageurs])
    if first is second:
        return []
    underlying = sim.one_of(("BTC", "ETH"))
    shape = sim.one_of((_vertical, _straddle, _calendar, _basis, _cover))
    return block(sim, first, second, shape(sim, underlying))


def options(sim: Simulation, underlying: str) -> dict[tuple[int, int], list[Listed]]:
    """Return the options of an underlying by (expiry_ns, kind), each list by strike."""
    chains: dict[tuple[int, int], list[Listed]] = {}
    for listed in sim.traded():
        created = listed.created
        if listed.is_option and created.underlying == underlying:
            chains.setdefault((created.expiry_ns, created.kind), []).append(listed)
    for chain in chains.values():
        chain.sort(key=lambda listed: listed.created.strike_e6)
    return {key: chains[key] for key in sorted(chains)}


def _vertical(sim: Simulation, underlying: str) -> list[Leg]:
    """Buy one strike and sell another of the same kind."""
    chains = [chain for chain in options(sim, underlying).values() if len(chain) > 1]
    if not chains:
        return []
    one, other = sim.random.sample(sim.one_of(chains), 2)
    lots, side = sim.lots(one, 200), sim.side()
    return [(one, side, lots), (other, 1 - side, lots)]


def _straddle(sim: Simulation, underlying: str) -> list[Leg]:
    """Buy or sell call and put of one strike."""
    chains = options(sim, underlying)
    if not chains:
        return []
    call = sim.one_of(sim.one_of(list(chains.values())))
    expiry_ns, strike_e6 = call.created.expiry_ns, call.created.strike_e6
    both = [
        listed
        for kind in (InstrumentKind.CALL, InstrumentKind.PUT)
        for listed in chains.get((expiry_ns, int(kind)), [])
        if listed.created.strike_e6 == strike_e6
    ]
    lots, side = sim.lots(call, 100), sim.side()
    return [(listed, side, lots) for listed in both]


def _calendar(sim: Simulation, underlying: str) -> list[Leg]:
    """Buy one future and sell another."""
    futures = sim.futures(underlying)
    if len(futures) < 2:
        return []
    one, other = sim.random.sample(futures, 2)
    lots = sim.lots(one, 400)
    return [(one, _BUY, lots), (other, _SELL, lots)]


def _basis(sim: Simulation, underlying: str) -> list[Leg]:
    """Buy the perpetual and sell a future, or the other way round."""
    futures = sim.futures(underlying)
    if not futures:
        return []
    perpetual, side = perpetual_of(sim, underlying), sim.side()
    lots = sim.lots(perpetual, 400)
    return [(perpetual, side, lots), (sim.one_of(futures), 1 - side, lots)]


def _cover(sim: Simulation, underlying: str) -> list[Leg]:
    """Buy the perpetual and sell a call on it."""
    chains = options(sim, underlying)
    calls = [chain for key, chain in chains.items() if key[1] == InstrumentKind.CALL]
    if not calls:
        return []
    perpetual, call = perpetual_of(sim, underlying), sim.one_of(sim.one_of(calls))
    lots = sim.lots(call, 60)
    return [(perpetual, _BUY, 10 * lots), (call, _SELL, lots)]


def perpetual_of(sim: Simulation, underlying: str) -> Listed:
    """Return the perpetual on an underlying."""
    return sim.view.listed[BTC_PERP if underlying == "BTC" else ETH_PERP]


def _key(sim: Simulation, trader: Trader) -> Signer:
    """Return who signs: for a trader perhaps its agent, for anybody else the root."""
    return sim.signer(trader) if trader in sim.world.traders else trader.root


def block_behaviours() -> list[tuple[int, Behaviour]]:
    """Return (weight, behaviour) of what is traded outside the books."""
    return [(5, trade_block)]
