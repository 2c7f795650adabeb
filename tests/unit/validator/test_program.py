"""The program `lockstep-validator` in processes of its own: exit codes, output, no traceback."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import lockstep_validator
from lockstep_kernel import FrameType, Genesis
from lockstep_validator.cli import main
from tests.machines.counter import COUNTER, Add, Added
from tests.unit.validator.programs import PROGRAM, TIMEOUT_S, environment, install, run
from tests.unit.validator.streams import COUNT, SNAPSHOT_SEQ, Stream, counter_stream, timed
from tests.unit.validator.test_options import newer_stream, with_header

STREAM = counter_stream()
DATA = STREAM.data()
SPANS = STREAM.spans()
OTHER = counter_stream(timed(first_amount=2))

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def program(folder: Path) -> Run:
    def run_here(*arguments: str, data: bytes = DATA) -> subprocess.CompletedProcess[bytes]:
        finished = run(folder, arguments, data)
        assert b"Traceback" not in finished.stderr
        sentences = finished.stderr.count(b"\n")
        assert (0 if finished.returncode == 0 else 1) == sentences, finished.stderr
        return finished

    return run_here


def flipped(offset: int) -> bytes:
    return DATA[:offset] + bytes([DATA[offset] ^ 0x10]) + DATA[offset + 1 :]


def in_record(seq: int, part: float) -> int:
    start, end, _seq = SPANS[STREAM.at(FrameType.RECORD, seq) + 1]
    return start + int(part * (end - start))


def without(seq: int) -> Stream:
    return STREAM.spliced(STREAM.step(seq), [])


def doubled(seq: int) -> Stream:
    return STREAM.spliced(STREAM.step(seq), STREAM.frames[STREAM.step(seq)] * 2)


def swapped(seq: int) -> Stream:
    first, second = STREAM.step(seq), STREAM.step(seq + 1)
    return STREAM.spliced(second, STREAM.frames[first]).spliced(first, STREAM.frames[second])


def transplanted(seq: int) -> Stream:
    return STREAM.spliced(STREAM.step(seq), OTHER.frames[STREAM.step(seq)])


TWENTY = [
    ("magic flipped", flipped(3), 2, None),
    ("version flipped", flipped(9), 2, None),
    ("genesis flipped", flipped(45), 2, None),
    ("first record flipped", flipped(in_record(1, 0.5)), 2, 1),
    ("frame head flipped", flipped(in_record(12, 0.05)), 2, 12),
    ("record flipped", flipped(in_record(33, 0.7)), 2, 33),
    ("last byte flipped", flipped(len(DATA) - 1), 2, COUNT + 1),
    ("first record removed", without(1).data(), 2, 1),
    ("record removed", without(30).data(), 2, 30),
    ("last record removed", without(COUNT).data(), 2, COUNT),
    ("record doubled", doubled(17).data(), 2, 18),
    ("records swapped", swapped(41).data(), 2, 41),
    ("record transplanted", transplanted(20).data(), 2, 20),
    ("cut in the header", DATA[:11], 4, None),
    ("cut in the genesis", DATA[:50], 4, None),
    ("cut in a record", DATA[: in_record(25, 0.5)], 4, 25),
    ("cut before the end frame", DATA[: SPANS[-1][0]], 4, COUNT + 1),
    ("hash forged", STREAM.with_record(44, hash=bytes(16)).data(), 1, 44),
    (
        "command forged",
        STREAM.with_record(7, body=COUNTER.codec.encode(Add("x", 1))).data(),
        1,
        7,
    ),
    (
        "events forged",
        STREAM.with_payload(FrameType.EVENTS, 39, COUNTER.codec.encode([Added("x", 1)])).data(),
        1,
        39,
    ),
]


@pytest.mark.parametrize(
    ("data", "code", "seq"), [row[1:] for row in TWENTY], ids=[row[0] for row in TWENTY]
)
def test_damage_is_found_by_the_program(
    program: Run, data: bytes, code: int, seq: int | None
) -> None:
    finished = program("-", "--json", data=data)
    verdict = json.loads(finished.stdout)
    assert (code, code, seq) == (finished.returncode, verdict["exit_code"], verdict["seq"])
    where = b"header" if seq is None else b"sequence %d" % seq
    assert finished.stderr.startswith(b"lockstep-validator: %s: " % where)


def test_a_good_file_is_good(program: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.stream"
    path.write_bytes(DATA)
    finished = program(str(path))
    assert 0 == finished.returncode
    assert b"50 commands, 50 events" in finished.stdout
    assert STREAM.hash(COUNT).hex().encode() in finished.stdout


def test_a_divergence_is_reported_as_text(program: Run) -> None:
    forged = STREAM.with_record(12, body=COUNTER.codec.encode(Add("cell1", 1_000)))
    finished = program("-", data=forged.data())
    assert 1 == finished.returncode
    assert b"diverged at sequence 12\n" in finished.stdout
    assert b"Add(cell='cell1', amount=1000)" in finished.stdout


def test_json_of_a_good_stream_is_one_object(program: Run) -> None:
    finished = program("-", "--json")
    verdict = json.loads(finished.stdout)
    assert ("ok", 0, COUNT, COUNT, STREAM.hash(COUNT).hex(), None) == tuple(
        verdict[name] for name in ("status", "exit_code", "seq", "commands", "hash", "divergence")
    )


def test_quiet_prints_nothing_but_a_failure(program: Run) -> None:
    finished = program("-", "--quiet")
    assert (0, b"", b"") == (finished.returncode, finished.stdout, finished.stderr)
    finished = program("-", "--quiet", data=DATA[:-1])
    assert (4, b"") == (finished.returncode, finished.stdout)
    assert b"sequence 51" in finished.stderr


def test_trust_expect_and_until_are_options(program: Run) -> None:
    trust = f"{SNAPSHOT_SEQ}:{STREAM.hash(SNAPSHOT_SEQ).hex()}"
    expect = [f"--expect={seq}:{STREAM.hash(seq).hex()}" for seq in (30, 40)]
    finished = program("-", "--json", "--trust", trust, "--until", "40", *expect)
    verdict = json.loads(finished.stdout)
    assert (0, 40, 15) == (finished.returncode, verdict["seq"], verdict["commands"])
    wrong = program("-", "--expect", f"30:{STREAM.hash(31).hex()}")
    sentence = f"expected hash {STREAM.hash(31).hex()} at 30, found {STREAM.hash(30).hex()}"
    assert 1 == wrong.returncode
    assert f"lockstep-validator: sequence 30: {sentence}\n" == wrong.stderr.decode()
    assert 1 == program("-", "--trust", f"{SNAPSHOT_SEQ}:{STREAM.hash(31).hex()}").returncode
    untrusted = program("-", "--trust", f"30:{STREAM.hash(30).hex()}")
    assert 3 == untrusted.returncode
    assert f"up to there found {SNAPSHOT_SEQ};".encode() in untrusted.stderr
    assert 3 == program("-", "--expect", f"51:{STREAM.hash(30).hex()}").returncode


def test_the_machine_can_be_chosen(program: Run) -> None:
    assert 0 == program("-", "--machine", "counter.again").returncode
    for name, sentence in (("other", b"machine 'other', found 'counter'"), ("x", b"found 'x'")):
        finished = program("-", "--machine", name)
        assert (3, b"") == (finished.returncode, finished.stdout)
        assert sentence in finished.stderr


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (newer_stream().data(), b"sequence 40: expected rules version 1 to 2"),
        (Stream(Genesis("counter", 7, 1, b""), False, ()).data(), b"found 7"),
        (Stream(Genesis("exchange.x", 1, 1, b""), False, ()).data(), b"'exchange.x'"),
        (with_header(2, 0), b"found format 2"),
    ],
    ids=["newer rules later", "newer rules", "unknown machine", "newer format"],
)
def test_what_this_release_does_not_have_could_not_run(
    program: Run, data: bytes, sentence: bytes
) -> None:
    finished = program("-", data=data)
    assert 3 == finished.returncode
    assert sentence in finished.stderr


def test_what_is_no_stream_is_damaged_or_torn(program: Run, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and they are not a stream\n")
    finished = program(str(path))
    assert 2 == finished.returncode
    assert b"header: not a Lockstep stream" in finished.stderr
    assert b"damaged at header" in finished.stdout
    path.write_bytes(b"")
    assert 4 == program(str(path)).returncode


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--frobnicate", "-"),
        ("-", "--trust", "7"),
        ("-", "--expect", "7:xyz"),
        ("-", "--until", "-1"),
        ("-", "--until", "7", "--expect", f"8:{'0' * 32}"),
        ("a", "b"),
        ("missing.stream",),
        ("/etc",),
        ("\x1b[31m.stream",),
    ],
)
def test_wrong_usage_could_not_run(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert 3 == main(arguments)
    output, errors = capsys.readouterr()
    assert "" == output
    assert errors.startswith("lockstep-validator: ")
    assert 1 == errors.count("\n")
    assert "\x1b" not in errors


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ZeroDivisionError("planted"), 3, "internal error: ZeroDivisionError: planted"),
        (KeyboardInterrupt(), 130, "interrupted before a verdict"),
    ],
)
def test_whatever_is_raised_becomes_one_sentence(
    error: BaseException,
    code: int,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr("lockstep_validator.program.validate", broken)
    assert code == main(["-"])
    assert ("", f"lockstep-validator: {sentence}\n") == capsys.readouterr()


def test_help_has_examples_and_exit_codes(program: Run) -> None:
    finished = program("--help")
    assert 0 == finished.returncode
    pieces = (
        b"examples:",
        b"exit codes:",
        b"--trust SEQ:HASH",
        b"  4  torn",
        b"  130  interrupted",
    )
    for piece in (*pieces, b"(lockstep ends with 141)"):
        assert piece in finished.stdout


def test_help_needs_nothing_but_the_core_s_libraries(folder: Path) -> None:
    script = (
        "import sys; from lockstep_validator.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=environment(folder), check=True
    )
    loaded = set(finished.stdout.decode().splitlines()[-1].split())
    assert {"lockstep_kernel", "lockstep_validator"} == {
        n for n in loaded if n.startswith("lockstep_")
    }
    assert set() == loaded & {"click", "rich", "lmdb", "matplotlib"}


@pytest.mark.parametrize("module", ["argparse", "msgspec", "lockstep_kernel", "importlib.metadata"])
def test_an_interrupt_while_modules_load_is_one_sentence(folder: Path, module: str) -> None:
    code = f"""
import sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.modules.pop({module!r}, None)
sys.meta_path.insert(0, Interrupting())
from lockstep_validator.cli import main
sys.exit(main(["--version"]))
"""
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment(folder), check=False
    )
    sentence = b"lockstep-validator: interrupted before a verdict\n"
    assert (130, b"", sentence) == (finished.returncode, finished.stdout, finished.stderr)


def test_an_interrupt_waits_until_the_modules_are_loaded(folder: Path) -> None:
    code = """
import signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "lockstep_validator.program":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from lockstep_validator.cli import main
code = main(["--version"])
sys.exit(code if "lockstep_validator.program" in sys.modules else 99)
"""
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment(folder), check=False
    )
    sentence = b"lockstep-validator: interrupted before a verdict\n"
    assert (130, b"", sentence) == (finished.returncode, finished.stdout, finished.stderr)


def test_nothing_is_imported_before_the_guard(folder: Path) -> None:
    code = "import sys; before = {*sys.modules}; import lockstep_validator.cli; "
    code += "print(sorted({*sys.modules} - before))"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment(folder), check=True
    )
    assert b"['lockstep_validator', 'lockstep_validator.cli']\n" == finished.stdout


def test_a_name_that_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="'lockstep_validator' has no attribute 'nothing'"):
        lockstep_validator.nothing  # noqa: B018  # the look-up is the test


def test_a_closed_output_is_quiet_and_changes_no_exit_code(folder: Path) -> None:
    forged = STREAM.with_record(44, hash=bytes(16)).data()
    command = f"{' '.join(PROGRAM)} - --json; echo $? >&2"
    finished = subprocess.run(
        ["/bin/bash", "-c", f"({command}) | true"],
        input=forged,
        capture_output=True,
        env=environment(folder),
        check=False,
    )
    lines = finished.stderr.decode().splitlines()
    assert "1" == lines[-1]
    assert ["lockstep-validator"] == [line.partition(":")[0] for line in lines[:-1]]


def test_a_verdict_that_cannot_be_written_is_said(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        finished = subprocess.run(
            [*PROGRAM, "-"],
            input=DATA,
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(folder),
            check=False,
        )
    sentence = b"lockstep-validator: could not write the verdict: No space left on device\n"
    assert (3, sentence) == (finished.returncode, finished.stderr)


def test_a_closed_stdout_is_no_error(folder: Path) -> None:
    finished = subprocess.run(
        ["/bin/sh", "-c", f"{' '.join(PROGRAM)} - >&-"],
        input=DATA,
        stderr=subprocess.PIPE,
        env=environment(folder),
        check=False,
    )
    assert (0, b"") == (finished.returncode, finished.stderr)


@pytest.mark.parametrize("options", [[], ["--follow"]])
@pytest.mark.parametrize("is_writer_gone", [False, True])
def test_an_interrupt_before_the_first_record_is_no_finding(
    folder: Path, options: list[str], is_writer_gone: bool
) -> None:
    with subprocess.Popen(
        [*PROGRAM, "-", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(folder),
    ) as child:
        assert child.stdin is not None
        time.sleep(1.5)
        child.send_signal(signal.SIGINT)
        if is_writer_gone:
            child.stdin.close()
            child.stdin = None
        output, errors = child.communicate(timeout=TIMEOUT_S)
    assert (130, b"") == (child.returncode, output)
    assert errors.startswith(b"lockstep-validator: interrupted before ")
    assert 1 == errors.count(b"\n")


def test_the_version_is_shown(program: Run) -> None:
    finished = program("--version")
    assert 0 == finished.returncode
    assert finished.stdout.startswith(b"lockstep-validator ")


@pytest.mark.parametrize("option", ["--help", "--version"])
@pytest.mark.parametrize("is_buffered", [True, False])
def test_help_that_cannot_be_written_is_one_sentence(
    folder: Path, option: str, is_buffered: bool
) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, option],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**environment(folder), "PYTHONUNBUFFERED": "" if is_buffered else "1"},
            check=False,
        )
    said = b"lockstep-validator: could not write the output: No space left on device\n"
    assert (3, said) == (done.returncode, done.stderr)
