"""`lockstep head`, `lockstep-validator prove` and `check-proof` as their users meet them."""

import json
from pathlib import Path

import pytest
from xxhash import xxh3_64_digest

from lockstep_validator.evidence.proofs import _HEADER, PROOF_MAGIC, NotProved
from tests.evidence.world import COUNT, FORGETFUL, FORGETFUL_AT, HONEST, KEY, ORIGIN, OTHER, World
from tests.machines.histories import write_journal
from tests.unit.journal.programs import Run, install_counter, run_command, run_python

KEY_TEXT = KEY.public.as_text()


class Place:
    """A folder with a history, its heads and the programs."""

    def __init__(self, folder: Path, machines: Path) -> None:
        self.folder = folder
        self._path = [machines]

    def head(self, name: str, history: World, size: int, **fields: object) -> Path:
        path = self.folder / name
        path.write_bytes(history.signed(size, **fields).note)
        return path

    def stream(self, name: str, history: World) -> Path:
        path = self.folder / name
        path.write_bytes(history.source().getvalue())
        return path

    def validator(self, *arguments: object, data: bytes = b"") -> Run:
        return run_python(["-m", "lockstep_validator", *arguments], self._path, data)

    def lockstep(self, *arguments: object) -> Run:
        return run_command("lockstep_journal.cli.heads:head", arguments, self._path)

    def prove(self, kind: str, *arguments: object) -> Run:
        out = self.folder / f"{kind}.proof"
        return self.validator("prove", kind, *arguments, "--key", KEY_TEXT, "--out", out)

    def check(self, kind: str, *arguments: object) -> Run:
        path = self.folder / f"{kind}.proof"
        return self.validator("check-proof", path, "--key", KEY_TEXT, *arguments)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_counter(tmp_path_factory.mktemp("machines"))


@pytest.fixture
def place(tmp_path: Path, machines: Path) -> Place:
    return Place(tmp_path, machines)


def good(run: Run, *words: str) -> None:
    assert (0, "") == (run.code, run.err), run.err
    for word in words:
        assert word in run.out


def test_each_kind_is_proved_and_checked(place: Place) -> None:
    honest, crooked = place.stream("honest", HONEST), place.stream("crooked", FORGETFUL)
    last, old = place.head("last", HONEST, COUNT), place.head("old", HONEST, 9)
    good(place.prove("inclusion", honest, "--head", last, "--seq", 4), "record 4 is one of the 25")
    good(place.check("inclusion", "--machine", "counter"), "Add(cell=")
    good(place.prove("consistency", honest, "--head", last, "--head", old), "consistency")
    good(place.check("consistency"), "the 9 records that")
    other = place.head("other", OTHER, 9)
    good(place.prove("equivocation", honest, "--head", other, "--head", last), "cannot both")
    good(place.check("equivocation"), "differ in records")
    start, bad = place.head("start", FORGETFUL, 9), place.head("bad", FORGETFUL, COUNT)
    good(place.prove("fraud", crooked, "--head", bad, "--from-head", start), "do not yield")
    good(place.check("fraud"), f"at {FORGETFUL_AT}: the head signs record {FORGETFUL_AT}")
    good(place.check("fraud", "--machine", "counter.again"), "the rules yield")


def test_a_verdict_is_an_object_for_programs(place: Place) -> None:
    last = place.head("last", HONEST, COUNT)
    stream = place.stream("honest", HONEST)
    place.prove("inclusion", stream, "--head", last, "--seq", 4)
    said = place.check("inclusion", "--json").json
    assert ("proved", 0, "inclusion", 4, ORIGIN) == tuple(
        said[name] for name in ("status", "exit_code", "kind", "seq", "origin")
    )
    refused = place.prove("fraud", stream, "--head", last, "--json")
    refused.check_sentence("the rules yield all that the head of 25 signs")
    assert (1, "not_proved") == (refused.code, json.loads(refused.out)["status"])
    assert not (place.folder / "fraud.proof").exists()


