"""A desk and its exchange after deaths, a lost link and a native stop: what the books come to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep_desk.adapters.exchange.evidence import read_evidence
from lockstep_desk.adapters.exchange.session import ExchangeSession
from lockstep_desk.adapters.exchange.venue import ACCOUNT, VENUE, CounterSide
from lockstep_desk.core.codes import Health, Link, SendError, TradingState
from lockstep_desk.core.commands import SetTradingState
from lockstep_desk.core.engine import Engine
from lockstep_desk.core.events import OrderRequested
from lockstep_desk.demo.history import History, read_history
from lockstep_desk.demo.host import is_blind
from lockstep_desk.demo.judge import books_faults, stop_faults
from lockstep_desk.demo.messages import Swept
from lockstep_desk.demo.plan import STOPPED
from lockstep_desk.demo.post import Post
from lockstep_desk.types import E8
from lockstep_kernel import CannotRunError
from tests.unit.desk.demo.support import HOLDER, PLAN, PRICE, Rig, Ticking


class Killed(Exception):
    """The process ends here."""


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    made.begin()
    return made


def history_of(rig: Rig) -> History:
    return read_history(rig.directory / "desk").history


def test_a_new_post_sweeps_before_its_link_delivers(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    view = rig.post.engine.view
    assert (Health.RECONNECTING, TradingState.DISABLED) == (
        view.health(Link.ACCOUNT, ACCOUNT),
        view.trading,
    )
    assert (0, 0) == (rig.post.recovered.desk.seq, rig.post.recovered.exchange.seq)
    assert Swept("on boot", 0, (), 0) == rig.post.boot()
    view = rig.post.engine.view
    assert (Health.HEALTHY, TradingState.DISABLED) == (
        view.health(Link.ACCOUNT, ACCOUNT),
        view.trading,
    )


def test_an_opening_that_was_cut_short_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("lockstep_desk.adapters.exchange.venue.CounterSide._send", cut_after(7))
        with pytest.raises(Killed):
            Post(PLAN, tmp_path, Ticking())
    whole, cut = Rig(tmp_path / "whole"), Rig(tmp_path)
    assert 7 == cut.post.recovered.exchange.seq
    assert whole.post.marks.exchange.seq == cut.post.marks.exchange.seq
    assert [one.symbol for one in whole.post.venue.listed] == [
        one.symbol for one in cut.post.venue.listed
    ]


def cut_after(count: int) -> Callable[..., object]:
    """Return a `_send` of the counter-side after which, `count` times on, the process ends."""
    send, done = CounterSide._send, []

    def sending(side: CounterSide, *what: object) -> object:
        if len(done) == count:
            raise Killed
        done.append(what)
        return send(side, *what)  # type: ignore[arg-type]  # they are passed on as they came

    return sending


@pytest.mark.desk("RECON-32")
def test_a_native_stop_that_nobody_saw_is_booked_at_its_real_price_for_its_owner(rig: Rig) -> None:
    rig.buy()
    rig.take()
    assert 20 * E8 == rig.held_e8
    rig.lose()
    rig.stop_out(PRICE - 10**9)
    assert 20 * E8 == rig.held_e8
    swept = rig.post.sweep("as the link is back", rig.post.engine, is_linking=True)
    (found,) = swept.found
    assert (1, 0, True) == (swept.booked, swept.standing, found.is_of_stop)
    assert "CRITICAL CLOSED_AT_BROKER SOL-PERP: sell 20.00 at 148.99, healed" == found.text
    assert 0 == rig.held_e8
    rig.take()
    rig.finish()
    history, evidence = history_of(rig), read_evidence(rig.directory / "exchange")
    (fill,) = evidence.stopped
    assert (fill.price_e9, HOLDER.deployment_id) == (
        history.fills[fill.fill_id].price_e9,
        history.fills[fill.fill_id].deployment_id,
    )
    assert [] == books_faults(history, evidence)


def test_a_lost_link_stops_trading_until_somebody_enables_it_again(rig: Rig) -> None:
    rig.lose()
    assert TradingState.DISABLED is rig.post.engine.view.trading
    rig.post.sweep("again", rig.post.engine, is_linking=True)
    rig.show(STOPPED, PRICE + 10**9)
    rig.take()
    view = rig.post.engine.view
    assert (True, TradingState.DISABLED) == (view.is_healthy, view.trading)


def kills_before_sending(patch: pytest.MonkeyPatch) -> None:
    """Let the process end when an order is durable at the desk and not yet at the exchange."""

    def send(session: ExchangeSession, request: object) -> SendError:
        raise KeyboardInterrupt if isinstance(request, OrderRequested) else AssertionError

    patch.setattr(ExchangeSession, "send", send)


def kills_after_sending(patch: pytest.MonkeyPatch) -> None:
    """Let the process end when an order is durable at the exchange and unanswered at the desk."""
    hand_over = Engine._hand_over

    def handing(engine: Engine, request: OrderRequested) -> object:
        hand_over(engine, request)
        raise KeyboardInterrupt

    patch.setattr(Engine, "_hand_over", handing)


@pytest.mark.desk("RECON-31", "DESK-D11")
@pytest.mark.parametrize(
    ("kills", "filled_e8"), [(kills_before_sending, 0), (kills_after_sending, 20 * E8)]
)
def test_what_was_in_flight_is_asked_for_and_never_sent_again(
    rig: Rig,
    monkeypatch: pytest.MonkeyPatch,
    kills: Callable[[pytest.MonkeyPatch], None],
    filled_e8: int,
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        kills(patch)
        rig.buy()
    before = rig.post.marks
    rig.again()
    assert before == rig.post.recovered
    rig.take()
    assert filled_e8 == rig.held_e8
    assert () == rig.post.engine.view.orders()
    rig.finish()
    history, evidence = history_of(rig), read_evidence(rig.directory / "exchange")
    assert 1 == history.unknown
    assert [] == [fault for fault in books_faults(history, evidence) if "native" not in fault]
    assert {} == {name: count for name, count in history.sent.items() if count > 1}
    assert [1] * bool(filled_e8) == [placed.accepted for _number, placed in evidence.placed]


@pytest.mark.desk("RECON-31")
def test_after_a_death_a_sweep_comes_before_trading_is_enabled(rig: Rig) -> None:
    rig.again()
    assert TradingState.DISABLED is rig.post.engine.view.trading
    rig.process(SetTradingState(TradingState.ENABLED))
    rig.finish()
    assert [] == history_of(rig).early


def test_trading_without_a_sweep_is_found_in_the_journal(rig: Rig) -> None:
    rig.post.engine.resume()
    seq = rig.post.engine.view.seq
    rig.process(SetTradingState(TradingState.ENABLED))
    rig.post.close()
    (early,) = history_of(rig).early
    assert early > seq
    assert [f"trading was enabled at {early} before a sweep of the account"] == (
        history_of(rig).faults()
    )


def test_a_resting_order_that_filled_before_a_death_is_the_desks_own_afterwards(rig: Rig) -> None:
    rig.buy(price_e9=PRICE - 10**9)
    rig.take()
    rig.show(STOPPED, PRICE - 2 * 10**9)
    swept = rig.again()
    assert 1 == swept.booked
    assert 20 * E8 == rig.held_e8
    assert "MISSED_FILL" in swept.found[0].text
    assert not swept.found[0].is_of_stop


def test_a_journal_of_another_demo_is_refused(tmp_path: Path) -> None:
    Rig(tmp_path / "one").post.close()
    other = PLAN.__class__(7, 4, 1_000, PLAN.begun_ns + 1)
    with pytest.raises(CannotRunError, match="found that of another run"):
        Post(other, tmp_path / "one", Ticking())


def test_the_market_goes_on_where_it_was(rig: Rig) -> None:
    moved = rig.post.venue.moved
    rig.show(STOPPED, PRICE)
    rig.again()
    assert moved + 1 == rig.post.venue.moved


def test_what_is_wrong_with_a_booked_stop_is_said(rig: Rig) -> None:
    rig.buy()
    rig.take()
    rig.lose()
    rig.stop_out(PRICE - 10**9)
    rig.post.close()
    history, evidence = history_of(rig), read_evidence(rig.directory / "exchange")
    assert ["the close by the native stop was not found by a sweep"] == (
        stop_faults(history, evidence)
    )


def test_a_market_event_that_was_under_way_does_not_hide_that_the_account_is_lost(
    rig: Rig,
) -> None:
    rig.show(STOPPED, PRICE + 10**9)
    rig.post.shared.act(rig.post.venue.session.disconnect)
    for report in rig.post.shared.take():
        rig.post.engine.process(report)
    rig.take()
    view = rig.post.engine.view
    assert Health.HEALTHY is view.health(Link.MARKET, VENUE)
    assert is_blind(view)
