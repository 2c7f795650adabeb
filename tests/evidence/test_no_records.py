"""Heads of no records: what is false in them is proved, and nothing in true ones is."""

from pathlib import Path

import msgspec
import pytest

from lockstep_journal import open_reader
from lockstep_journal.heads import HeadDirectory, publish_heads
from lockstep_kernel import EMPTY_ROOT, DamagedError, DivergedError, LockstepError, state_digest
from lockstep_validator import (
    Checked,
    NotProved,
    Options,
    Proved,
    SignedHead,
    Status,
    check_proof,
    prove_consistency,
    prove_equivocation,
    prove_fraud,
    prove_inclusion,
    validate,
)
from lockstep_validator.evidence.proofs import (
    EquivocationProof,
    FraudProof,
    pack_proof,
    unpack_proof,
)
from tests.evidence.world import COUNT, FORGETFUL, FORGETFUL_AT, HONEST, KEY, KEYS, ORIGIN, World
from tests.machines.counter import COUNTER
from tests.machines.histories import write_journal

TRUE = HONEST.signed(0)
BARE = HONEST.signed(0, has_state=False)
LAST = HONEST.signed(COUNT)
WRONG_ROOT = HONEST.signed(0, root=b"r" * 32)
WRONG_STATE = HONEST.signed(0, state=b"s" * 32)
WRONG_RULES = HONEST.signed(0, rules_version=2)
WRONG = {"records": WRONG_ROOT, "state": WRONG_STATE, "rules": WRONG_RULES}
NO_RECORDS = World(HONEST.genesis, (), HONEST.dumps[:1], HONEST.rules[:1])


def of_none(head: SignedHead, world: World = HONEST) -> Proved:
    return prove_fraud(world.source(), KEYS, head, None, COUNTER)


def checked(proved: Proved) -> Checked:
    return check_proof(proved.data, KEYS, COUNTER)


@pytest.mark.parametrize("world", [HONEST, NO_RECORDS])
@pytest.mark.parametrize(
    ("head", "what"),
    [
        (WRONG_ROOT, f"signs root {'72' * 32}, that of no records is {EMPTY_ROOT.hex()}"),
        (
            WRONG_STATE,
            f"signs state {'73' * 32}, the rules yield {state_digest(HONEST.dumps[0]).hex()}",
        ),
        (WRONG_RULES, "signs that rules 2 are in force, the rules yield 1"),
    ],
)
def test_a_false_head_of_no_records_is_fraud(head: SignedHead, what: str, world: World) -> None:
    found = checked(of_none(head, world))
    claim = f"{ORIGIN} signed what the rules do not yield, at 0: the head {what}"
    assert claim == found.claim
    assert (0, 0, 0) == tuple(found.facts[name] for name in ("size", "start", "seq"))


def test_a_false_root_of_no_records_is_shown_without_the_machine() -> None:
    proved = prove_fraud(HONEST.source(), KEYS, WRONG_ROOT, None, "machine that nobody has")
    assert "fraud" == check_proof(proved.data, KEYS).kind


@pytest.mark.parametrize("head", [TRUE, BARE])
def test_a_true_head_of_no_records_is_no_fraud(head: SignedHead) -> None:
    with pytest.raises(NotProved, match="the rules yield all that the head of 0 signs"):
        of_none(head)


@pytest.mark.parametrize("differs", WRONG)
def test_two_heads_of_no_records_that_differ_contradict_each_other(differs: str) -> None:
    found = checked(prove_equivocation(None, KEYS, WRONG[differs], TRUE))
    assert found.claim.endswith(f"cannot both be true: they differ in {differs}")


@pytest.mark.parametrize("size", [1, 7, COUNT])
def test_a_false_root_of_no_records_contradicts_every_larger_head(size: int) -> None:
    for heads in ((WRONG_ROOT, HONEST.signed(size)), (HONEST.signed(size), WRONG_ROOT)):
        found = checked(prove_equivocation(None, KEYS, *heads))
        assert found.claim.endswith("they differ in records")
        assert (0, size) == (found.facts["first_size"], found.facts["second_size"])


