"""The options flow is the same at every reading, and what it is meant to reach happens in it."""

from collections import Counter
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from lockstep_engine import codes
from lockstep_engine import commands as do
from lockstep_engine.events import MmpTriggered, OrderRejected, Trade
from lockstep_engine.views import account, best
from lockstep_kernel import CannotRunError, State, apply, initial
from lockstep_runtime.bench.builds import Build, running_label
from lockstep_runtime.bench.measures import check_flow, measure_round
from lockstep_runtime.bench.worker import Job, main
from lockstep_runtime.bench.workload import EXCHANGE, FloorWork, Workload, load, options, save
from lockstep_runtime.feeds.options_flow import (
    SURFACE_EVERY,
    TIME_EVERY,
    WOPTIONS,
    OptionsFlow,
)
from lockstep_runtime.options_venue import PERPETUAL, OptionsVenue
from tests.unit.bench.options import SMALL, small_workload

FLOW_SHA256 = "fe188f2495ff2b9e4ba81250212da3582970ce16f992b170ba9a74fac965d2b8"
"""Over the bodies of the small flow's timed commands: the order of its draws never changes."""

Ran = tuple[State, list[msgspec.Struct]]


@pytest.fixture(scope="module")
def small() -> Workload:
    return small_workload()


@pytest.fixture(scope="module")
def ran(small: Workload) -> Ran:
    """Return the state after the small flow, and the events of its timed part."""
    return run(small)


def run(work: Workload) -> Ran:
    """Apply a flow."""
    state = initial(EXCHANGE, work.genesis)
    events: list[msgspec.Struct] = []
    for ts_ns, body in work.commands:
        state, found, _hash = apply(state, EXCHANGE.codec.decode(ts_ns, body))
        events.extend(found if state.seq > work.warm else ())
    return state, events


def cut(work: Workload, timed: int) -> Workload:
    """Return the beginning of a flow."""
    return msgspec.structs.replace(work, commands=work.commands[: work.warm + timed])


def actions_of(work: Workload) -> list[msgspec.Struct]:
    decoded = (EXCHANGE.codec.decode(ts_ns, body).command for ts_ns, body in work.commands)
    return [command.action for command in decoded if isinstance(command, do.Command)]


def test_the_flow_is_the_same_at_every_reading(small: Workload) -> None:
    assert small == small_workload()
    bodies = b"".join(body for _ts_ns, body in small.timed)
    assert FLOW_SHA256 == sha256(bodies).hexdigest()


def test_the_full_flow_lists_twenty_expiries_of_forty_strikes() -> None:
    work = options(200)
    actions = actions_of(work)
    counts = Counter(type(action) for action in actions[: work.warm])
    assert (1_601, 20, 1) == (
        counts[do.CreateInstrument],
        counts[do.UpdateVolSurface],
        counts[do.SetPortfolioModel],
    )
    surfaces = [action for action in actions if isinstance(action, do.UpdateVolSurface)]
    assert [40] * 20 == [len(surface.points) for surface in surfaces]
    accounts = WOPTIONS.makers + WOPTIONS.takers + 1
    assert [do.SetMarginMode(2)] * accounts == [a for a in actions if type(a) is do.SetMarginMode]
    assert 4 == len(work.timed)


def test_a_venue_names_every_option_once() -> None:
    venue = OptionsVenue(20, 40)
    places = [(e, s, p) for e in range(20) for s in range(40) for p in (False, True)]
    named = [venue.option(*place) for place in places]
    assert list(range(PERPETUAL + 1, PERPETUAL + 1 + 1_600)) == named
    assert places == [venue.place_of(option) for option in named]
    assert (1_600, 20) == (venue.options, len(set(venue.expiries_ns)))


def test_between_any_two_orders_or_quotes_the_index_moves(small: Workload) -> None:
    actions = actions_of(small)[small.warm :]
    assert [do.UpdateIndexPrice] * 1_000 == [type(action) for action in actions[::2]]
    moved = [action.price_e6 for action in actions[::2] if isinstance(action, do.UpdateIndexPrice)]
    assert 100 < len(set(moved))
    assert do.UpdateIndexPrice not in {type(action) for action in actions[1::2]}


