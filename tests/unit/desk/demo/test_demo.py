"""A whole demo with its processes, small: what it comes to, what is told of it, what goes wrong."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import msgspec
import pytest

from lockstep_desk.demo.director import (
    Director,
    HostProcess,
    environment,
    host_command,
    python,
)
from lockstep_desk.demo.folder import Folder, Note, opened
from lockstep_desk.demo.host import Order
from lockstep_desk.demo.judge import (
    Verdict,
    books_faults,
    judge,
    script_faults,
    stop_faults,
    validator_faults,
)
from lockstep_desk.demo.messages import Message, Status
from lockstep_desk.demo.report import Told, document_of, text_of, verdict_line
from lockstep_desk.demo.script import FOUND, KILLED, LOST, STARTED, STOPPED_OUT, WORKER
from lockstep_desk.demo.validation import Validation
from lockstep_desk.types import E8
from lockstep_kernel import CannotRunError, DamagedError
from tests.desk_demo_crashes.crash import SMALL
from tests.unit.desk.demo.support import Rig
from tests.unit.journal.damage import PAGE
from tests.unit.journal.programs import run_python
from tests.unit.journal.test_rehearsal import deadly_pages

GO_ON = """
import sys
from pathlib import Path
from lockstep_desk.demo.director import Director
from lockstep_desk.demo.folder import opened
from lockstep_kernel import LockstepError
try:
    Director(opened(Path(sys.argv[1]), False, None), lambda _news: None, ["/bin/false"]).play()
except LockstepError as error:
    print(f"{type(error).__name__}: {error}")