@pytest.mark.parametrize(
    ("code", "change", "sentence"),
    [
        (2, lambda data: data[:99] + b"\0" + data[100:], "the check does not match"),
        (2, lambda data: data + data, "expected"),
        (2, lambda _data: b"a file of something else", "not a proof"),
        (4, lambda data: data[:-1], "expected"),
        (4, lambda _data: b"", "expected a header"),
    ],
)
def test_a_bad_file_ends_with_its_code_and_one_sentence(
    place: Place, code: int, change, sentence: str
) -> None:
    last = place.head("last", HONEST, COUNT)
    place.prove("inclusion", place.stream("honest", HONEST), "--head", last, "--seq", 4)
    path = place.folder / "inclusion.proof"
    path.write_bytes(change(path.read_bytes()))
    run = place.check("inclusion")
    assert code == run.code
    run.check_sentence(sentence)


def test_another_key_is_not_proved_and_a_bad_key_cannot_run(place: Place) -> None:
    last = place.head("last", HONEST, COUNT)
    place.prove("inclusion", place.stream("honest", HONEST), "--head", last, "--seq", 4)
    path = place.folder / "inclusion.proof"
    other = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
    run = place.validator("check-proof", path, "--key", other)
    assert NotProved.exit_code == run.code
    run.check_sentence("expected a signature of EnochRoot+af0cfe78")
    for key in (KEY_TEXT[:-1], "missing.pub", ""):
        run = place.validator("check-proof", path, "--key", key)
        assert 3 == run.code
        run.check_sentence("expected a public key or a file of them")
    run = place.validator("check-proof", path)
    assert 3 == run.code
    run.check_sentence("--key")


def test_keys_come_from_files_with_a_key_in_each_line(place: Place) -> None:
    last = place.head("last", HONEST, COUNT)
    place.prove("inclusion", place.stream("honest", HONEST), "--head", last, "--seq", 4)
    keys = place.folder / "keys"
    other = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
    keys.write_text(f"{other}\n{KEY_TEXT}\n")
    good(place.validator("check-proof", place.folder / "inclusion.proof", "--key", keys))
    keys.write_text("PRIVATE+KEY+x")
    run = place.validator("check-proof", place.folder / "inclusion.proof", "--key", keys)
    assert 3 == run.code
    run.check_sentence("found a private one: keep it secret")


def test_a_private_key_is_never_printed(place: Place) -> None:
    private = "PRIVATE+KEY+x+00000000+AQQDAgE"
    keys = place.folder / "keys"
    keys.write_text(f"{KEY_TEXT}\n {private}\n")
    for text in (private, f" {private.lower()}", f"{KEY_TEXT}{private}", str(keys)):
        run = place.validator("check-proof", "missing", "--key", text)
        assert 3 == run.code
        run.check_sentence("expected a public key, found a private one: keep it secret")
        assert "AQQDAgE".lower() not in run.err.lower()


def test_a_key_that_is_none_is_said_to_be_no_file_and_no_key(place: Place) -> None:
    bad = place.folder / "bad.pub"
    bad.write_text(f"{KEY_TEXT}\n{KEY_TEXT[:-4]}\n")
    neither = "expected a public key or a file of them, found neither: there is no"
    for text, sentence in (
        ("missing.pub", f"{neither} file 'missing.pub'"),
        ("", f"{neither} file ''"),
        (f"{KEY_TEXT}x", f"{neither} such file, and as a key: note: expected base64"),
        (bad, f"{bad}: line 2: expected a public key, found none: note: expected"),
    ):
        run = place.validator("check-proof", "missing", "--key", text)
        assert 3 == run.code
        run.check_sentence(sentence)


