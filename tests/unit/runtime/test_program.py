"""The program `lockstep` as its users meet it: help, sentences, exit codes."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from lockstep_runtime import program
from lockstep_runtime.program import lockstep as group
from tests.unit.journal.damage import PAGE, data_of
from tests.unit.journal.test_rehearsal import deadly_pages
from tests.unit.runtime.driving import (
    NORMAL,
    ROOT,
    environment,
    install,
    install_points,
    lockstep,
)

HEAVY = ("rich", "lmdb", "matplotlib", "lockstep_engine", "lockstep_journal")
ANGRY = """
import subprocess, sys
import click

@click.command()
def long():
    code = "import time; print('begun', flush=True); time.sleep(60)"
    subprocess.run([sys.executable, "-c", code])

@click.command()
def bug():
    raise ValueError("two\\nlines")

@click.command()
def stop():
    raise KeyboardInterrupt

@click.command()
def lost():
    open("/nonexist/x.partial")

@click.command()
def nothing():
    pass
"""
MORE = """
[lockstep.commands]
missing = no_such_module:command
other = lockstep_kernel:check
bug = angry_commands:bug
stop = angry_commands:stop
lost = angry_commands:lost
long = angry_commands:long
nothing = angry_commands:nothing
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = install(tmp_path_factory.mktemp("site"))
    install_points(folder, "angry-commands", MORE)
    (folder / "angry_commands.py").write_text(ANGRY)
    return folder


def fails(done: "subprocess.CompletedProcess[str]", code: int, sentence: str) -> None:
    """Check an end with one sentence."""
    assert code == done.returncode, done.stderr
    assert sentence in done.stderr
    assert 1 == done.stderr.strip().count("\n") + 1, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["demo", "--help"]])
