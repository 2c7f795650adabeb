"""Where to start, where to stop, what to expect, which machine: through the library."""

from io import BytesIO
from pathlib import Path

import pytest
from xxhash import xxh3_64_digest

from lockstep_kernel import CannotRunError, FrameType, Genesis, dump, genesis_hash, initial
from lockstep_validator import Mark, Options, Status, as_text, parse_mark, validate
from tests.machines.counter import COUNTER, ActivateRules, CounterMachine, counter_genesis
from tests.unit.validator.streams import (
    COUNT,
    SNAPSHOT_SEQ,
    START_NS,
    SWITCH_SEQ,
    Stream,
    counter_stream,
    found,
    judged,
    tail,
    timed,
)

STREAM = counter_stream()
TAIL = tail(STREAM)
GENESIS_HASH = genesis_hash(STREAM.genesis)
OK, DIVERGED, DAMAGED = Status.OK, Status.DIVERGED, Status.DAMAGED
COULD_NOT_RUN, TORN = Status.COULD_NOT_RUN, Status.TORN


def mark(seq: int, is_right: bool = True) -> Mark:
    hash_ = STREAM.hash(seq) if seq else GENESIS_HASH
    return Mark(seq, hash_ if is_right else bytes([hash_[0] ^ 1]) + hash_[1:])


# Trust


@pytest.mark.parametrize("stream", [STREAM, TAIL], ids=["whole", "archived"])
def test_a_trusted_snapshot_is_the_start(stream: Stream) -> None:
    verdict = judged(stream, trust=mark(SNAPSHOT_SEQ))
    assert (OK, COUNT, COUNT - SNAPSHOT_SEQ) == (verdict.status, verdict.seq, verdict.commands)
    assert STREAM.hash(COUNT) == verdict.hash
    assert 2 == verdict.rules_version


def test_what_stands_before_the_trusted_snapshot_is_not_executed() -> None:
    # The events of record 7 are outside every check but the one that executes the command.
    forged = STREAM.with_payload(FrameType.EVENTS, 7, b"\x90")
    assert (DIVERGED, 7) == found(forged)
    assert (OK, COUNT) == found(forged, trust=mark(SNAPSHOT_SEQ))


def test_damage_before_the_trusted_snapshot_is_found() -> None:
    trust = mark(SNAPSHOT_SEQ)
    assert (DAMAGED, 7) == found(STREAM.spliced(STREAM.step(7), []), trust=trust)
    assert (DAMAGED, 8) == found(STREAM.with_record(7, hash=bytes(16)), trust=trust)
    assert (DAMAGED, 7) == found(STREAM.with_record(7, ts_ns=START_NS), trust=trust)
    assert (DAMAGED, 8) == found(STREAM.with_record(7, epoch=2), trust=trust)
    assert (TORN, 7) == found(STREAM.data()[: STREAM.spans()[13][0] + 5], trust=trust)
    last = STREAM.with_record(SNAPSHOT_SEQ, hash=bytes(16))
    assert (DAMAGED, SNAPSHOT_SEQ) == found(last, trust=trust)


def test_divergence_and_damage_behind_the_trusted_snapshot_are_found() -> None:
    trust = mark(SNAPSHOT_SEQ)
    forged = TAIL.with_record(40, hash=bytes(16))
    assert (DIVERGED, 40) == found(forged, trust=trust)
    divergence = judged(forged, trust=trust).divergence
    assert divergence is not None
    assert ["cell4"] == [change.key for change in divergence.entities]
    assert (DIVERGED, 26) == found(TAIL.with_record(26, ts_ns=START_NS), trust=trust)
    assert (DAMAGED, 26) == found(STREAM.spliced(STREAM.step(26), []), trust=trust)


def test_a_trusted_hash_that_the_snapshot_does_not_have_diverges() -> None:
    verdict = judged(STREAM, trust=mark(SNAPSHOT_SEQ, is_right=False))
    assert (DIVERGED, SNAPSHOT_SEQ) == (verdict.status, verdict.seq)
    assert verdict.divergence is not None
    assert ("trusted", STREAM.hash(SNAPSHOT_SEQ)) == (
        verdict.divergence.reason,
        verdict.divergence.computed_hash,
    )


@pytest.mark.parametrize("seq", [1, SNAPSHOT_SEQ - 1, SNAPSHOT_SEQ + 1, COUNT, COUNT + 9])
@pytest.mark.parametrize("stream", [STREAM, TAIL], ids=["whole", "archived"])
def test_a_trusted_snapshot_that_is_not_there_is_said(stream: Stream, seq: int) -> None:
    verdict = judged(stream, trust=Mark(seq, bytes(16)))
    assert COULD_NOT_RUN is verdict.status
    assert f"no snapshot at {seq} " in verdict.message


def test_a_trusted_snapshot_is_not_looked_for_behind_its_place() -> None:
    torn = STREAM.data()[:-1]
    assert (TORN, COUNT + 1) == found(torn)
    assert COULD_NOT_RUN is judged(torn, trust=Mark(7, bytes(16))).status


