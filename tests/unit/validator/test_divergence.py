"""What was forged with all checks recomputed is a divergence at its place, with a full report."""

import json
from itertools import count

import pytest
from xxhash import xxh3_64_digest

from lockstep_kernel import Chain, FrameType, Genesis, InvariantError, apply_batch, initial
from lockstep_validator import Divergence, EntityChange, Status, as_json, as_text, tape
from tests.machines.counter import (
    CELL,
    COUNTER,
    ActivateRules,
    Add,
    Added,
    CounterCore,
    CounterMachine,
    counter_genesis,
)
from tests.unit.validator.streams import (
    COUNT,
    SNAPSHOT_SEQ,
    START_NS,
    SWITCH_SEQ,
    Stream,
    Timed,
    counter_stream,
    found,
    judged,
    timed,
)

STREAM = counter_stream()
DIVERGED = Status.DIVERGED
EVERY_SEQ = pytest.mark.parametrize("seq", range(1, COUNT + 1))

encode = COUNTER.codec.encode


def divergence_of(stream: Stream, **options: object) -> Divergence:
    divergence = judged(stream, **options).divergence
    assert divergence is not None
    return divergence


@EVERY_SEQ
def test_a_forged_hash_diverges_at_its_place(seq: int) -> None:
    forged = STREAM.with_record(seq, hash=bytes(16))
    assert (DIVERGED, seq) == found(forged)
    divergence = divergence_of(forged)
    assert (bytes(16), STREAM.hash(seq)) == (divergence.expected_hash, divergence.computed_hash)


@EVERY_SEQ
def test_a_forged_command_diverges_at_its_place(seq: int) -> None:
    forged = STREAM.with_record(seq, body=encode(Add("cell9", 1)))
    assert (DIVERGED, seq) == found(forged)


@EVERY_SEQ
def test_forged_events_diverge_at_their_place(seq: int) -> None:
    events = encode([Added("cell0", -1)])
    forged = STREAM.with_payload(FrameType.EVENTS, seq, events)
    verdict = judged(forged)
    assert (DIVERGED, seq, seq - 1) == (verdict.status, verdict.seq, verdict.validated_seq)
    assert (seq - 1, seq - 1) == (verdict.commands, verdict.events)
    assert verdict.divergence is not None
    assert "events" == verdict.divergence.reason
    assert [Added("cell0", -1)] == verdict.divergence.expected_events


@EVERY_SEQ
@pytest.mark.parametrize("step_ns", [-1, 1, -(2**20), 2**40])
def test_a_forged_time_diverges_at_its_place(seq: int, step_ns: int) -> None:
    forged = STREAM.with_record(seq, ts_ns=START_NS + 1_000 * (seq - 1) + step_ns)
    assert (DIVERGED, seq) == found(forged)


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc0", b"junk", b"\x93\x01\xa1a\xcd\x00\x01", encode([9, 9]), encode([1, "a", True])],
    ids=["empty", "nil", "junk", "longer than needed", "unknown tag", "bool for int"],
)
def test_a_body_that_is_no_canonical_command_diverges(body: bytes) -> None:
    verdict = judged(STREAM.with_record(17, body=body))
    assert (DIVERGED, 17, 16) == (verdict.status, verdict.seq, verdict.validated_seq)
    assert verdict.divergence is not None
    assert ("command", body, None) == (
        verdict.divergence.reason,
        verdict.divergence.body,
        verdict.divergence.command,
    )


def test_a_time_beyond_all_times_diverges() -> None:
    assert (DIVERGED, 17) == found(STREAM.with_record(17, ts_ns=2**63))


def test_the_report_shows_the_command_and_what_it_touched_before_and_after() -> None:
    forged = STREAM.with_record(12, body=encode(Add("cell1", 1_000)))
    divergence = divergence_of(forged)
    assert ("hash", 12, START_NS + 11_000) == (
        divergence.reason,
        divergence.seq,
        divergence.ts_ns,
    )
    assert Add("cell1", 1_000) == divergence.command
    # Commands 2, 7 and 12 add 2, 7 and 12 to cell1; the forged one adds 1,000 instead of 12.
    assert [EntityChange(CELL, "kind 1", "cell1", (CELL, "cell1", 9), (CELL, "cell1", 1_009))] == (
        divergence.entities
    )
    assert [Added("cell1", 21)] == divergence.expected_events
    assert [Added("cell1", 1_009)] == divergence.computed_events
    assert "" == divergence.note


