"""The durable pipeline: any batches, any interruption, one history."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from lockstep_engine.exchange import MACHINE
from lockstep_journal import archive, open_owner, open_reader
from lockstep_kernel import CannotRunError, TornTailError
from lockstep_replay import recover
from lockstep_runtime.feeds import open_feed
from lockstep_runtime.feeds.base import Feed
from lockstep_runtime.feeds.market import MarketFeed
from lockstep_runtime.feeds.order_flow import FlashFeed
from lockstep_runtime.pipeline import RunOptions, RunResult, Tally, run_feed
from lockstep_runtime.reports import FlashReport
from tests.unit.runtime.driving import NORMAL, Kept, drive


def run(feed: Feed, directory: Path, **options: object) -> RunResult:
    return run_feed(feed, msgspec.structs.replace(RunOptions(directory, MACHINE), **options))


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_batches_change_no_hash(tmp_path: Path, batch: int) -> None:
    expected = drive(MarketFeed(3, 600))
    result = run(MarketFeed(3, 600), tmp_path, batch=batch)
    assert (expected.seq, expected.hash) == (result.last_seq, result.last_hash)
    state, _report = recover(tmp_path, MACHINE)
    assert expected.hash == state.hash


def test_the_counts_are_those_of_the_events(tmp_path: Path) -> None:
    tally = Tally()
    drive(MarketFeed(3, 600), tally)
    result = run(MarketFeed(3, 600), tmp_path)
    assert (600, tally.trades, tally.events, tally.refusals) == (
        *(result.commands, result.trades, result.events, result.refusals),
    )
    assert result.durable_per_s > 0


@pytest.mark.parametrize("make", [lambda n: MarketFeed(3, n), lambda n: FlashFeed(NORMAL, n)])
def test_a_second_run_goes_on_where_the_first_ended(
    tmp_path: Path, make: Callable[[int], Feed]
) -> None:
    first = run(make(433), tmp_path)
    second = run(make(1_200), tmp_path)
    whole = drive(make(1_200))
    assert first.last_seq == second.first_seq
    assert (whole.seq - first.last_seq, whole.hash) == (second.commands, second.last_hash)


def test_sinks_get_the_whole_feed_also_when_a_part_was_durable(tmp_path: Path) -> None:
    whole, resumed = FlashReport(), FlashReport()
    drive(FlashFeed(NORMAL, 2_000), whole)
    run(FlashFeed(NORMAL, 777), tmp_path)
    run(FlashFeed(NORMAL, 2_000), tmp_path, sinks=(resumed,))
    assert whole.finish() == resumed.finish()


def test_a_finished_feed_has_nothing_to_add(tmp_path: Path) -> None:
    first = run(MarketFeed(3, 300), tmp_path)
    again = run(MarketFeed(3, 300), tmp_path)
    shorter = run(MarketFeed(3, 200), tmp_path)
    assert (0, first.last_hash) == (again.commands, again.last_hash)
    assert (0, first.last_hash) == (shorter.commands, shorter.last_hash)


def test_a_journal_of_another_feed_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    first = run(MarketFeed(3, 300), tmp_path)
    data = (tmp_path / "data.mdb").read_bytes()
    with pytest.raises(CannotRunError, match="expected a journal of market:4, found another"):
        run(MarketFeed(4, 300), tmp_path)
    with pytest.raises(CannotRunError, match="its genesis differs"):
        run(FlashFeed(NORMAL), tmp_path)
    assert data == (tmp_path / "data.mdb").read_bytes()
    with open_reader(tmp_path) as journal:
        assert first.last_hash == journal.end().last_hash


def test_what_stood_before_a_fault_is_durable(tmp_path: Path) -> None:
    path = tmp_path / "half.csv"
    path.write_text("seq,type,side,ioc,qty,order_id,price_ticks\n0,0,0,0,5,7,100\n1,0,0,0,5,8,1")
    result = run(open_feed(str(path)), tmp_path / "journal")
    assert isinstance(result.fault, TornTailError)
    assert 11 == result.last_seq
    with path.open("a") as file:
        file.write("01\n")
    result = run(open_feed(str(path)), tmp_path / "journal")
    assert (None, 11, 12) == (result.fault, result.first_seq, result.last_seq)


def test_acknowledgements_come_after_durability(tmp_path: Path) -> None:
    seen: list[tuple[int, bytes]] = []

    def acknowledge(seq: int, hash_: bytes) -> None:
        seen.append((seq, hash_))

    run(MarketFeed(3, 300), tmp_path, batch=40, acknowledge=acknowledge)
    with open_reader(tmp_path) as journal:
        assert [journal.hash_at(seq) for seq, _hash in seen] == [hash_ for _seq, hash_ in seen]
    assert 300 == seen[-1][0]


def test_an_interrupt_ends_between_two_batches(tmp_path: Path) -> None:
    def interrupt(seq: int) -> None:
        if seq >= 150:
            os.kill(os.getpid(), signal.SIGINT)

    result = run(MarketFeed(3, 600), tmp_path, batch=10, progress=interrupt)
    assert result.ended_by
    assert 150 <= result.last_seq < 170
    assert 600 == run(MarketFeed(3, 600), tmp_path).last_seq


def test_a_failure_of_the_pipeline_is_raised_not_taken_for_the_feeds(tmp_path: Path) -> None:
    class Full:
        def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(CannotRunError, match=r"left on device; durable up to \d+, run again"):
        run(MarketFeed(3, 300), tmp_path, sinks=(Full(),))


def test_snapshots_are_taken_as_asked(tmp_path: Path) -> None:
    run(MarketFeed(3, 600), tmp_path, snapshot_every=250, batch=50)
    with open_reader(tmp_path) as journal:
        assert 2 == len(journal.snapshot_seqs())


def test_an_archived_beginning_is_refused(tmp_path: Path) -> None:
    run(MarketFeed(3, 600), tmp_path / "journal", snapshot_every=300, batch=50)
    with open_owner(tmp_path / "journal", MACHINE) as owner:
        owner.claim()
        archive(owner, MACHINE, 400, tmp_path / "old.stream")
    kept = Kept()
    with pytest.raises(CannotRunError, match="its first records are archived"):
        run(MarketFeed(3, 600), tmp_path / "journal", sinks=(kept,))
    assert [] == kept.emitted