def test_a_private_key_is_never_printed_wherever_it_stands(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    key = place.folder / "head.key"
    good(place.lockstep("keygen", ORIGIN, key))
    private = key.read_text().strip()
    bare = private.removeprefix("PRIVATE+KEY+")
    seed = bare.split("+", 2)[2]
    assert 44 == len(seed)
    runs = [
        place.validator(*arguments)
        for text in (private, private.lower())
        for arguments in (
            [text],
            ["check-proof", text, "--key", KEY_TEXT],
            ["check-proof", "x", text, "--key", KEY_TEXT, "--json"],
            ["prove", text],
            ["prove", "inclusion", "x", "--seq", text],
            ["x", "--machine", text],
            ["x", "--trust", f"1:{text}"],
        )
    ]
    runs += [
        place.validator("check-proof", "x", *arguments)
        for text in (bare, seed, seed[:-1])
        for arguments in (["--key", text], [text, "--key", KEY_TEXT], ["--key", "k", "--seq", text])
    ]
    runs.append(place.lockstep("publish", "x", "y", "--key", seed))
    for run in runs:
        assert 3 == run.code
        run.check_sentence("")
        assert seed[:20].lower() not in (run.out + run.err).lower()


def test_at_most_80_characters_of_a_bad_key_are_printed(place: Place) -> None:
    for text in ("k" * 5000, KEY_TEXT.replace("+", f"+{'k' * 5000}", 1)):
        run = place.validator("check-proof", "missing", "--key", text)
        run.check_sentence("expected a public key or a file of them")
        assert "k" * 10 not in run.err
    run = place.validator("check-proof", "missing", "--key", "k." * 2500)
    run.check_sentence("there is no file 'k.")
    assert 40 == run.err.count("k.")


def test_a_proof_is_read_from_standard_input_and_never_written_over(place: Place) -> None:
    last = place.head("last", HONEST, COUNT)
    stream = place.stream("honest", HONEST)
    place.prove("inclusion", stream, "--head", last, "--seq", 4)
    data = (place.folder / "inclusion.proof").read_bytes()
    good(place.validator("check-proof", "-", "--key", KEY_TEXT, data=data), "record 4")
    again = place.prove("inclusion", stream, "--head", last, "--seq", 5)
    assert 3 == again.code
    again.check_sentence("expected no file, found one")
    assert data == (place.folder / "inclusion.proof").read_bytes()


def test_a_place_that_a_proof_cannot_have_is_refused_before_the_work(place: Place) -> None:
    last = place.head("last", HONEST, COUNT)
    (place.folder / "dangling").symlink_to(place.folder / "missing")
    for out, sentence in (
        (place.folder / "dangling", "expected no file, found one"),
        (place.folder, "expected no file, found one"),
        (place.folder / "no" / "x.proof", "expected the name of a file in a directory"),
        ("", "'': expected the name of a file in a directory that is there"),
    ):
        asked = ["--head", last, "--seq", 4, "--key", KEY_TEXT, "--out", out]
        run = place.validator("prove", "inclusion", "no source is looked for", *asked)
        assert 3 == run.code
        run.check_sentence(sentence)


def test_a_proof_that_cannot_be_written_whole_is_not_there(place: Place) -> None:
    last = place.head("last", HONEST, COUNT)
    stream, out = place.stream("honest", HONEST), place.folder / "inclusion.proof"
    asked = ["prove", "inclusion", str(stream), "--seq", "4", "--head", str(last)]
    asked += ["--key", KEY_TEXT, "--out", str(out)]
    small = (
        "import resource, signal, sys\n"
        "from lockstep_validator import program\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "sys.exit(program.main(sys.argv[1:]))\n"
    )
    run = run_python(["-c", small, *asked], [])
    assert (3, False) == (run.code, out.exists())
    run.check_sentence(f"{out}: cannot be written: File too large")
    good(place.prove("inclusion", stream, "--head", last, "--seq", 4))


def test_a_file_without_end_is_refused_by_what_is_read_of_it(place: Place) -> None:
    endless = place.folder / "endless.proof"
    for header, code, sentence in (
        (b"", 2, "not a proof"),
        (_HEADER.pack(PROOF_MAGIC, 1, 1000), 2, "expected 1032 bytes, found more"),
        (_HEADER.pack(PROOF_MAGIC, 1, 1 << 40), 3, "at most 1073741824 bytes"),
    ):
        with endless.open("wb") as file:
            file.write(header + xxh3_64_digest(header) if header else b"")
            file.truncate(1 << 42)
        run = place.validator("check-proof", endless, "--key", KEY_TEXT)
        assert code == run.code
        run.check_sentence(sentence)
    run = place.prove("equivocation", "--head", endless, "--head", "/dev/zero")
    assert 2 == run.code
    run.check_sentence("at most 65536 bytes of note")


def test_a_torn_or_damaged_source_proves_nothing(place: Place) -> None:
    last = place.head("last", HONEST, COUNT)
    stream = place.stream("honest", HONEST)
    data = stream.read_bytes()
    for code, other in ((4, data[:1500]), (2, data[:700] + bytes([data[700] ^ 1]) + data[701:])):
        stream.write_bytes(other)
        run = place.prove("inclusion", stream, "--head", last, "--seq", 4)
        assert code == run.code, run.err
        run.check_sentence("sequence")


def test_wrong_use_is_said(place: Place) -> None:
    for arguments, sentence in (
        (["prove"], "kind"),
        (["prove", "nonsense"], "nonsense"),
        (["prove", "inclusion", "x", "--head", "h", "--key", "k", "--out", "o"], "--seq"),
        (["check-proof"], "FILE"),
        (["check-proof", "missing", "--key", KEY_TEXT], "cannot read 'missing'"),
        (
            ["check-proof", "x", "y", "--key", "k"],
            "unrecognized arguments: y (see lockstep-validator check-proof --help)",
        ),
        (
            ["prove", "equivocation", "x", "y", "--head", "h", "--key", "k", "--out", "o"],
            "unrecognized arguments: y (see lockstep-validator prove equivocation --help)",
        ),
    ):
        run = place.validator(*arguments)
        assert 3 == run.code
        run.check_sentence(sentence)
    last = place.head("last", HONEST, COUNT)
    run = place.prove("equivocation", "--head", last)
    run.check_sentence("expected --head 2 times, found it 1 times")


def test_help_has_examples_and_exit_codes(place: Place) -> None:
    for arguments in (["prove"], ["check-proof"], ["prove", "fraud"]):
        good(place.validator(*arguments, "--help"), "examples:", "exit codes:", "4  torn")
    good(place.lockstep("publish", "--help"), "Example: lockstep head publish")


def test_without_the_library_both_programs_say_what_to_install(
    tmp_path: Path, machines: Path
) -> None:
    broken = tmp_path / "site"
    (broken / "cryptography").mkdir(parents=True)
    (broken / "cryptography" / "__init__.py").write_text("raise ImportError('none')\n")
    run = run_python(
        ["-m", "lockstep_validator", "check-proof", "x", "--key", KEY_TEXT], [broken, machines]
    )
    assert 3 == run.code
    run.check_sentence("pip install 'lockstep-exchange[evidence]'")
    run = run_command(
        "lockstep_journal.cli.heads:head", ["keygen", ORIGIN, tmp_path / "k"], [broken, machines]
    )
    assert 3 == run.code
    run.check_sentence("pip install 'lockstep-exchange[evidence]'")
    assert not (tmp_path / "k").exists()
    stream = tmp_path / "stream"
    stream.write_bytes(HONEST.source().getvalue())
    good(run_python(["-m", "lockstep_validator", stream], [broken, machines]), "ok")


def test_an_operator_makes_a_key_and_publishes_heads(place: Place) -> None:
    journal, heads, key = (place.folder / name for name in ("journal", "heads", "head.key"))
    write_journal(journal, COUNT, snapshot_every=7)
    heads.mkdir()
    made = place.lockstep("keygen", ORIGIN, key, "--json")
    good(made)
    assert (key.parent / "head.key.pub").read_text() == f"{made.json['public_key']}\n"
    secret = key.read_text().strip()
    published = place.lockstep("publish", journal, heads, "--key", key, "--snapshots", "--json")
    good(published)
    assert ([7, 14, 21, COUNT], 2) == (
        published.json["new_sizes"],
        published.json["rules_version"],
    )
    assert secret not in made.out + published.out
    key.chmod(0o644)
    refused = place.lockstep("publish", journal, heads, "--key", key)
    assert 3 == refused.code
    refused.check_sentence("mode 600")


def test_a_proof_is_made_from_a_journal_directory(place: Place) -> None:
    journal = place.folder / "journal"
    write_journal(journal, COUNT, snapshot_every=7)
    last, start = place.head("last", HONEST, COUNT), place.head("start", HONEST, 14)
    good(place.prove("consistency", journal, "--head", last, "--head", start))
    refused = place.prove("fraud", journal, "--head", last, "--from-head", start)
    assert 1 == refused.code
    refused.check_sentence("the rules yield all that the head of 25 signs")
    lying = place.head("lying", HONEST, COUNT, rules_version=1)
    good(place.prove("fraud", journal, "--head", lying, "--from-head", start), "start         14")