def test_an_entity_that_comes_and_one_that_goes_are_absent_on_one_side() -> None:
    came = divergence_of(STREAM.with_record(40, body=encode(Add("new", 1))))
    assert [(None, (CELL, "new", 2))] == [(c.before, c.after) for c in came.entities]
    commands = [(START_NS, Add("a", 5)), (START_NS, Add("a", 1))]
    short = counter_stream(commands, snapshots=())
    went = divergence_of(short.with_record(2, body=encode(Add("a", -5))))
    assert [((CELL, "a", 5), None)] == [(c.before, c.after) for c in went.entities]


def test_a_forged_switch_of_rules_diverges_and_is_shown() -> None:
    divergence = divergence_of(STREAM.with_record(SWITCH_SEQ, body=encode(Add("cell4", 1))))
    assert Add("cell4", 1) == divergence.command
    divergence = divergence_of(STREAM.with_record(SWITCH_SEQ - 1, body=encode(ActivateRules(2))))
    assert ActivateRules(2) == divergence.command
    assert [] == divergence.entities


def test_a_stream_without_events_gives_no_expected_events() -> None:
    plain = counter_stream(has_events=False)
    divergence = divergence_of(plain.with_record(12, body=encode(Add("cell1", 0))))
    assert divergence.expected_events is None


def test_events_that_do_not_decode_are_shown_as_bytes() -> None:
    divergence = divergence_of(STREAM.with_payload(FrameType.EVENTS, 12, b"\xc1junk"))
    assert b"\xc1junk" == divergence.expected_events


def test_damage_behind_a_divergence_takes_only_the_expected_events_away() -> None:
    forged = STREAM.with_record(12, hash=bytes(16))
    end = forged.spans()[forged.at(FrameType.RECORD, 12) + 1][1]
    for behind in (b"", b"damage in the events frame"):
        verdict = judged(forged.data()[:end] + behind)
        assert (DIVERGED, 12) == (verdict.status, verdict.seq)
        assert verdict.divergence is not None
        assert verdict.divergence.expected_events is None


