"""Upgrade and downgrade, as docs/upgrades.md describes them.

The newer release is the counter with rules 3; the older one has rules 1 and 2.
"""

from pathlib import Path

import pytest

from lockstep_journal import Sequencer, open_owner, open_reader
from lockstep_kernel import State, UnsupportedError
from lockstep_replay import recover, recover_from, resume
from lockstep_validator import Options, Status, validate
from tests.golden import newer
from tests.golden.files import unpack_journal
from tests.golden.newer import NEWER, NEWER_RULES
from tests.golden.record import GOLDENS, pinned
from tests.machines.counter import COUNTER, ActivateRules, Add, CounterMachine
from tests.unit.journal.programs import Run, install_counter, run_command

COUNTERS = [golden.name for golden in GOLDENS if golden.machine is COUNTER]
NAME = "counter-rules-1"
LAST = 30
EACH_COUNTER = pytest.mark.parametrize("name", COUNTERS)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Return a journal of the older release, with 30 records under rules 1."""
    return unpack_journal(NAME, tmp_path / "journal")


def submit(directory: Path, machine: CounterMachine, *commands: object) -> State:
    """Resume a journal with a release, add commands, and return the last state."""
    with resume(directory, machine, lambda: 0) as live:
        for command in commands:
            (result,) = live.sequencer.submit([machine.codec.encode(command)])
            if isinstance(result, Exception):
                raise result
        return live.sequencer.state


def upgraded(directory: Path) -> State:
    """Let the newer release go on: an addition, its rules, an addition."""
    commands = (Add("a", 1), ActivateRules(NEWER_RULES), Add("a", 1))
    return submit(directory, NEWER, *commands)


def older(tmp_path: Path, group: str, *arguments: object) -> Run:
    """Run a program of the older release."""
    site = [install_counter(tmp_path / "site")]
    package = "lockstep_replay" if group == "replay" else "lockstep_journal"
    return run_command(f"{package}.cli:{group}", arguments, site)


@EACH_COUNTER
def test_a_newer_release_replays_an_old_journal_to_the_same_hash(name: str, tmp_path: Path) -> None:
    directory = unpack_journal(name, tmp_path / "journal")
    state, _report = recover(directory, NEWER)
    assert pinned()[name] == (state.seq, state.hash)


def test_a_newer_release_goes_on_under_the_old_rules_until_others_are_activated(
    journal: Path,
) -> None:
    state = submit(journal, NEWER, Add("new", 5))
    assert (1, 5) == (state.core.rules_version(), state.core.cells["new"].value)
    state = upgraded(journal)
    assert (3, 1 + 3) == (state.core.rules_version(), state.core.cells["a"].value)


def test_an_upgraded_journal_validates_and_replays_across_the_switch(journal: Path) -> None:
    state = upgraded(journal)
    again, _report = recover(journal, NEWER)
    assert (LAST + 3, state.hash) == (again.seq, again.hash)
    verdict = validate(journal, Options(machine=NEWER))
    assert (Status.OK, state.hash, 3) == (verdict.status, verdict.hash, verdict.rules_version)


def test_after_an_upgrade_without_newer_rules_the_older_release_goes_on(journal: Path) -> None:
    state = submit(journal, NEWER, Add("new", 5), Add("new", 6))
    older_state = submit(journal, COUNTER, Add("new", 7))
    assert (LAST + 2, LAST + 3) == (state.seq, older_state.seq)
    assert 5 + 6 + 7 == older_state.core.cells["new"].value


def test_an_older_release_never_writes_after_rules_that_it_does_not_have(journal: Path) -> None:
    upgraded(journal)
    before = (journal / "data.mdb").read_bytes()
    with pytest.raises(UnsupportedError, match=f"record {LAST + 2}: .* found 3"):
        submit(journal, COUNTER, Add("a", 1))
    assert before == (journal / "data.mdb").read_bytes()


def test_an_older_release_never_activates_rules_that_it_does_not_have(journal: Path) -> None:
    with open_owner(journal, COUNTER) as owner:
        owner.claim()
        state, _report = recover_from(owner, COUNTER)
        sequencer = Sequencer(state, owner, lambda: 0)
        (result,) = sequencer.submit([COUNTER.codec.encode(ActivateRules(NEWER_RULES))])
        assert isinstance(result, UnsupportedError)
        assert LAST == sequencer.state.seq


def test_an_older_release_reads_everything_before_the_switch(journal: Path, tmp_path: Path) -> None:
    upgraded(journal)
    last_old = str(LAST + 1)
    assert 0 == older(tmp_path, "replay", "recover", journal, "--seq", last_old).code
    assert 0 == older(tmp_path, "replay", "at", journal, last_old).code
    assert 0 == older(tmp_path, "replay", "show", journal, "--to", last_old).code
    verdict = validate(journal, Options(machine=COUNTER, until=LAST + 1))
    assert Status.OK is verdict.status, verdict.message
    assert 3 == older(tmp_path, "replay", "recover", journal).code


def test_an_older_release_checks_and_copies_all_bytes_of_a_newer_journal(
    journal: Path, tmp_path: Path
) -> None:
    upgraded(journal)
    assert 0 == older(tmp_path, "journal", "verify", journal).code
    assert 0 == older(tmp_path, "journal", "backup", journal, tmp_path / "copy").code
    with open_reader(tmp_path / "copy") as copy:
        assert LAST + 3 == copy.end().last_seq


def test_a_backup_from_before_the_switch_is_the_way_back(journal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert 0 == older(tmp_path, "journal", "backup", journal, copy).code
    upgraded(journal)
    state = submit(copy, COUNTER, Add("back", 1))
    assert (LAST + 1, 1) == (state.seq, state.core.cells["back"].value)


def test_a_snapshot_of_a_newer_format_is_passed_over_to_the_same_hash(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    newer.journal_of_older_rules(good)
    newer.newer_snapshot(bad)
    run = older(tmp_path, "replay", "recover", bad, "--seq", "17", "--json")
    assert (0, 8) == (run.code, run.json["snapshot_seq"]), run.err
    run.check_sentence("skipped snapshot 16: expected format 1, found 2")
    assert recover(good, COUNTER, 17)[0].hash.hex() == run.json["last_hash"]


def test_records_before_one_of_a_newer_format_are_read(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    newer.newer_record(directory)
    assert 0 == older(tmp_path, "replay", "at", directory, "6").code
    assert 3 == older(tmp_path, "replay", "at", directory, "7").code


def test_a_genesis_with_newer_rules_is_verified_and_exported_as_bytes(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    newer.newer_genesis(directory)
    assert 0 == older(tmp_path, "journal", "verify", directory).code
    assert 0 == older(tmp_path, "replay", "export", directory, tmp_path / "out").code
    verdict = validate(tmp_path / "out", Options(machine=NEWER))
    assert (Status.OK, newer.COUNT) == (verdict.status, verdict.validated_seq)