def test_help_loads_nothing_heavy(site: Path, arguments: list[str]) -> None:
    code = (
        "import sys; from lockstep_runtime.cli import main; code = main(sys.argv[1:]);"
        f"print([m for m in {HEAVY} if m in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(site),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "[]" == done.stdout.splitlines()[-1]
    assert "xample" in done.stdout
    assert "\b" not in done.stdout


def test_help_names_every_command_broken_ones_too(site: Path) -> None:
    done = lockstep(site, "--help")
    assert 0 == done.returncode
    for name in ("run", "demo", "bench", "replay", "journal", "status", "missing", "bug"):
        assert f"\n  {name}" in done.stdout


def test_help_has_a_line_for_every_command_of_this_distribution(site: Path) -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    names = sorted(points["lockstep.commands"])
    lines = lockstep(site, "--help").stdout.splitlines()
    said = [name for name in names if any(line.startswith(f"  {name}  ") for line in lines)]
    assert names == said


def test_a_command_of_a_group_speaks_under_its_own_name(site: Path) -> None:
    context = click.Context(group)
    names = group.list_commands(context)
    loaded = {name: group.get_command(context, name) for name in names}
    groups = [name for name in names if isinstance(loaded[name], click.Group)]
    assert groups == list(program._GROUPS)
    fails(lockstep(site, "head", "publish", "x"), 3, "lockstep head publish: Missing argument")


def test_help_says_of_a_command_what_the_command_says() -> None:
    context = click.Context(group)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for name in project["entry-points"][program.GROUP]:
        command = group.get_command(context, name)
        assert command is not None
        assert program._SUMMARIES[name] == (command.help or "").split("\n")[0]
        assert (name in program._GROUPS) == isinstance(command, click.Group)


@pytest.mark.parametrize(
    ("arguments", "speaker", "sentence"),
    [
        ("journal repair", "journal repair", "Missing argument 'DIR'"),
        ("journal repair J --dry-rn", "journal repair", "No such option '--dry-rn'"),
        ("journal archive J x --below y", "journal archive", "Invalid value for '--below'"),
        ("journal nonsense J", "journal", "No such command 'nonsense'"),
        ("journal --nonsense", "journal", "No such option '--nonsense'"),
        ("head publish J", "head publish", "Missing argument 'HEADS'"),
        ("head publish J H", "head publish", "Missing option '--key'"),
        ("head nonsense", "head", "No such command 'nonsense'"),
        ("replay import new", "replay import", "Missing argument 'STREAM...'"),
        ("status", "status", "Missing argument 'DIR'"),
        ("nonsense", "", "No such command 'nonsense'"),
    ],
)
def test_a_usage_error_begins_with_the_command_whose_help_explains_it(
    site: Path, arguments: str, speaker: str, sentence: str
) -> None:
    done = lockstep(site, *arguments.split())
    name = f"lockstep {speaker}".strip()
    assert (3, True) == (done.returncode, done.stderr.startswith(f"{name}: {sentence}")), done
    assert done.stderr.endswith(f"(see '{name} --help')\n")


SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PRIVATE = f"PRIVATE+KEY+PeterNeumann+c74f20a3+{SEED}"


@pytest.mark.parametrize(
    "arguments",
    [
        [PRIVATE],
        ["head", PRIVATE],
        ["head", "publish", "J", "H", "--key", PRIVATE],
        ["head", "publish", "J", "H", "--key", "k", PRIVATE.lower()],
        ["head", "publish", "J", "H", "--key", "k", SEED],
        ["journal", "verify", PRIVATE, "--json"],
        ["replay", "show", "J", "--field", PRIVATE],
        ["run", f"market:{PRIVATE}", "--journal", "J"],
        ["simulate", "--seed", SEED],
    ],
)
def test_a_private_key_among_the_arguments_is_never_printed(
    site: Path, arguments: list[str]
) -> None:
    done = lockstep(site, *arguments)
    fails(done, 3, "(see 'lockstep " if SEED in arguments else "found the private key itself")
    assert SEED[:8].lower() not in (done.stdout + done.stderr).lower()


def test_a_private_key_in_the_place_of_a_feed_is_not_quoted(site: Path, tmp_path: Path) -> None:
    (tmp_path / "head.key").write_text(f"{PRIVATE}\n")
    done = lockstep(site, "run", tmp_path / "head.key", "--journal", tmp_path / "j")
    fails(done, 3, "expected the header of an order flow")
    assert "PRIVATE+KEY..." in done.stderr
    assert SEED[:8] not in done.stderr


def test_the_version_is_shown(site: Path) -> None:
    done = lockstep(site, "--version")
    assert (0, "lockstep 0.1.0\n") == (done.returncode, done.stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nonsense"], 3, "No such command 'nonsense'"),
        (["--nonsense"], 3, "No such option"),
        (["run"], 3, "Missing argument 'FEED'"),
        (["run", "market:1"], 3, "Missing option '--journal'"),
        (["run", "market:1", "--journal", "x", "--batch", "0"], 3, "see 'lockstep run --help'"),
        (["missing"], 3, "the command 'missing' cannot be loaded from no_such_module:command"),
        (["other"], 3, "expected a command at lockstep_kernel:check"),
        (["bug"], 3, "internal error: ValueError: two lines"),
        (["lost"], 3, "lockstep lost: /nonexist/x.partial: No such file or directory"),
        (["stop"], 130, "interrupted"),
    ],
)
def test_a_wrong_use_ends_with_one_sentence(
    site: Path, arguments: list[str], code: int, sentence: str
) -> None:
    fails(lockstep(site, *arguments), code, sentence)


@pytest.mark.parametrize("module", ["click", "lockstep_kernel", "msgspec"])
def test_an_interrupt_while_modules_load_is_one_sentence(site: Path, module: str) -> None:
    code = f"""
import sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from lockstep_runtime.cli import main
sys.exit(main(["--help"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(site),
        capture_output=True,
        text=True,
        check=False,
    )
    fails(done, 130, "lockstep: interrupted")


def test_an_interrupt_waits_until_the_modules_are_loaded(site: Path) -> None:
    code = """
import signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "lockstep_runtime.program":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from lockstep_runtime.cli import main
code = main(["--help"])
sys.exit(code if "lockstep_runtime.program" in sys.modules else 99)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(site),
        capture_output=True,
        text=True,
        check=False,
    )
    fails(done, 130, "lockstep: interrupted")


def test_nothing_is_imported_before_the_guard(site: Path) -> None:
    code = "import sys; before = {*sys.modules}; import lockstep_runtime.cli; "
    code += "print(sorted({*sys.modules} - before))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(site),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "['lockstep_runtime', 'lockstep_runtime.cli']\n" == done.stdout


def test_a_command_that_says_nothing_is_well(site: Path) -> None:
    done = lockstep(site, "nothing")
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_without_a_command_help_is_shown(site: Path) -> None:
    done = lockstep(site)
    assert 3 == done.returncode
    assert "Usage: lockstep" in done.stderr


@pytest.mark.parametrize("command", ["--help", "run market:5:200 --batch 10 --acks --journal j"])
def test_a_closed_pipe_is_met_in_silence(site: Path, tmp_path: Path, command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "lockstep_runtime", *command.split()],
        env=environment(site),
        cwd=tmp_path,
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (141, b"") == (done.returncode, done.stderr)


def test_a_closed_stdout_is_no_error(site: Path, tmp_path: Path) -> None:
    line = f"{sys.executable} -m lockstep_runtime run market:5:20 --journal {tmp_path / 'j'} >&-"
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        env=environment(site),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr


def test_a_journal_that_lost_its_data_is_not_begun_anew(site: Path, tmp_path: Path) -> None:
    journal = tmp_path / "j"
    assert 0 == lockstep(site, "run", "market:5:20", "--journal", journal).returncode
    (journal / "data.mdb").unlink()
    done = lockstep(site, "run", "market:5:20", "--journal", journal)
    assert 3 == done.returncode
    assert "found files but no data.mdb" in done.stderr
    assert not (journal / "data.mdb").exists()


def test_a_run_prints_its_figures(site: Path, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    arguments = ["run", NORMAL, "--journal", tmp_path / "j", "--limit", 500, "--reports", reports]
    done = lockstep(site, *arguments)
    assert 0 == done.returncode, done.stderr
    figures = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if "  " in line)
    assert "510" == figures["commands"]
    assert reports.read_text().startswith("0,0,1,814347,33721,88\n2,1,1,814347,33721\n")


def test_a_run_in_json_goes_on_and_agrees_with_the_naive_machine(
    site: Path, tmp_path: Path
) -> None:
    hashes = []
    for machine in ("exchange", "exchange.naive"):
        directory = tmp_path / machine
        for count in (200, 300):
            done = lockstep(
                site,
                *("run", f"market:9:{count}", "--journal", directory),
                *("--machine", machine, "--json"),
            )
            assert 0 == done.returncode, done.stderr
        summary = json.loads(done.stdout)
        assert (100, 200, 300) == (
            *(summary["commands"], summary["gone_on_behind"], summary["last_seq"]),
        )
        hashes.append(summary["last_hash"])
    assert hashes[0] == hashes[1]