def test_surfaces_and_time_move_as_often_as_said(small: Workload) -> None:
    counts = Counter(type(action) for action in actions_of(small)[small.warm :])
    assert SMALL.flow // SURFACE_EVERY == counts[do.UpdateVolSurface]
    assert SMALL.flow // TIME_EVERY == counts[do.AdvanceTime]
    for kind in (do.MassQuote, do.PlaceOrder, do.CancelByClientId, do.UpdateMarkPrice):
        assert 0 < counts[kind]


def test_trades_happen_and_protections_trigger_and_thaw(ran: Ran) -> None:
    counts = Counter(type(event).__name__ for event in ran[1])
    assert 200 < counts["Trade"]
    assert 3 < counts["MmpTriggered"]
    assert 3 < counts["MmpThawed"]
    assert 2_000 < counts["OrderAccepted"]
    assert 100 < counts["QuoteKept"]
    assert 0 == counts["CommandRejected"]
    traded = {event.instrument for event in ran[1] if isinstance(event, Trade)}
    assert PERPETUAL in traded
    assert 30 < len(traded)
    assert 1 < len({event.account for event in ran[1] if isinstance(event, MmpTriggered)})


def test_refusals_are_few_and_those_of_frozen_makers(ran: Ran) -> None:
    refused = [event for event in ran[1] if isinstance(event, OrderRejected)]
    assert {codes.Code.MMP_FROZEN} == {event.code for event in refused}
    answered = Counter(type(event).__name__ for event in ran[1])
    asked = answered["OrderAccepted"] + answered["QuoteKept"] + len(refused)
    assert 10 * len(refused) < asked


def test_every_account_trades_in_portfolio_margin_and_takers_hold_their_options(ran: Ran) -> None:
    state = ran[0]
    accounts = [account(state, n) for n in range(1, SMALL.makers + SMALL.takers + 2)]
    assert {int(codes.MarginMode.PORTFOLIO)} == {one.margin_mode for one in accounts}
    takers = accounts[SMALL.makers : -1]
    assert 30 < min(len(taker.positions) for taker in takers)
    assert 0 < min(one.initial_margin_e6 for one in accounts)
    bid, ask = best(state, PERPETUAL)
    assert 0 < bid < ask


def test_what_happened_is_counted_in_the_timed_part(small: Workload) -> None:
    beginning = cut(small, 1_000)
    counts = Counter(type(event).__name__ for event in run(beginning)[1])
    happened = check_flow(beginning).happened
    assert (1_000, 500) == (happened.commands, happened.index_updates)
    assert 0 < min(counts["QuoteKept"], counts["MmpTriggered"], counts["OrderRejected"])
    assert counts["OrderAccepted"] == happened.orders
    assert counts["QuoteKept"] == happened.kept_quotes
    assert counts["Trade"] == happened.trades
    assert counts["MmpTriggered"] == happened.mmp_triggers
    assert counts["OrderRejected"] == happened.refusals


def test_all_ways_come_to_the_hash_of_the_plain_steps(small: Workload, tmp_path: Path) -> None:
    beginning = cut(small, 100)
    assert run(beginning)[0].hash.hex() == measure_round(beginning, tmp_path).hash


def test_the_floor_refuses_options_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "woptions.work"
    save(path, options(50))
    expected = "woptions.work: expected a flow that the floor can run, found other work"
    with pytest.raises(CannotRunError, match=expected):
        load(path, FloorWork)
    job = Job("floor", Build(running_label()), str(path), str(tmp_path))
    assert 3 == main([msgspec.json.encode(job).decode()])
    assert ("", f"{expected}\n") == capsys.readouterr()


def test_the_flow_reacts_to_nothing() -> None:
    feed = OptionsFlow(SMALL)
    assert not feed.listens
    feed.listen([])
    assert "woptions" == feed.name
