"""A stream that still grows: followed in process, in a file, through a pipe and on a terminal."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from lockstep_kernel import FrameType
from lockstep_validator import Mark, Options, Status, Verdict, validate
from tests.machines.counter import COUNTER
from tests.unit.validator.programs import PROGRAM, TIMEOUT_S, environment, install
from tests.unit.validator.streams import COUNT, counter_stream, found

STREAM = counter_stream()
DATA = STREAM.data()
END = STREAM.spans()[-1][0]
HALF = STREAM.spans()[STREAM.at(FrameType.RECORD, 26) + 1][0]
IN_RECORD = HALF + 40
AFTER_RECORD = STREAM.spans()[STREAM.at(FrameType.RECORD, 26) + 1][1]
OK, DAMAGED, TORN = Status.OK, Status.DAMAGED, Status.TORN


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("installed"))


class Watch:
    """Stops the waiting after some polls without anything new."""

    def __init__(self, polls: int = 3) -> None:
        self.polls = polls

    def __call__(self) -> bool:
        self.polls -= 1
        return self.polls < 0


def follow(path: Path, **options: object) -> Verdict:
    chosen = {"machine": COUNTER, "is_following": True, "should_stop": Watch(), **options}
    return validate(path, Options(**chosen))


@pytest.mark.parametrize(
    ("size", "seq"), [(HALF, 25), (IN_RECORD, 25), (AFTER_RECORD, 26), (END, COUNT)]
)
def test_a_stopped_watch_gives_the_verdict_so_far(tmp_path: Path, size: int, seq: int) -> None:
    path = tmp_path / "live.stream"
    path.write_bytes(DATA[:size])
    verdict = follow(path)
    assert (OK, seq, STREAM.hash(seq)) == (verdict.status, verdict.seq, verdict.hash)
    assert f"still open at {seq}" in verdict.message


def test_a_watch_stopped_before_the_header_could_not_run(tmp_path: Path) -> None:
    path = tmp_path / "live.stream"
    path.write_bytes(DATA[:10])
    assert Status.COULD_NOT_RUN is follow(path).status


def test_a_stopped_watch_that_did_not_reach_an_expected_hash_says_so(tmp_path: Path) -> None:
    path = tmp_path / "live.stream"
    path.write_bytes(DATA[:HALF])
    verdict = follow(path, expect=(Mark(30, STREAM.hash(30)),))
    assert Status.COULD_NOT_RUN is verdict.status
    assert "30 was never reached" in verdict.message


def test_a_followed_file_is_complete_with_its_end(tmp_path: Path) -> None:
    path = tmp_path / "live.stream"
    path.write_bytes(DATA)
    watch = Watch(100)
    verdict = follow(path, should_stop=watch)
    assert (OK, COUNT) == (verdict.status, verdict.seq)
    assert "complete" in verdict.message
    assert watch.polls > 90, "it waited for something after the end"
    path.write_bytes(DATA + b"x")
    assert DAMAGED is follow(path).status


def test_a_followed_file_that_becomes_shorter_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "live.stream"
    path.write_bytes(DATA[:HALF])

    class Cut(Watch):
        def __call__(self) -> bool:
            if self.polls == 1:
                os.truncate(path, 100)
            return super().__call__()

    verdict = follow(path, should_stop=Cut(4))
    assert (DAMAGED, 26) == (verdict.status, verdict.seq)
    assert "became shorter" in verdict.message


def test_a_pipe_may_close_between_records_and_not_within_one(tmp_path: Path) -> None:
    for size, status, seq in (
        (HALF, OK, 25),
        (IN_RECORD, TORN, 26),
        (AFTER_RECORD, TORN, 26),
        (END, OK, COUNT),
    ):
        path = tmp_path / f"pipe{size}"
        os.mkfifo(path)
        writer = Thread(target=path.write_bytes, args=(DATA[:size],))
        writer.start()
        verdict = follow(path, should_stop=Watch(10**9))
        writer.join()
        assert (status, seq) == (verdict.status, verdict.seq), size


def test_an_unfollowed_stream_must_have_its_end() -> None:

    assert (TORN, 26) == found(DATA[:HALF])
    assert (TORN, COUNT + 1) == found(DATA[:END])


def start(folder: Path, *arguments: str, errors: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment(folder),
    )


def wait_until_read(process: subprocess.Popen[bytes]) -> None:
    """Wait until the process has taken everything out of its standard input."""
    assert process.stdin is not None
    deadline_s = time.monotonic() + TIMEOUT_S
    waiting = 1
    while waiting and time.monotonic() < deadline_s:
        time.sleep(0.01)
        answer = fcntl.ioctl(process.stdin.fileno(), termios.FIONREAD, bytes(4))
        waiting = struct.unpack("i", answer)[0]
    assert waiting == 0


def test_the_program_follows_a_growing_file(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "live.stream"
    with path.open("wb", buffering=0) as file:
        file.write(DATA[:100])
        process = start(folder, str(path), "--follow", "--json")
        for cut in range(100, len(DATA), 2_000):
            time.sleep(0.05)
            assert process.poll() is None
            file.write(DATA[cut : cut + 2_000])
        output, errors = process.communicate(timeout=TIMEOUT_S)
    verdict = json.loads(output)
    assert (0, "ok", COUNT) == (process.returncode, verdict["status"], verdict["seq"]), errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_following_with_the_verdict_so_far(
    folder: Path, number: signal.Signals
) -> None:
    process = start(folder, "-", "--follow", "--json")
    assert process.stdin is not None
    process.stdin.write(DATA[:IN_RECORD])
    process.stdin.flush()
    wait_until_read(process)
    process.send_signal(number)
    # Not `communicate`: closing the pipe inside a record would be a torn stream.
    assert process.stdout is not None
    verdict = json.loads(process.stdout.read())
    assert 0 == process.wait(TIMEOUT_S)
    assert ("ok", 25) == (verdict["status"], verdict["seq"])
    process.communicate()


def test_a_divergence_ends_following_at_once(folder: Path) -> None:
    process = start(folder, "-", "--follow", "--json")
    assert process.stdin is not None
    process.stdin.write(STREAM.with_record(20, hash=bytes(16)).data()[:HALF])
    process.stdin.flush()
    assert 1 == process.wait(TIMEOUT_S)
    process.communicate()


def test_progress_is_shown_on_a_terminal_only(folder: Path) -> None:
    ours, theirs = pty.openpty()
    process = start(folder, "-", "--follow", errors=theirs)
    os.close(theirs)
    assert process.stdin is not None
    process.stdin.write(DATA[:HALF])
    process.stdin.flush()
    assert b"validated to 25" in read_until(ours, b"validated to 25")
    process.send_signal(signal.SIGTERM)
    assert 0 == process.wait(TIMEOUT_S)
    process.communicate()
    os.close(ours)


def read_until(terminal: int, text: bytes) -> bytes:
    shown = b""
    for piece in pieces(terminal):
        shown += piece
        if text in shown:
            break
    return shown


def pieces(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            yield os.read(terminal, 1_000)
        except OSError:
            return