def test_a_flow_has_a_final_book_beside_its_trades(site: Path, tmp_path: Path) -> None:
    flow = tmp_path / "flow.csv"
    flow.write_text("1,N,0,1,1,B,100,5\n2,N,0,2,2,S,100,3\n3,N,1,3,2,S,90,1\n")
    done = lockstep(
        site, "run", flow, "--journal", tmp_path / "j", "--reports", tmp_path / "trades"
    )
    assert 0 == done.returncode, done.stderr
    assert "2,1,100,3\n" == (tmp_path / "trades").read_text()
    assert "0,B,100,1,2\n1,S,90,3,1\n" == (tmp_path / "trades.book").read_text()


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        (None, 3, "cannot be read: No such file or directory"),
        (b"who are you\n", 3, "line 1: expected the header of an order flow"),
        (b"1,N,0,1,1,B,100,5\n2,C,0,1", 4, "line 2: the file ends inside this line"),
        (b"1,N,0,1,1,B,100,5\n2,Q,0,1\n", 3, "line 2: expected seq,op,sym"),
        (b"\xfd7zXZ\x00\x00\x04", 4, "line 1: the xz file is cut off here"),
        (b"\xfd7zXZ\x00" + b"x" * 100, 2, "line 1: the xz file is corrupt"),
        (b"\x80\r" * 200 + b"\n", 3, f"found bytes {'800d' * 10}...\n"),
        (b"1,N,0,1,1,B,1,5\n2,N,0,1,1,B,12345678901,5\n", 3, "prices up to 1000000, quantities"),
        (
            b"seq,type,side,ioc,qty,order_id,price_ticks\n0,0,0,0,1,1,12345678901\n",
            *(3, "prices up to 1000000, quantities up to 1000000, order ids"),
        ),
    ],
)
def test_a_bad_feed_ends_with_its_exit_code(
    site: Path, tmp_path: Path, content: bytes | None, code: int, sentence: str
) -> None:
    feed = tmp_path / "feed"
    if content is not None:
        feed.write_bytes(content)
    fails(lockstep(site, "run", feed, "--journal", tmp_path / "j"), code, sentence)


def test_bad_places_end_with_one_sentence(site: Path, tmp_path: Path) -> None:
    good = ("run", "market:9:900", "--journal", tmp_path / "j")
    assert 0 == lockstep(site, *good).returncode
    other = lockstep(site, "run", "market:8:900", "--journal", tmp_path / "j")
    fails(other, 3, "expected a journal of market:8, found another")
    fails(lockstep(site, *good, "--machine", "nobody"), 3, "found 'nobody'")
    fails(lockstep(site, *good, "--reports", tmp_path / "r"), 3, "has no published result")
    file = tmp_path / "file"
    file.write_text("")
    fails(lockstep(site, "run", "market:9:900", "--journal", file), 3, str(file))
    flow = lockstep(
        site, "run", NORMAL, "--journal", tmp_path / "k", "--reports", tmp_path / "no" / "r"
    )
    fails(flow, 3, f"expected the directory {tmp_path / 'no'}, found nothing")