@pytest.mark.parametrize("interval", [1, 2, 7, 12, 49])
def test_the_state_before_is_rebuilt_from_the_last_mark(
    interval: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {
        seq: divergence_of(STREAM.with_record(seq, hash=bytes(16)))
        for seq in (1, 12, SWITCH_SEQ, COUNT)
    }
    monkeypatch.setattr(tape, "INTERVAL_MIN", interval)
    monkeypatch.setattr(tape, "INTERVAL_PER_ENTITY", 0)
    for seq, divergence in expected.items():
        assert divergence == divergence_of(STREAM.with_record(seq, hash=bytes(16)))
        assert seq == SWITCH_SEQ or len(divergence.entities) == 1


def test_the_tape_is_marked_at_each_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[int] = []
    mark = tape.Tape.mark

    def marking(self: tape.Tape, chain: Chain) -> None:
        marked.append(chain.seq)
        mark(self, chain)

    monkeypatch.setattr(tape, "INTERVAL_MIN", 7)
    monkeypatch.setattr(tape, "INTERVAL_PER_ENTITY", 0)
    monkeypatch.setattr(tape.Tape, "mark", marking)
    assert (Status.OK, COUNT) == found(STREAM)
    assert list(range(0, COUNT, 7)) == marked


def test_the_interval_between_marks_grows_with_the_state() -> None:
    commands = [(START_NS, Add(f"cell{i}", 1)) for i in range(3_000)]
    chain_tape = tape.Tape(_chain(commands))
    assert 5 * 3_000 == chain_tape.interval
    assert 10_000 == tape.Tape(_chain([])).interval


def test_the_touched_entities_are_found_when_the_digest_is_not_in_every_hash() -> None:
    sparse = counter_stream(genesis=counter_genesis(digest_every=8))
    divergence = divergence_of(sparse.with_record(13, body=encode(Add("cell9", 4))))
    assert ["cell9"] == [change.key for change in divergence.entities]


def test_kinds_have_the_machine_s_own_names_if_it_gives_them() -> None:
    class Named(CounterMachine):
        kind_names = {CELL: "cell"}  # noqa: RUF012  # never changed

    forged = STREAM.with_record(12, hash=bytes(16))
    (change,) = divergence_of(forged, machine=Named()).entities
    assert "cell" == change.name


class Forgetful(CounterMachine):
    """Adds another amount each time that it runs: what a bug of a machine can look like."""

    def __init__(self) -> None:
        self.drift = count()

    def step(self, core: CounterCore, ts_ns: int, command: object) -> object:
        if isinstance(command, Add) and command.cell == "cell3":
            command = Add("cell3", command.amount + next(self.drift))
        return super().step(core, ts_ns, command)


def test_a_machine_that_does_not_repeat_itself_still_gets_its_verdict() -> None:
    # Command 4 agrees by chance, 9 does not, and the second run of 4 differs from the first.
    verdict = judged(STREAM, machine=Forgetful())
    assert (DIVERGED, 9) == (verdict.status, verdict.seq)
    assert verdict.divergence is not None
    assert [] == verdict.divergence.entities
    assert "could not be rebuilt" in verdict.divergence.note


def test_a_machine_with_other_rules_diverges_at_the_first_command_they_decide() -> None:
    class Double(CounterMachine):
        def step(self, core: CounterCore, ts_ns: int, command: object) -> object:
            if isinstance(command, Add) and command.amount == 33:
                command = Add(command.cell, 34)
            return super().step(core, ts_ns, command)

    assert (DIVERGED, 33) == found(STREAM, machine=Double())


def test_a_machine_that_contradicts_itself_is_no_finding_about_the_stream() -> None:
    class Broken(CounterMachine):
        def step(self, core: CounterCore, ts_ns: int, command: object) -> object:
            if ts_ns == START_NS + 4_000:
                raise InvariantError("planted")
            return super().step(core, ts_ns, command)

    verdict = judged(STREAM, machine=Broken())
    assert (Status.COULD_NOT_RUN, 4) == (verdict.status, verdict.validated_seq)
    assert "planted" in verdict.message


def forged_snapshot(commands: list[Timed]) -> Stream:
    """Return STREAM with the snapshot of another history of the same genesis."""
    other = counter_stream(commands).payload(FrameType.SNAPSHOT, SNAPSHOT_SEQ)
    return STREAM.with_payload(FrameType.SNAPSHOT, SNAPSHOT_SEQ, other)


def test_a_snapshot_of_another_state_diverges_and_shows_what_differs() -> None:
    commands = timed()
    commands[10] = (commands[10][0], Add("cell0", 100))
    divergence = divergence_of(forged_snapshot(commands))
    assert ("snapshot", SNAPSHOT_SEQ) == (divergence.reason, divergence.seq)
    # The stream's own commands bring cell0 to 1 + 6 + 11 + 16 + 21, the other history has 100.
    assert [("cell0", (CELL, "cell0", 144), (CELL, "cell0", 55))] == [
        (change.key, change.before, change.after) for change in divergence.entities
    ]
    assert "snapshot with hash" in divergence.note


@pytest.mark.parametrize(
    ("offset", "name"), [(23, "time"), (63, "digest"), (-9, "records"), (88, "clocks")]
)
def test_a_forged_field_of_a_snapshot_is_named(offset: int, name: str) -> None:

    payload = bytearray(STREAM.payload(FrameType.SNAPSHOT, SNAPSHOT_SEQ)[:-8])
    payload[offset if offset > 0 else offset + 8] ^= 1
    forged = bytes(payload) + xxh3_64_digest(bytes(payload))
    verdict = judged(STREAM.with_payload(FrameType.SNAPSHOT, SNAPSHOT_SEQ, forged))
    assert (DIVERGED, SNAPSHOT_SEQ) == (verdict.status, verdict.seq)
    assert name in verdict.message


def test_text_and_json_show_the_same_report() -> None:
    verdict = judged(STREAM.with_record(12, body=encode(Add("cell1", 1_000))))
    text = as_text(verdict)
    for piece in (
        "diverged at sequence 12",
        "11 commands, 11 events",
        "Add(cell='cell1', amount=1000)",
        f"expected {STREAM.hash(12).hex()}",
        "expected Added(cell='cell1', total=21)",
        "computed Added(cell='cell1', total=1009)",
        "kind 1 'cell1'",
        "before (9)",
        "after  (1009)",
        "2023-11-14T22:13:20.000011000Z",
    ):
        assert piece in text, piece
    fields = json.loads(as_json(verdict))
    divergence = fields["divergence"]
    assert ("diverged", 1, 12, 11) == tuple(
        fields[name] for name in ("status", "exit_code", "seq", "validated_seq")
    )
    assert {"type": "Add", "cell": "cell1", "amount": 1_000} == divergence["command"]
    assert STREAM.hash(12).hex() == divergence["expected_hash"]
    assert [
        {"kind": 1, "name": "kind 1", "key": "cell1", "before": [9], "after": [1_009]}
    ] == divergence["entities"]


def test_text_of_a_stream_cannot_steer_a_terminal() -> None:
    genesis = Genesis("\x1b[31mred\n", 1, 1, b"")
    verdict = judged(Stream(genesis, False, ()))
    assert Status.COULD_NOT_RUN is verdict.status
    assert "\x1b" not in as_text(verdict)
    assert "\x1b" not in as_json(verdict)


def _chain(commands: list[Timed]) -> Chain:
    state = initial(COUNTER, counter_genesis())
    sequenced = [COUNTER.codec.sequence(ts_ns, command) for ts_ns, command in commands]
    return apply_batch(state, sequenced)[0].take()