def test_the_genesis_can_be_trusted_too() -> None:
    assert (OK, COUNT) == found(STREAM, trust=mark(0))
    assert (DIVERGED, 0) == found(STREAM, trust=mark(0, is_right=False))


def test_a_trusted_snapshot_that_does_not_load_is_damage() -> None:
    payload = bytearray(STREAM.payload(FrameType.SNAPSHOT, SNAPSHOT_SEQ)[:-8])
    payload[67] -= 8  # eight bytes fewer of clocks
    payload[71] += 8  # and eight more of records
    forged = bytes(payload) + xxh3_64_digest(bytes(payload))
    for stream in (STREAM, TAIL):
        broken = stream.with_payload(FrameType.SNAPSHOT, SNAPSHOT_SEQ, forged)
        assert (DAMAGED, SNAPSHOT_SEQ) == found(broken, trust=mark(SNAPSHOT_SEQ))


def test_a_stream_that_starts_with_a_snapshot_needs_trust() -> None:
    verdict = judged(TAIL)
    assert (COULD_NOT_RUN, 0) == (verdict.status, verdict.commands)
    assert f"--trust {SNAPSHOT_SEQ}:{STREAM.hash(SNAPSHOT_SEQ).hex()}" in verdict.message


def test_a_snapshot_of_the_genesis_is_compared_with_it() -> None:
    assert (OK, COUNT) == found(counter_stream(snapshots=(0, SNAPSHOT_SEQ)))
    other = counter_genesis(rules_version=2)
    foreign = dump(initial(COUNTER, other))
    forged = counter_stream(snapshots=(0,)).with_payload(FrameType.SNAPSHOT, 0, foreign)
    assert (DAMAGED, 0) == found(forged)


# Expected hashes


@pytest.mark.parametrize("seq", [0, 1, SNAPSHOT_SEQ, SWITCH_SEQ, COUNT])
def test_an_expected_hash_is_compared(seq: int) -> None:
    assert (OK, COUNT) == found(STREAM, expect=(mark(COUNT), mark(seq)))
    verdict = judged(STREAM, expect=(mark(COUNT), mark(seq, is_right=False)))
    assert (DIVERGED, seq) == (verdict.status, verdict.seq)
    assert verdict.divergence is not None
    assert "expected" == verdict.divergence.reason


def test_of_several_expected_hashes_each_counts() -> None:
    marks = tuple(mark(seq) for seq in range(COUNT, -1, -3))
    assert (OK, COUNT) == found(STREAM, expect=marks)
    wrong = (*marks, mark(7, is_right=False), mark(9, is_right=False))
    assert (DIVERGED, 7) == found(STREAM, expect=wrong)


def test_an_expected_hash_counts_at_the_start_and_after_it() -> None:
    trust = mark(SNAPSHOT_SEQ)
    assert (OK, COUNT) == found(STREAM, trust=trust, expect=(mark(SNAPSHOT_SEQ), mark(COUNT)))
    wrong = (mark(SNAPSHOT_SEQ, is_right=False),)
    assert (DIVERGED, SNAPSHOT_SEQ) == found(STREAM, trust=trust, expect=wrong)


def test_an_expected_hash_that_is_never_reached_is_said() -> None:
    far = Mark(COUNT + 1, bytes(16))
    verdict = judged(STREAM, expect=(far, Mark(COUNT + 2, bytes(16))))
    assert (COULD_NOT_RUN, COUNT) == (verdict.status, verdict.seq)
    assert "51, 52 was never reached" in verdict.message
    torn = judged(STREAM.data()[:-1], expect=(far,))
    assert (TORN, COUNT + 1) == (torn.status, torn.seq)
    assert "51 was never reached" in torn.message


def test_an_earlier_finding_counts_more_than_an_expected_hash() -> None:
    forged = STREAM.with_record(12, hash=bytes(16))
    assert (DIVERGED, 12) == found(forged, expect=(mark(13, is_right=False),))
    assert (DAMAGED, 12) == found(
        STREAM.spliced(STREAM.step(12), []), expect=(mark(13, is_right=False),)
    )


# Until


@pytest.mark.parametrize("stream", [STREAM, counter_stream(has_events=False)])
@pytest.mark.parametrize("seq", [0, 1, SNAPSHOT_SEQ, COUNT])
def test_until_stops_at_its_sequence_number(stream: Stream, seq: int) -> None:
    verdict = judged(stream, until=seq, expect=(mark(seq),))
    assert (OK, seq, seq, seq) == (
        verdict.status,
        verdict.seq,
        verdict.commands,
        verdict.events,
    )
    assert mark(seq).hash == verdict.hash


def test_until_looks_at_nothing_behind_but_at_the_events_of_its_record() -> None:
    forged = STREAM.with_payload(FrameType.EVENTS, 12, b"\x90")
    assert (OK, 11) == found(forged, until=11)
    assert (DIVERGED, 12) == found(forged, until=12)


def test_until_must_be_reached() -> None:
    verdict = judged(STREAM, until=COUNT + 1)
    assert (COULD_NOT_RUN, COUNT) == (verdict.status, verdict.seq)
    assert "ends at 50, before" in verdict.message


