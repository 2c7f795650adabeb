"""The market simulator is reproducible from its seed, and reaches everything that can happen."""

from collections import Counter
from typing import get_args

import pytest

from lockstep_engine.codes import (
    AmendReason,
    CancelReason,
    CashReason,
    Code,
    InstrumentKind,
    MmpLimit,
    MmpOption,
    OrderFlag,
    OrderType,
    SelfTradeMode,
    TimeInForce,
)
from lockstep_engine.commands import Action, Batch, CancelAll, OrderAction
from lockstep_engine.events import (
    CashMoved,
    CommandRejected,
    DuplicateRequest,
    Event,
    InstrumentCreated,
    MmpConfigSet,
    MmpTriggered,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
)
from lockstep_kernel import verify
from lockstep_runtime.feeds import open_feed
from lockstep_runtime.feeds.market import MarketFeed
from lockstep_runtime.signing import Item
from tests.unit.runtime.driving import Kept, applied_chunks, drive

SEEDS = (1, 2, 3)
COMMANDS = 4_000
UNREACHED_CODES = {
    Code.TIME_REGRESSION: "the sequencer never stamps a time that lies before the last",
}
UNREACHED_REASONS = {
    CancelReason.MARGIN: "the makers under relief are rich; the contract tests reach it",
}
UNREACHED_EVENTS = {"RulesActivated": "there is one rules version, and nothing newer to activate"}


class Reach(Counter[object]):
    """Counts whatever came up, over all seeds."""

    def __init__(self) -> None:
        super().__init__()
        for seed in SEEDS:
            feed, kept = MarketFeed(seed, COMMANDS), Kept()
            items = recorded(feed)
            verify(drive(feed, kept))
            for _ts_ns, command in items:
                self[type(command.action)] += 1
                if isinstance(command.action, Batch):
                    self.update(("batch", type(action)) for action in command.action.actions)
                if isinstance(command.action, CancelAll):
                    action = command.action
                    self["filter", action.mmp, bool(action.lineage), action.side != -1] += 1
            for event in kept.all():
                self._count(event)

    def _count(self, event: object) -> None:
        self[type(event).__name__] += 1
        match event:
            case CommandRejected(code=code) | OrderRejected(code=code):
                self[Code(code)] += 1
            case DuplicateRequest(code=code):
                self[Code(code)] += 1
            case OrderCancelled(reason=reason):
                self[CancelReason(reason)] += 1
            case OrderAmended(reason=reason):
                self[AmendReason(reason)] += 1
            case CashMoved(reason=reason):
                self[CashReason(reason)] += 1
            case InstrumentCreated(kind=kind):
                self[InstrumentKind(kind)] += 1
            case MmpConfigSet(options=options):
                self["options", options] += 1
            case MmpTriggered(breached=breached):
                self.update(("breached", limit) for limit in MmpLimit(breached))
            case OrderAccepted():
                self["tif", event.tif] += 1
                self["type", event.order_type] += 1
                self["flags", event.flags] += 1
                self["mode", event.self_trade] += 1
            case _:
                pass


def recorded(feed: MarketFeed) -> list[Item]:
    """Return a list that fills with all commands while the feed is driven."""
    items: list[Item] = []
    chunks = feed.chunks

    def recording() -> object:
        for chunk in chunks():
            items.extend(chunk)
            yield chunk

    feed.chunks = recording  # type: ignore[method-assign,assignment]  # a spy for this test
    return items


@pytest.fixture(scope="module")
def reach() -> Reach:
    return Reach()


def test_every_action_is_sent(reach: Reach) -> None:
    assert [] == [action.__name__ for action in get_args(Action) if not reach[action]]
    inner = [action for action in get_args(OrderAction) if action is not CancelAll]
    assert [] == [action.__name__ for action in inner if not reach["batch", action]]


def test_every_code_is_reached(reach: Reach) -> None:
    missing = {code for code in Code if not reach[code]}
    assert UNREACHED_CODES.keys() == missing


def test_every_event_is_reached(reach: Reach) -> None:
    missing = {event.__name__ for event in get_args(Event) if not reach[event.__name__]}
    assert UNREACHED_EVENTS.keys() == missing


@pytest.mark.parametrize("reasons", [CancelReason, AmendReason, CashReason, InstrumentKind])
def test_every_reason_and_kind_is_reached(
    reach: Reach, reasons: type[CancelReason | AmendReason | CashReason | InstrumentKind]
) -> None:
    missing = {reason for reason in reasons if not reach[reason]}
    assert UNREACHED_REASONS.keys() & set(reasons) == missing


def test_every_kind_of_order_is_accepted(reach: Reach) -> None:
    assert [] == [tif.name for tif in TimeInForce if not reach["tif", tif]]
    assert [] == [kind.name for kind in OrderType if not reach["type", kind]]
    assert [] == [mode.name for mode in SelfTradeMode if not reach["mode", mode]]
    seen = [key[1] for key in reach if isinstance(key, tuple) and key[0] == "flags"]
    for flag in (OrderFlag.POST_ONLY, OrderFlag.REPRICE, OrderFlag.REDUCE_ONLY, OrderFlag.MMP):
        assert any(int(flags) & flag for flags in seen), flag.name


def test_every_kind_of_protection_is_set_and_every_limit_breached(reach: Reach) -> None:
    sums = [MmpOption.NONE, *MmpOption, MmpOption.MAKER_ONLY | MmpOption.EXCEEDING]
    assert [] == [options for options in sums if not reach["options", options]]
    assert [] == [limit.name for limit in MmpLimit if not reach["breached", limit]]


def test_there_is_more_trade_than_mischief(reach: Reach) -> None:
    assert reach["Trade"] > 1_500
    assert reach["OrderAccepted"] > 5 * reach["CommandRejected"]


def test_equal_seeds_give_equal_histories_and_other_seeds_others() -> None:
    first, second, other = (drive(MarketFeed(seed, 1_000)).hash for seed in (5, 5, 6))
    assert first == second
    assert first != other


def test_a_shorter_run_is_the_beginning_of_a_longer_one() -> None:
    hashes = {}
    for _state, applied in applied_chunks(MarketFeed(5, 1_500)):
        hashes.update({done[0]: done[6] for done in applied})
    for count in (1, 90, 777, 1_500):
        assert hashes[count] == drive(MarketFeed(5, count)).hash


def test_the_count_is_exact_and_stands_in_the_name() -> None:
    assert 333 == drive(open_feed("market:4:333")).seq
    assert 100 == drive(open_feed("market:4:333", limit=100)).seq
    assert "market:4" == open_feed("market:4").name


def test_times_never_go_back() -> None:
    feed = MarketFeed(2, 2_000)
    items = recorded(feed)
    drive(feed)
    times = [ts_ns for ts_ns, _command in items]
    assert sorted(times) == times
