"""Looking into the past: steps, filters, counts, tables, differences."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path

import msgspec
import pytest

from lockstep_journal import Sequencer, SnapshotPolicy, archive, create, open_reader, plain
from lockstep_kernel import CannotRunError, JournalRecord, changes, initial
from lockstep_replay import (
    Comparison,
    Divergence,
    Filter,
    Step,
    begin,
    changes_between,
    compare,
    entity_rows,
    history_statistics,
    plain_step,
    resume,
    seek,
    state_changes,
    steps,
    views_of,
)
from tests.machines.counter import (
    CELL,
    COUNTER,
    Add,
    Added,
    CounterCore,
    RulesActivated,
    counter_genesis,
)
from tests.machines.histories import (
    ACTIVATED_AT,
    GENESIS,
    applied,
    bodies,
    sequenced,
    submit_all,
    write_journal,
)

COUNT = 60


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "j"
    write_journal(path, COUNT, snapshot_every=20)
    return path


def test_steps_have_commands_and_recomputed_events(directory: Path) -> None:
    with open_reader(directory) as journal:
        found = list(steps(journal, COUNTER))
        middle = list(steps(journal, COUNTER, 30, 33))
        assert [] == list(steps(journal, COUNTER, 61))
        assert found[54:] == list(steps(journal, COUNTER, 55, 99))
    assert [one.command for one in sequenced(COUNT)] == [step.command for step in found]
    assert [list(done[3]) for done in applied(COUNT)[1]] == [list(step.events) for step in found]
    assert found[29:33] == middle


class Side(IntEnum):
    """A side."""

    BUY = 1


class Leg(msgspec.Struct):
    """A part of a command."""

    maker_account: int
    side: Side


class Legs(msgspec.Struct):
    """A command with parts."""

    account: int
    legs: list[Leg]
    key: bytes


STEP = Step(
    JournalRecord(1, 1, 1, b"", b"", b""),
    Legs(7, [Leg(9, Side.BUY)], b"\xab"),
    [Added("a", 3)],
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, True),
        ({"account": {"7"}}, True),
        ({"account": {"9"}}, True),
        ({"account": {"8"}}, False),
        ({"account": {"8", "9"}}, True),
        ({"maker_account": {"7"}}, False),
        ({"count": {"7"}}, False),
        ({"side": {"BUY"}}, True),
        ({"key": {"ab"}}, True),
        ({"total": {"3"}}, True),
        ({"account": {"7"}, "total": {"3"}}, True),
        ({"account": {"7"}, "total": {"4"}}, False),
        ({"nothing": {"3"}}, False),
    ],
)
def test_a_filter_finds_fields_at_any_depth(wanted: dict[str, set[str]], expected: bool) -> None:
    frozen = {name: frozenset(values) for name, values in wanted.items()}
    assert expected is Filter(frozen).passes(STEP)


def test_values_are_plain_for_json() -> None:
    assert {
        "type": "Legs",
        "account": 7,
        "legs": [{"type": "Leg", "maker_account": 9, "side": "BUY"}],
        "key": "ab",
    } == plain(STEP.command)
    assert {"a": [1, None, "ff"]} == plain({"a": (1, None, b"\xff")})
    assert "Added" == plain_step(STEP)["events"][0]["type"]


def test_statistics_count_types(directory: Path) -> None:
    with open_reader(directory) as journal:
        found = history_statistics(journal, COUNTER)
    assert {"ActivateRules": 1, "Add": COUNT - 1} == found.commands
    assert {"Added": COUNT - 1, "RulesActivated": 1} == found.events
    assert (1, COUNT, 10, 10 * COUNT) == (
        found.first_seq,
        found.last_seq,
        found.ts_ns_first,
        found.ts_ns_last,
    )


def test_without_views_there_are_entities(directory: Path) -> None:
    state = seek(directory, COUNTER, 25)
    rows = [
        {"kind": f"kind {CELL}", "key": cell.name, "fields": [cell.value]}
        for cell in sorted(state.core.cells.values(), key=lambda cell: cell.name)
    ]
    assert {"entities": rows} == views_of(state)
    assert rows == entity_rows(state)


def test_entities_have_the_machine_s_own_names_of_their_kinds(directory: Path) -> None:
    class Named(type(COUNTER)):
        kind_names = {CELL: "CELL"}  # noqa: RUF012  # never changed

    assert {"CELL"} == {row["kind"] for row in entity_rows(seek(directory, Named(), 25))}


def test_a_machine_may_have_views_of_its_own(directory: Path) -> None:
    class Viewed(type(COUNTER)):
        def views(self, core: CounterCore) -> Mapping[str, Sequence[Mapping[str, object]]]:
            return {"totals": [{"sum": core.sum}]}

    state = seek(directory, Viewed(), 25)
    assert ["totals", "entities"] == list(views_of(state))
    assert [{"sum": state.core.sum}] == views_of(state)["totals"]


def test_changes_between_two_sequences(directory: Path) -> None:
    with open_reader(directory) as journal:
        found = changes_between(journal, COUNTER, 29, 30)
        assert [] == changes_between(journal, COUNTER, 30, 30)
        back = changes_between(journal, COUNTER, 30, 29)
    command = sequenced(COUNT)[29].command
    assert isinstance(command, Add)
    assert [(CELL, command.cell)] == [(change.kind, change.key) for change in found]
    before, after = found[0].before, found[0].after
    assert before is not None
    assert after is not None
    assert 2 * command.amount == after[2] - before[2]
    assert [(after, before)] == [(change.before, change.after) for change in back]
    assert found == changes([before], [after])


def test_one_history_has_no_divergence(directory: Path, tmp_path: Path) -> None:
    write_journal(tmp_path / "short", 40)
    with open_reader(directory) as long, open_reader(tmp_path / "short") as short:
        assert Comparison(60, 40, 40, None) == compare(long, short)
        assert Comparison(40, 60, 40, None) == compare(short, long)


@pytest.mark.parametrize("seq", [1, 2, 30, 59, 60])
def test_the_first_divergent_sequence_is_found(directory: Path, tmp_path: Path, seq: int) -> None:
    write_journal(tmp_path / "fork", seq - 1)
    with resume(tmp_path / "fork", COUNTER, lambda: 0) as live:
        live.sequencer.submit([(10 * seq, Add("fork", 1))])
        other = live.sequencer.state.hash
        submit_all(live.sequencer, COUNT, start=seq)
    with open_reader(directory) as left, open_reader(tmp_path / "fork") as right:
        expected = applied(seq)[0].hash
        assert Comparison(60, 60, seq - 1, Divergence(seq, expected, other)) == compare(left, right)


def test_another_genesis_diverges_at_zero(directory: Path, tmp_path: Path) -> None:
    begin(tmp_path / "j", COUNTER, counter_genesis(digest_every=3), lambda: 0).close()
    with open_reader(directory) as left, open_reader(tmp_path / "j") as right:
        found = compare(left, right).divergence
    assert found is not None
    assert 0 == found.seq


def archived(tmp_path: Path, seed: int) -> Path:
    path = tmp_path / f"archived{seed}"
    with create(path, COUNTER, GENESIS) as owner:
        owner.claim()
        sequencer = Sequencer(
            initial(COUNTER, GENESIS), owner, lambda: 0, snapshots=SnapshotPolicy(20)
        )
        for index, body in enumerate(bodies(COUNT, seed), 1):
            sequencer.submit([(10 * index, body)])
        archive(owner, COUNTER, 40, tmp_path / f"old{seed}")
    return path


def test_a_divergence_in_archived_records_is_not_exact(directory: Path, tmp_path: Path) -> None:
    with (
        open_reader(directory) as whole,
        open_reader(archived(tmp_path, 1)) as same,
        open_reader(archived(tmp_path, 2)) as other,
    ):
        assert Comparison(60, 60, 60, None) == compare(whole, same)
        found = compare(whole, other).divergence
        assert found is not None
        assert (40, False) == (found.seq, found.is_exact)


def test_journals_without_common_records_cannot_be_compared(tmp_path: Path) -> None:
    write_journal(tmp_path / "short", 10)
    with (
        open_reader(tmp_path / "short") as short,
        open_reader(archived(tmp_path, 1)) as late,
        pytest.raises(CannotRunError, match="ends at 10, the other begins after 40"),
    ):
        compare(short, late)


def test_states_differ_by_entity(directory: Path) -> None:
    before, after = seek(directory, COUNTER, 0), seek(directory, COUNTER, 1)
    assert 1 == len(state_changes(before, after))
    assert [RulesActivated(2)] == list(applied(ACTIVATED_AT)[1][-1][3])
