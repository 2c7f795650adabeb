"""What feeds and reports are built on: the bare book, views of events, signers, the console."""

import io
import sys

import pytest

from lockstep_engine.commands import CancelAll
from lockstep_engine.exchange import MACHINE, depth, order
from lockstep_kernel import Sequenced, apply, initial
from lockstep_runtime import console
from lockstep_runtime.feeds.market import MarketFeed
from lockstep_runtime.live_orders import Levels, LiveOrders
from lockstep_runtime.matcher import BUY, SELL, PriceTimeBook, Resting
from lockstep_runtime.signing import Script, Signer, key_of
from lockstep_runtime.venue import Contract, Staff, widest_limits
from tests.unit.runtime.driving import Kept, drive


def book_of(*orders: tuple[int, int, int, int]) -> PriceTimeBook:
    book = PriceTimeBook()
    for order_id, side, price, lots in orders:
        book.rest(Resting(order_id, 0, side, price, lots))
    return book


def test_the_bare_book_matches_by_price_then_by_arrival() -> None:
    book = book_of((1, SELL, 11, 5), (2, SELL, 10, 5), (3, SELL, 10, 5), (4, BUY, 9, 5))
    fills = [(maker.order_id, lots) for maker, lots in book.take(BUY, 11, 12)]
    assert [(2, 5), (3, 5), (1, 2)] == fills
    assert (9, 11) == (book.best(BUY), book.best(SELL))
    assert (3, 2) == (book.orders[1].remaining, book.orders[1].filled)
    assert 2 == book.level_count()


def test_the_bare_book_stops_at_the_limit_and_at_an_empty_side() -> None:
    book = book_of((1, BUY, 9, 5), (2, BUY, 8, 5))
    assert [1] == [maker.order_id for maker, _lots in book.take(SELL, 9, 99)]
    assert [2] == [maker.order_id for maker, _lots in book.take(SELL, None, 99)]
    assert [] == book.take(SELL, None, 99)
    assert book.best(BUY) is None


def test_the_bare_book_lists_orders_in_priority() -> None:
    book = book_of((1, BUY, 9, 5), (2, BUY, 10, 5), (3, BUY, 10, 5))
    book.drop(2)
    assert [3, 1] == [resting.order_id for resting in book.in_priority(BUY)]


def test_views_folded_from_events_are_the_exchanges_own() -> None:
    kept, orders, levels = Kept(), LiveOrders(), {}
    state = drive(MarketFeed(11, 1_500), kept)
    for _seq, events in kept.emitted:
        orders.fold(events)
        for event in events:
            if type(event).__name__ == "BookChanged":
                levels.setdefault(event.instrument, Levels()).fold(event)
    assert len(orders.orders) > 50
    for live in orders.orders.values():
        found = order(state, live.order_id)
        assert found is not None
        assert (found.remaining_lots, found.price_ticks) == (live.remaining_lots, live.price_ticks)
    for instrument in orders.instruments():
        bids, asks = depth(state, instrument, 10_000)
        assert [row["price_ticks"] for row in bids] == sorted(levels[instrument].bids)[::-1]
        assert [row["price_ticks"] for row in asks] == sorted(levels[instrument].asks)
        in_priority = [live.price_ticks for live in orders.in_priority(instrument, BUY)]
        assert sorted(in_priority)[::-1] == in_priority


def test_keys_are_named_and_nonces_rise_with_time_or_by_one() -> None:
    signer = Signer("somebody", 5)
    assert key_of("somebody") == signer.key
    assert 32 == len(signer.key)
    nonces = [signer.sign(ts_ns, CancelAll()).nonce for ts_ns in (5_000_000, 5_000_001, 9_000_000)]
    assert [5, 6, 9] == nonces


def test_a_script_moves_time_on_with_each_command() -> None:
    script, signer = Script(1_000, step_ns=10), Signer("somebody")
    script.add(signer, CancelAll())
    script.add(signer, CancelAll())
    script.advance_to(500)
    script.add(signer, CancelAll())
    assert [1_000, 1_010, 1_020] == [ts_ns for ts_ns, _command in script.take()]
    assert [] == script.take()


def test_the_staff_can_do_what_the_roles_allow() -> None:
    staff, script = Staff("some"), Script(1_000_000)
    staff.grant(script)
    state = initial(MACHINE, staff.genesis(0))
    for ts_ns, command in script.take():
        sequenced: Sequenced = MACHINE.codec.sequence(ts_ns, command)
        state, events, _hash = apply(state, sequenced)
        assert ["RoleGranted"] == [type(event).__name__ for event in events]


def test_the_widest_limits_are_as_wide_as_numbers_allow() -> None:
    contract = Contract(10_000, 100_000_000)
    limits = widest_limits(contract, 1_000_000)
    assert limits.max_position_lots * 1_000_000 * contract.value_e6 <= 2**56
    assert (limits.max_position_lots + 1) * 1_000_000 * contract.value_e6 > 2**56


def test_a_plain_table_is_aligned_and_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_table(("name", "count"), [("a", 1_000), ("longer", None)], "title")
    assert "title\nname    count\na       1,000\nlonger  -\n" == capsys.readouterr().out
    console.show_values({"is good": True, "share": 0.5})
    assert "is good  yes\nshare    0.50\n" == capsys.readouterr().out


def test_progress_is_silent_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    progress = console.Progress("feed")
    progress(1)
    progress.close()
    captured = capsys.readouterr()
    assert ("", "") == (captured.out, captured.err)


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_waiting_says_how_many_jobs_are_done_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = console.Waiting("judges")
    waiting(2, 6)
    waiting.close()
    assert ("", "") == capsys.readouterr()
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    waiting = console.Waiting("judges")
    waiting(2, 6)
    waiting(3, 6)  # too soon after the first
    waiting.close()
    assert "\r\x1b[2Kjudges: 2 of 6 done, 0 s\r\x1b[2K" == terminal.getvalue()