def test_a_run_on_a_page_that_kills_its_reader_ends_with_a_sentence(
    site: Path, tmp_path: Path
) -> None:
    journal, feed = tmp_path / "j", "market:8:1000"
    assert 0 == lockstep(site, "run", feed, "--journal", journal, "--limit", 600).returncode
    wiped = bytearray(data_of(journal).read_bytes())
    page = deadly_pages(journal)[0]
    wiped[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
    data_of(journal).write_bytes(wiped)
    done = lockstep(site, "run", feed, "--journal", journal)
    fails(done, 2, f"lockstep run: {journal}: reading it killed the reader with SIG")
    assert wiped == data_of(journal).read_bytes()


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by SIGTERM")]
)
def test_a_run_that_a_signal_ends_says_how_far_it_is_and_can_go_on(
    site: Path, tmp_path: Path, number: signal.Signals, word: str
) -> None:
    arguments = ["run", "market:9:40000", "--journal", str(tmp_path), "--batch", "10", "--acks"]
    with subprocess.Popen(
        [sys.executable, "-m", "lockstep_runtime", *arguments],
        env=environment(site),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        output = child.stdout.readline()
        child.send_signal(number)
        output += child.stdout.read()
        said = child.stderr.read()
    assert 128 + number == child.returncode
    acknowledged = [line for line in output.splitlines() if line[0].isdigit()][-1]
    seq = acknowledged.split(":")[0]
    assert f"lockstep run: {word}; durable up to {seq}, run again to go on\n" == said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_program_that_a_signal_ends_leaves_no_child_behind(
    site: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "lockstep_runtime", "long"],
        env=environment(site),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert "begun\n" == process.stdout.readline()
        process.send_signal(number)
        _output, errors = process.communicate(timeout=30)
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert (128 + number, f"lockstep long: ended by {number.name}\n") == (
        process.returncode,
        errors,
    )


def test_a_refusal_is_an_object_where_json_was_asked_for(site: Path, tmp_path: Path) -> None:
    for arguments in (
        ("nonsense",),
        ("run", "market:1"),
        ("run", tmp_path / "no", "--journal", tmp_path / "j"),
        ("status", tmp_path),
        ("replay", "show", tmp_path, "--account", "x"),
        ("journal", "verify", tmp_path),
    ):
        done = lockstep(site, *arguments, "--json")
        assert 3 == done.returncode
        found = json.loads(done.stdout)
        assert {"error", "exit_code"} == found.keys()
        assert 3 == found["exit_code"]
        assert done.stderr.endswith(f": {found['error']}\n")
        assert "" == lockstep(site, *arguments).stdout


def test_every_sentence_begins_with_the_command(site: Path, tmp_path: Path) -> None:
    for line in (
        "status x",
        "run x --journal y",
        "run",
        "journal verify x",
        "replay recover x",
        "replay import x y",
    ):
        done = lockstep(site, *line.replace("x", str(tmp_path / "x")).split())
        words = line.split(" x")[0]
        assert done.stderr.startswith(f"lockstep {words}: "), done.stderr


@pytest.mark.parametrize("cut", [4096, 999])
def test_a_truncated_journal_is_not_written_to(site: Path, tmp_path: Path, cut: int) -> None:
    assert 0 == lockstep(site, "run", "market:9:150", "--journal", tmp_path).returncode
    data = tmp_path / "data.mdb"
    size = data.stat().st_size
    os.truncate(data, size - cut)
    before = data.read_bytes()
    done = lockstep(site, "run", "market:9:300", "--journal", tmp_path)
    fails(done, 2, f"lockstep run: {data}: expected {size} bytes, found {size - cut}: truncated\n")
    assert before == data.read_bytes()


def test_a_journal_that_holds_more_than_was_asked_for_is_said(site: Path, tmp_path: Path) -> None:
    assert 0 == lockstep(site, "run", "market:9:150", "--journal", tmp_path).returncode
    done = lockstep(site, "run", "market:9:100", "--journal", tmp_path)
    said = "expected up to 100 commands of market:9, found 150: nothing was run"
    fails(done, 0, f"lockstep run: {tmp_path}: {said}\n")
    assert "" == lockstep(site, "run", "market:9:150", "--journal", tmp_path).stderr


def test_an_account_or_instrument_that_nobody_names_is_said(site: Path, tmp_path: Path) -> None:
    assert 0 == lockstep(site, "run", "market:9:150", "--journal", tmp_path).returncode
    for name in ("account", "instrument"):
        done = lockstep(site, "replay", "show", tmp_path, f"--{name}", "9999")
        fails(done, 0, f"show: {tmp_path}: expected a record with {name}=9999, found none\n")
        done = lockstep(site, "replay", "show", tmp_path, f"--{name}", "1", "--to", "150")
        assert (0, "") == (done.returncode, done.stderr)
        done = lockstep(site, "replay", "show", tmp_path, f"--{name}", "x")
        fails(done, 3, f"lockstep replay show: Invalid value for '--{name}': expected a number,")


def test_a_pipe_is_no_feed(site: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "feed")
    done = lockstep(site, "run", tmp_path / "feed", "--journal", tmp_path / "j")
    fails(done, 3, "expected a file that can be read again, found a pipe")


def test_the_rate_comes_with_its_seconds(site: Path, tmp_path: Path) -> None:
    done = lockstep(site, "run", "market:9:500", "--journal", tmp_path, "--json")
    found = json.loads(done.stdout)
    assert 0 < found["durable_seconds"] <= found["seconds"]
    rate = found["commands"] / found["durable_seconds"]
    assert pytest.approx(rate, rel=0.1) == found["durable_commands_per_s"]


def test_a_help_that_cannot_be_written_is_one_sentence(site: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lockstep_runtime", "--help"],
            env=environment(site),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (3, "lockstep: No space left on device\n") == (done.returncode, done.stderr)