"""


class Played(NamedTuple):
    folder: Folder
    news: list[Message | Note]
    verdict: Verdict

    @property
    def notes(self) -> list[Note]:
        return self.folder.notes()

    def told(self, verdict: Verdict | None = None) -> Told:
        return Told(self.folder, verdict or self.verdict, 12.34)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    directory = tmp_path_factory.mktemp("demo") / "kept"
    folder = opened(directory, is_quick=False, seed=None, plan=SMALL)
    news: list[Message | Note] = []
    Director(folder, news.append).play()
    return Played(folder, news, judge(folder))


@pytest.mark.slow
@pytest.mark.desk("RECON-31", "RECON-32", "PIPE-19")
def test_everything_goes_wrong_and_the_demo_is_good(played: Played) -> None:
    assert ((), ()) == (played.verdict.desk_faults, played.verdict.exchange_faults)
    parts = [note.part for note in played.notes]
    assert {WORKER, LOST, STOPPED_OUT, FOUND, KILLED} <= set(parts)
    assert STARTED == parts[0]
    assert parts.index(LOST) < parts.index(STOPPED_OUT) < parts.index(FOUND)


@pytest.mark.slow
def test_what_the_desk_did_not_see_is_booked_as_the_exchange_traded_it(played: Played) -> None:
    history, evidence = played.verdict.read.history, played.verdict.evidence
    (fill,) = evidence.stopped
    booked = history.fills[fill.fill_id]
    assert (fill.price_e9, fill.qty_e8, fill.side) == (
        *(booked.price_e9, booked.qty_e8),
        booked.side,
    )
    assert dict(evidence.held) == history.held
    assert len(evidence.fills) == len(history.fills)


@pytest.mark.slow
def test_profit_by_deployment_is_that_of_the_desks_own_books(played: Played) -> None:
    verdict = played.verdict
    sheets = {sheet.name: sheet.pnl_e9 for sheet in verdict.read.summary.sheets}
    total = verdict.total.bucket().pnl
    assert sum(bucket.fill_count for bucket in verdict.profit.buckets) == (
        verdict.total.bucket().fill_count
    )
    assert abs(sheets["portfolio"] - (total.realized_e17 + total.unrealized_e17) // 10**8) <= 4


@pytest.mark.slow
def test_both_hosts_found_what_was_left(played: Played) -> None:
    (death,) = played.verdict.deaths
    assert death.recovered == death.found
    assert death.acknowledged == death.at_acknowledged
    assert death.acknowledged.desk.seq <= death.recovered.desk.seq


@pytest.mark.slow
def test_the_report_fits_eighty_columns_and_says_both_verdicts(played: Played) -> None:
    text = text_of(played.told())
    assert "desk GOOD, exchange GOOD, 12.3 s\n" == text.splitlines(keepends=True)[-1]
    assert [] == [line for line in text.splitlines() if len(line) > 80]
    for word in ("heikin-ashi", "native stop, in the books", "validator, exchange.naive"):
        assert word in text
    told = json.loads(msgspec.json.encode(document_of(played.told())))
    assert (True, ["GOOD", "GOOD"]) == (
        told["is_good"],
        [journal["verdict"] for journal in told["journals"]],
    )
    assert sum(one["fills"] for one in told["profit"]) == told["total"]["fills"]


@pytest.mark.slow
def test_a_verdict_that_is_bad_says_what_is_wrong(played: Played) -> None:
    bad = msgspec.structs.replace(played.verdict, desk_faults=("the books are wrong",))
    assert not bad.is_good
    text = text_of(played.told(bad))
    assert "What is wrong\n\nthe books are wrong\n" in text
    assert "desk BAD, exchange GOOD, 12.3 s" == verdict_line(played.told(bad))


@pytest.mark.slow
def test_a_validator_that_was_killed_speaks_neither_for_nor_against(played: Played) -> None:
    with Validation(played.folder.exchange, "exchange", []) as validation:
        os.kill(validation.process_id, signal.SIGKILL)
        killed = validation.judgement()
    assert "no verdict: the validator was killed by signal 9" == killed.sentence
    desk = [one for one in played.verdict.judgements if one.journal == "desk"]
    verdict = msgspec.structs.replace(played.verdict, judgements=(*desk, killed))
    assert (False, 3) == (verdict.is_good, verdict.exit_code)
    told = played.told(verdict)
    assert "desk GOOD, exchange no verdict, 12.3 s" == verdict_line(told)
    assert "NOT EQUAL" not in text_of(told)
    assert "What is not known\n\nlockstep-validator --machine exchange: no verdict: " in (
        text_of(told)
    )
    assert ["GOOD", "no verdict"] == [one["verdict"] for one in journals_of(told)]
    worse = msgspec.structs.replace(verdict, exchange_faults=("an order was placed twice",))
    assert (1, "desk GOOD, exchange BAD, 12.3 s") == (
        worse.exit_code,
        verdict_line(played.told(worse)),
    )


def test_a_validator_that_could_not_run_or_said_nothing_has_no_verdict(tmp_path: Path) -> None:
    with Validation(tmp_path / "none", "exchange", []) as validation:
        judgement = validation.judgement()
    assert (False, False) == (judgement.is_verdict, judgement.is_good)
    assert judgement.sentence.startswith("no verdict: the validator ended with 3: ")
    assert 1 == len(judgement.sentence.splitlines())
    assert [] == validator_faults("none", [judgement])
    other = msgspec.structs.replace(judgement, is_verdict=True, exit_code=1, sentence="differs")
    assert ["lockstep-validator --machine exchange: differs"] == (
        validator_faults("none", [judgement, other])
    )


@pytest.mark.slow
def test_what_does_not_hold_between_books_and_broker_is_said(played: Played) -> None:
    history, evidence = played.verdict.read.history, played.verdict.evidence
    assert [] == books_faults(history, evidence)
    (fill,) = evidence.stopped
    changes: list[tuple[dict[str, object], str]] = [
        ({"held": {}}, "the books hold {}"),
        ({"cash_e9": 1}, "the books have cash of 1e-9"),
        ({"standing": 2}, "2 divergences stand"),
        ({"open_orders": 1}, "orders are left: 1 at the desk"),
        ({"is_shut_down": False}, "the desk was not shut down"),
        ({"sent": {"X": 2}}, "order X was handed over 2 times"),
        ({"found": []}, "was not found by a sweep"),
    ]
    for change, words in changes:
        assert words in "; ".join(
            books_faults(msgspec.structs.replace(history, **change), evidence)
        )
    guessed = msgspec.structs.replace(history.fills[fill.fill_id], price_e9=1, deployment_id=None)
    other = msgspec.structs.replace(history, fills={**history.fills, fill.fill_id: guessed})
    at_one, for_nobody = stop_faults(other, evidence)
    assert f"was at {fill.price_e9}e-9 and is booked at 1e-9" in at_one
    assert "is booked for nobody" in for_nobody


@pytest.mark.slow
def test_orders_that_were_placed_twice_are_found_at_the_exchange(played: Played) -> None:
    evidence = played.verdict.evidence
    assert [] == evidence.faults()
    number, placed = evidence.placed[0]
    twice = msgspec.structs.replace(placed, accepted=2, filled_lots=placed.qty_lots + 1)
    faults = msgspec.structs.replace(evidence, placed=((number, twice),)).faults()
    assert f"order {number} of the desk was placed 2 times" == faults[0]
    assert 2 == len(faults)


def test_a_part_that_no_journal_tells_of_must_have_been_noted() -> None:
    assert 2 == len(script_faults([]))
    assert [] == script_faults([Note(WORKER, ""), Note(KILLED, "")])


@pytest.mark.slow
def test_a_demo_that_ended_is_judged_again_and_not_touched(played: Played) -> None:
    again = opened(played.folder.directory, is_quick=False, seed=None)
    Director(again, lambda _news: None, ["/bin/false"]).play()
    verdict = judge(again)
    assert verdict.is_good
    assert played.verdict.read.history.last_hash == verdict.read.history.last_hash
    assert played.verdict.deaths == verdict.deaths


def test_a_host_that_cannot_go_on_is_told_in_its_own_words(tmp_path: Path) -> None:
    folder = opened(tmp_path / "demo", is_quick=False, seed=None, plan=SMALL)
    folder.desk.mkdir()
    (folder.desk / "data.mdb").write_bytes(b"no journal" * 1000)
    with pytest.raises(DamagedError, match=r"the host of the demo ended with 2: .*demo/desk: "):
        Director(folder, lambda _news: None).play()


@pytest.mark.parametrize("name", ["desk", "exchange"])
def test_a_page_that_kills_the_reader_does_not_kill_the_director(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "demo"
    opened(directory, is_quick=False, seed=None, plan=SMALL)
    rig = Rig(directory)
    rig.begin()
    for _ in range(40):
        rig.buy(E8)
        rig.take()
    rig.post.close()
    page = deadly_pages(directory / name)[0]
    with (directory / name / "data.mdb").open("r+b") as file:
        file.seek(page * PAGE)
        file.write(bytes(PAGE))
    done = run_python(["-c", GO_ON, directory])
    assert (0, "") == (done.code, done.err)
    assert done.out.startswith(f"DamagedError: {directory / name}: reading it killed the reader")


def test_a_host_that_dies_by_itself_is_told_by_its_signal(tmp_path: Path) -> None:
    folder = opened(tmp_path / "demo", is_quick=False, seed=None, plan=SMALL)
    command = [sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"]
    with pytest.raises(CannotRunError, match="the host of the demo was killed by signal 11"):
        Director(folder, lambda _news: None, command).play()


def test_a_host_that_hangs_is_told_of_once_and_let_alone(tmp_path: Path) -> None:
    folder = opened(tmp_path / "demo", is_quick=False, seed=None, plan=SMALL)
    hanging = [sys.executable, "-c", "import time; time.sleep(1)"]
    news: list[Message | Note] = []
    with pytest.raises(CannotRunError, match="the host of the demo ended with 0"):
        Director(folder, news.append, hanging, silence_s=0.2).play()
    (note,) = news
    assert isinstance(note, Note)
    assert note.text.startswith("no word from the host (process ")
    assert note.text.endswith(" for 0.2 s")
    assert [] == folder.notes()


def test_damage_is_told_as_damage_whichever_journal_has_it(tmp_path: Path) -> None:
    for name in ("desk", "exchange"):
        folder = opened(tmp_path / name, is_quick=False, seed=None, plan=SMALL)
        journal = folder.directory / name
        journal.mkdir()
        (journal / "data.mdb").write_bytes(b"no journal" * 1000)
        with pytest.raises(DamagedError, match=f"ended with 2: .*{name}/{name}: "):
            Director(folder, lambda _news: None).play()


def test_a_host_without_an_order_says_so(tmp_path: Path) -> None:
    folder = opened(tmp_path / "demo", is_quick=False, seed=None, plan=SMALL)
    order = Order(str(folder.directory), folder.plan)
    silent = [sys.executable, "-c", "import sys; sys.stderr.write('no such thing')"]
    with HostProcess(silent, order) as host:
        assert [] == list(host.messages())
        assert (0, "no such thing") == host.wait()


@pytest.mark.slow
def test_no_process_outlives_its_director(tmp_path: Path) -> None:
    folder = opened(tmp_path / "demo", is_quick=False, seed=None, plan=SMALL)
    order = Order(str(folder.directory), folder.plan)
    with HostProcess(host_command(), order) as host:
        workers = next(one.workers for one in host.messages() if isinstance(one, Status))
        started_s = time.monotonic()
    assert time.monotonic() - started_s < 10
    assert [] == [pid for pid in workers if is_running(pid)]


@pytest.mark.slow
def test_a_host_ends_when_its_director_is_gone(tmp_path: Path) -> None:
    folder = opened(tmp_path / "demo", is_quick=False, seed=None, plan=SMALL)
    order = Order(str(folder.directory), folder.plan)
    read, write = os.pipe()
    code = (
        "import sys, msgspec, subprocess\n"
        "from lockstep_desk.demo.director import environment, host_command\n"
        "p = subprocess.Popen(host_command(), env=environment(), stdin=subprocess.PIPE)\n"
        "p.stdin.write(sys.argv[1].encode() + b'\\n'); p.stdin.flush()\n"
        "import time; time.sleep(60)\n"
    )
    text = msgspec.json.encode(order).decode()
    with Popen([sys.executable, "-c", code, text], env=environment(), stdout=write) as director:
        os.close(write)
        with os.fdopen(read, "rb") as lines:
            while b'"say":"status"' not in lines.readline():
                pass
            director.send_signal(signal.SIGKILL)
            watchdog = threading.Timer(20, os._exit, (1,))
            watchdog.start()
            # The end of the pipe is the end of the last process that could write to it.
            lines.read()
            watchdog.cancel()


def journals_of(told: Told) -> list[dict[str, object]]:
    """Return what the document for programs says of both journals."""
    journals: list[dict[str, object]] = json.loads(msgspec.json.encode(document_of(told)))[
        "journals"
    ]
    return journals


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_children_run_modules_of_this_installation() -> None:
    assert [sys.executable, "-P", "-m", "x", "y"] == python("x", "y")
