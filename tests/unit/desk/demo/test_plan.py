"""The plan of a demo: a market that can be gone on with, and a script in its order."""

from lockstep_desk.demo.messages import Happened, Mark, Marks, Opened, from_line, to_line
from lockstep_desk.demo.plan import MAKER, STOPPED, deployments, full, names, quick
from lockstep_desk.demo.words import clock, fill_text, quantity, share
from lockstep_desk.types import E8, Fill, Liquidity, Side


def test_a_market_that_is_gone_on_with_has_the_moves_that_were_left() -> None:
    plan = quick(7)
    whole = list(plan.moves(0))
    assert plan.total == len(whole)
    assert whole[500:] == list(plan.moves(500))
    assert [] == list(plan.moves(plan.total))
    assert whole == list(quick(7).moves(0))
    assert whole != list(quick(8).moves(0))


def test_the_script_stands_in_its_order_before_the_end() -> None:
    for plan in (quick(1), full(1)):
        back_at = plan.lost_at + plan.back_after
        assert 0 < plan.worker_at < plan.lost_at < back_at < plan.killed_at < plan.total
        assert 0 < plan.hit_after < plan.back_after


def test_four_deployments_trade_and_one_alone_holds_what_the_stop_closes() -> None:
    named = deployments()
    assert 4 == len(names())
    assert 1 == sum(one.trader.instrument == STOPPED for one in named)
    assert 3 == len({one.trader.instrument for one in named})
    assert MAKER in names().values()


def test_messages_survive_the_wire_and_a_line_that_was_cut_is_none() -> None:
    marks = Marks(Mark(1, "a"), Mark(2, "b"))
    for message in (Opened(marks, 3, 0.5), Happened("worker", "text")):
        line = to_line(message)
        assert message == from_line(line)
        assert from_line(line[:-1]) is None
        assert from_line(line[:-5] + b"\n") is None
    assert from_line(b"Traceback (most recent call last):\n") is None


def test_numbers_are_shown_as_people_read_them() -> None:
    assert ["1,234.50", "-0.00000001"] == [quantity(123_450_000_000), quantity(-1)]
    assert ["0:00", "10:05"] == [clock(0.9), clock(605)]
    assert ["0 %", "33 %", "100 %"] == [share(0, 9), share(3, 9), share(1, 0)]
    fill = Fill(
        fill_id="1",
        order_id="",
        instrument=STOPPED,
        side=Side.SELL,
        qty_e8=20 * E8,
        price_e9=150 * 10**9,
        fee_e9=0,
        ts_ns=0,
        liquidity=Liquidity.UNKNOWN,
        deployment_id=None,
    )
    assert "sell 20.00 at 150.00" == fill_text(fill)