@pytest.mark.parametrize(
    "options",
    [
        {"trust": mark(SNAPSHOT_SEQ), "until": SNAPSHOT_SEQ - 1},
        {"trust": mark(SNAPSHOT_SEQ), "expect": (mark(SNAPSHOT_SEQ - 1),)},
        {"until": 7, "expect": (mark(8),)},
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, object]) -> None:
    assert (COULD_NOT_RUN, None) == found(STREAM, **options)


@pytest.mark.parametrize(
    "text", ["", "7", "7:", ":" + "0" * 32, "7:" + "0" * 31, "-7:" + "0" * 32, "x:" + "0" * 32]
)
def test_a_mark_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CannotRunError, match="SEQ:HASH"):
        parse_mark(text)


# Machines, rules and formats


def test_a_machine_that_is_not_installed_could_not_run() -> None:
    verdict = judged(STREAM, machine=None)
    assert COULD_NOT_RUN is verdict.status
    assert "'counter'" in verdict.message


def test_a_machine_with_another_name_could_not_run() -> None:
    class Other(CounterMachine):
        name = "other"

    verdict = judged(STREAM, machine=Other())
    assert COULD_NOT_RUN is verdict.status
    assert "expected a history of machine 'other', found 'counter'" in verdict.message


def test_a_genesis_with_newer_rules_could_not_run() -> None:
    stream = Stream(Genesis("counter", 3, 1, b""), False, ())
    verdict = judged(stream)
    assert COULD_NOT_RUN is verdict.status
    assert "rules version 1 to 2" in verdict.message


class NewerRelease(CounterMachine):
    """A counter that knows rules 3."""

    rules_versions = range(1, 4)


def newer_stream() -> Stream:
    commands = timed()
    commands[39] = (commands[39][0], ActivateRules(3))
    return counter_stream(commands, machine=NewerRelease())


def test_rules_newer_than_this_release_could_not_run_from_where_they_start() -> None:
    verdict = judged(newer_stream())
    assert (COULD_NOT_RUN, 39) == (verdict.status, verdict.validated_seq)
    assert "sequence 40: " in verdict.message
    assert "found 3" in verdict.message
    assert (OK, COUNT) == found(newer_stream(), machine=NewerRelease())


def with_header(version: int, flags: int) -> bytes:
    header = b"LOCKSTEP" + version.to_bytes(2) + flags.to_bytes(2)
    return header + xxh3_64_digest(header) + STREAM.data()[20:]


def test_a_newer_format_could_not_run() -> None:
    assert (OK, COUNT) == found(with_header(1, 1))
    for version, flags in ((2, 1), (1, 3), (1, 0x8001)):
        verdict = judged(with_header(version, flags))
        assert COULD_NOT_RUN is verdict.status
        assert "run the release that has it" in verdict.message


def test_a_newer_frame_type_could_not_run() -> None:
    frames = [*STREAM.frames[:20], (7, 10, b"something newer"), *STREAM.frames[20:]]
    verdict = judged(STREAM.spliced(slice(None), frames))
    assert (COULD_NOT_RUN, 10) == (verdict.status, verdict.validated_seq)


def test_a_newer_record_format_could_not_run() -> None:
    payload = bytearray(STREAM.payload(FrameType.RECORD, 12)[:-8])
    payload[3] = 2
    newer = bytes(payload) + xxh3_64_digest(bytes(payload))
    verdict = judged(STREAM.with_payload(FrameType.RECORD, 12, newer))
    assert (COULD_NOT_RUN, 11) == (verdict.status, verdict.validated_seq)


# Sources


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a.stream"
    path.write_bytes(STREAM.data())
    for source in (path, str(path)):
        assert OK is validate(source, Options(machine=COUNTER)).status
    missing = validate(tmp_path / "missing", Options(machine=COUNTER))
    assert COULD_NOT_RUN is missing.status
    assert "missing" in missing.message


def test_progress_is_told_before_each_read() -> None:
    told: list[int] = []

    class Slow(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 1_000))

    options = Options(machine=COUNTER, on_progress=told.append)
    assert OK is validate(Slow(STREAM.data()), options).status
    assert sorted(told) == told
    assert (0, True) == (told[0], len(set(told)) > 3)


def test_a_wrong_expectation_is_not_the_last_good_one() -> None:
    verdict = judged(STREAM, expect=(mark(30, is_right=False),))
    assert (DIVERGED, 30, 29) == (verdict.status, verdict.seq, verdict.validated_seq)
    assert (STREAM.hash(29), 29) == (verdict.hash, verdict.commands)
    assert f"last good sequence 29, hash {STREAM.hash(29).hex()}" in as_text(verdict)
    verdict = judged(STREAM, expect=(mark(0, is_right=False),))
    assert (DIVERGED, 0) == (verdict.status, verdict.seq)
    assert "last good none" in as_text(verdict)


def test_before_a_state_there_are_no_rules() -> None:
    text = as_text(judged(STREAM, trust=mark(SNAPSHOT_SEQ, is_right=False)))
    assert "machine   counter\n" in text
    assert "last good none" in text
    assert "machine   counter, rules " in as_text(judged(STREAM))