@pytest.mark.parametrize("none", [TRUE, BARE, WRONG_STATE, WRONG_RULES])
def test_the_true_root_of_no_records_contradicts_no_larger_head(none: SignedHead) -> None:
    with pytest.raises(NotProved, match="the heads agree: one history has both"):
        prove_equivocation(HONEST.source(), KEYS, none, LAST)
    for root in (b"", none.head.root, b"x" * 32, LAST.head.root):
        for path in ((), (root,)):
            proof = EquivocationProof(none.note, LAST.note, root, path)
            with pytest.raises(LockstepError):
                check_proof(pack_proof(proof), KEYS)


def test_every_head_continues_a_true_one_of_no_records_and_none_a_false_one() -> None:
    for size, claim in ((COUNT, f"and {COUNT} then"), (0, "and none then")):
        proved = prove_consistency(HONEST.source(), KEYS, TRUE, HONEST.signed(size))
        assert f"{ORIGIN} signed no records first, {claim}" == checked(proved).claim
    for head in (LAST, WRONG_ROOT):
        with pytest.raises(NotProved, match=f"head of 0: expected its root {'72' * 32}"):
            prove_consistency(HONEST.source(), KEYS, WRONG_ROOT, head)


def test_fraud_from_a_head_of_no_records_begins_at_genesis() -> None:
    last = FORGETFUL.signed(COUNT)
    proved = prove_fraud(FORGETFUL.source(), KEYS, last, TRUE, COUNTER)
    assert prove_fraud(FORGETFUL.source(), KEYS, last, None, COUNTER) == proved
    assert (0, FORGETFUL_AT) == tuple(checked(proved).facts[name] for name in ("start", "seq"))
    with pytest.raises(NotProved, match="prove that the heads contradict each other"):
        prove_fraud(FORGETFUL.source(), KEYS, last, WRONG_ROOT, COUNTER)
    for old in (TRUE, LAST):
        with pytest.raises(NotProved, match="expected no head before one of 0"):
            prove_fraud(HONEST.source(), KEYS, WRONG_STATE, old, COUNTER)


def test_a_proof_of_no_records_has_one_form() -> None:
    proof = unpack_proof(of_none(WRONG_STATE).data)
    assert isinstance(proof, FraudProof)
    for fields, sentence in (
        ({"records": HONEST.raws[:1]}, "expected records up to 0, found them up to 1"),
        ({"dump": HONEST.dumps[0]}, "expected no dump and no peaks from genesis"),
        ({"old_head": TRUE.note}, "expected no earlier head from genesis"),
        ({"old_head": LAST.note}, "expected no head before one of 0, found one of 25"),
    ):
        with pytest.raises(LockstepError, match=sentence):
            check_proof(pack_proof(msgspec.structs.replace(proof, **fields)), KEYS, COUNTER)
    other = EquivocationProof(WRONG_ROOT.note, LAST.note, EMPTY_ROOT, (b"p" * 32,))
    with pytest.raises(DamagedError, match="expected no path"):
        check_proof(pack_proof(other), KEYS)


@pytest.mark.parametrize("seq", [-1, 0, 1])
def test_no_record_stands_under_a_head_of_none(seq: int) -> None:
    with pytest.raises(NotProved, match=f"asked for {seq}: a head of 0 has none"):
        prove_inclusion(HONEST.source(), KEYS, TRUE, seq)


@pytest.mark.parametrize("differs", WRONG)
def test_a_stream_with_a_false_head_of_no_records_diverges_there(differs: str) -> None:
    verdict = validate(HONEST.source(heads=[WRONG[differs]]), Options(machine=COUNTER, keys=KEYS))
    assert (Status.DIVERGED, 0) == (verdict.status, verdict.seq)
    assert "the head of 0 signs" in verdict.message
    true = validate(HONEST.source(heads=[TRUE]), Options(machine=COUNTER, keys=KEYS))
    assert (Status.OK, True) == (true.status, "signed heads: 1" in true.message)


def test_nothing_is_signed_after_a_false_head_of_no_records(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", COUNT)
    (tmp_path / "heads").mkdir()
    heads = HeadDirectory(tmp_path / "heads")
    heads.path(0).write_bytes(WRONG_ROOT.note)
    with (
        open_reader(tmp_path / "journal") as journal,
        pytest.raises(DivergedError, match="the first 0 records are not those"),
    ):
        publish_heads(journal, COUNTER, KEY, heads)
    heads.path(0).write_bytes(TRUE.note)
    with open_reader(tmp_path / "journal") as journal:
        assert [COUNT] == publish_heads(journal, COUNTER, KEY, heads).new_sizes
