"""Each kind of proof holds for what it proves, and for nothing else."""

import msgspec
import pytest

from lockstep_kernel import (
    CannotRunError,
    DamagedError,
    LockstepError,
    NoteSignature,
    SignedNote,
    Tree,
    UnsupportedError,
    consistency_ranges,
    pack_note,
    range_roots,
)
from lockstep_validator import (
    Checked,
    Keys,
    NotProved,
    Proved,
    SignedHead,
    check_proof,
    prove_consistency,
    prove_equivocation,
    prove_fraud,
    prove_inclusion,
)
from lockstep_validator.evidence.proofs import (
    ConsistencyProof,
    EquivocationProof,
    FraudProof,
    InclusionProof,
    Proof,
    pack_proof,
    unpack_proof,
)
from lockstep_validator.report import readable
from tests.evidence.examples import framed, fraud, kinds
from tests.evidence.world import (
    COUNT,
    FORGETFUL,
    FORGETFUL_AT,
    HONEST,
    KEY,
    KEYS,
    ORIGIN,
    OTHER,
    World,
    key_of,
    sign,
    world,
)
from tests.machines.counter import COUNTER, ActivateRules, counter_genesis
from tests.machines.histories import sequenced


def forged(proof: Proof, **fields: object) -> bytes:
    return pack_proof(msgspec.structs.replace(proof, **fields))


def proof_of(proved: Proved) -> Proof:
    return unpack_proof(proved.data)


@pytest.mark.parametrize("seq", range(1, COUNT + 1))
def test_every_record_is_proved_to_stand_under_a_head(seq: int) -> None:
    proved = prove_inclusion(HONEST.source(), KEYS, HONEST.signed(COUNT), seq)
    checked = check_proof(proved.data, KEYS, COUNTER)
    assert "inclusion" == checked.kind
    assert f"record {seq} is one of the {COUNT} that {ORIGIN} signed" == checked.claim
    command = sequenced(COUNT)[seq - 1]
    assert command.body.hex() == checked.facts["body"]
    assert readable(command.command) == checked.facts["command"]


def test_a_record_is_proved_in_no_other_place_and_under_no_other_head() -> None:
    proof = proof_of(prove_inclusion(HONEST.source(), KEYS, HONEST.signed(COUNT), 7))
    for seq in (-1, 0, *range(1, 7), *range(8, COUNT + 2), 2**63):
        with pytest.raises(NotProved):
            check_proof(forged(proof, seq=seq), KEYS)
    for size in (7, 24):
        with pytest.raises(NotProved):
            check_proof(forged(proof, head=HONEST.signed(size).note), KEYS)
    with pytest.raises(NotProved, match="expected its root"):
        check_proof(forged(proof, record=OTHER.raws[6]), KEYS)


def test_a_leaf_that_is_no_record_is_not_proved_to_be_one() -> None:
    history = HONEST.with_raw(7, b"no record")
    with pytest.raises(NotProved, match="something else than a record"):
        prove_inclusion(history.source(), KEYS, history.signed(COUNT), 7)


@pytest.mark.parametrize("size", range(COUNT + 1))
def test_every_head_is_proved_to_continue_every_earlier_one(size: int) -> None:
    for old_size in range(size + 1):
        heads = HONEST.signed(size), HONEST.signed(old_size)
        proved = prove_consistency(HONEST.source(), KEYS, *heads)
        assert "consistency" == check_proof(proved.data, KEYS).kind


@pytest.mark.parametrize("old_size", [1, 4, 7, 24])
def test_a_head_is_not_proved_to_continue_one_of_another_history(old_size: int) -> None:
    with pytest.raises(NotProved, match="expected its root"):
        prove_consistency(HONEST.source(), KEYS, OTHER.signed(old_size), HONEST.signed(COUNT))


def test_heads_that_contradict_each_other_are_not_consistent() -> None:
    heads = HONEST.signed(COUNT), HONEST.signed(COUNT, state=b"s" * 32)
    with pytest.raises(NotProved, match="contradict each other: state"):
        prove_consistency(HONEST.source(), KEYS, *heads)


@pytest.mark.parametrize(
    ("differs", "fields"),
    [
        ("records", {"root": b"r" * 32}),
        ("state", {"state": b"s" * 32}),
        ("rules", {"rules_version": 3}),
        ("genesis", {"genesis": b"g" * 32, "size": 7}),
    ],
)
def test_two_heads_that_contradict_each_other_are_proved_without_records(
    differs: str, fields: dict[str, object]
) -> None:
    heads = HONEST.signed(COUNT, **fields), HONEST.signed(COUNT)
    proved = prove_equivocation(None, KEYS, *heads)
    assert proved == prove_equivocation(None, KEYS, *reversed(heads))
    assert check_proof(proved.data, KEYS).claim.endswith(f"differ in {differs}")


@pytest.mark.parametrize("old_size", range(1, COUNT))
def test_two_heads_of_different_sizes_and_histories_are_proved_with_records(old_size: int) -> None:
    heads = HONEST.signed(COUNT), OTHER.signed(old_size)
    proved = prove_equivocation(HONEST.source(), KEYS, *heads)
    assert "equivocation" == check_proof(proved.data, KEYS).kind
    with pytest.raises(NotProved, match="give the records"):
        prove_equivocation(None, KEYS, *heads)
    with pytest.raises(NotProved, match="not those that the head signs"):
        prove_equivocation(OTHER.source(), KEYS, *heads)


def test_an_honest_sequencer_is_accused_by_no_root_and_no_path() -> None:
    for size in range(1, COUNT + 1):
        for old_size in range(1, size + 1):
            first, second = HONEST.signed(old_size), HONEST.signed(size)
            with pytest.raises(NotProved):
                prove_equivocation(HONEST.source(), KEYS, first, second)
            path = tuple(range_roots(consistency_ranges(old_size, size), HONEST.raws))
            for root in (b"", first.head.root, b"x" * 32, *path):
                proof = EquivocationProof(first.note, second.note, root, path)
                with pytest.raises(LockstepError):
                    check_proof(pack_proof(proof), KEYS)


def test_heads_of_two_origins_prove_nothing_about_one() -> None:
    other = key_of(2, "exchange.example/test")
    keys = Keys([KEY.public, other.public])
    first = keys.opened(other.sign(HONEST.head(3, origin="exchange.example/test")))
    with pytest.raises(NotProved, match="expected heads of one origin"):
        prove_equivocation(None, keys, first, HONEST.signed(3, root=b"r" * 32))


def test_a_key_signs_for_its_own_origin_alone() -> None:
    other = key_of(2, "exchange.example/test")
    head = HONEST.head(3)
    line = NoteSignature(other.public.name, other.public.key_id, sign(2, head.as_text()))
    note = pack_note(SignedNote(head.as_text(), (line,)))
    with pytest.raises(NotProved, match="expected a signature of"):
        Keys([KEY.public, other.public]).opened(note)


def test_heads_of_one_origin_under_two_keys_are_of_one_sequencer() -> None:
    rotated = key_of(2)
    keys = Keys([KEY.public, rotated.public])
    second = keys.opened(rotated.sign(HONEST.head(3, root=b"r" * 32)))
    proved = prove_equivocation(None, keys, HONEST.signed(3), second)
    assert "equivocation" == check_proof(proved.data, keys).kind
    with pytest.raises(NotProved, match="expected a signature of"):
        check_proof(proved.data, KEYS)


@pytest.mark.parametrize("start", [0, 1, 8, FORGETFUL_AT - 1])
@pytest.mark.parametrize("size", [FORGETFUL_AT, COUNT])
def test_a_command_that_was_not_executed_is_proved_from_genesis_and_from_a_dump(
    start: int, size: int
) -> None:
    checked = check_proof(fraud(FORGETFUL, size, start).data, KEYS, COUNTER)
    assert ("fraud", FORGETFUL_AT, start) == (
        checked.kind,
        checked.facts["seq"],
        checked.facts["start"],
    )
    assert f"the head signs record {FORGETFUL_AT} with hash" in checked.claim


def test_fraud_in_the_state_that_a_dump_holds_is_proved_before_it_and_not_after_it() -> None:
    assert "fraud" == fraud(FORGETFUL, FORGETFUL_AT).checked.kind
    with pytest.raises(NotProved, match="the rules yield all"):
        fraud(FORGETFUL, COUNT, FORGETFUL_AT)


@pytest.mark.parametrize("start", range(COUNT))
def test_an_honest_sequencer_is_not_proved_to_be_a_fraud(start: int) -> None:
    with pytest.raises(NotProved, match="the rules yield all"):
        fraud(HONEST, COUNT, start)
    with pytest.raises(NotProved, match="the rules yield all"):
        fraud(HONEST, start + 1, start)


@pytest.mark.parametrize("start", [0, 5])
def test_a_state_or_rules_that_the_rules_do_not_yield_are_fraud(start: int) -> None:
    assert "signs state" in fraud(HONEST, COUNT, start, state=b"s" * 32).checked.claim
    checked = fraud(HONEST, COUNT, start, rules_version=1).checked
    assert checked.claim.endswith("the head signs that rules 1 are in force, the rules yield 2")


def test_a_head_without_a_state_says_nothing_of_it() -> None:
    with pytest.raises(NotProved, match="the rules yield all"):
        fraud(HONEST, COUNT, 5, has_state=False)


@pytest.mark.parametrize(
    ("expected", "history"),
    [
        ("with hash", HONEST.with_record(9, hash=b"h" * 16)),
        ("expected previous hash", HONEST.with_record(9, previous=b"p" * 16)),
        ("no canonical command", HONEST.with_record(9, body=b"\x93\x01")),
        ("expected time 80 or later", HONEST.with_record(9, ts_ns=5)),
        ("with hash", HONEST.with_record(9, ts_ns=85)),
        ("expected record 9, found record 8", HONEST.with_record(9, seq=8)),
        ("check does not match", HONEST.with_raw(9, HONEST.raws[8][:-1] + b"x")),
        ("bytes are too few", HONEST.with_raw(9, b"")),
    ],
)
@pytest.mark.parametrize("start", [0, 5, 8])
def test_signed_records_that_are_no_history_are_fraud(
    expected: str, history: World, start: int
) -> None:
    checked = fraud(history, COUNT, start).checked
    assert (9, True) == (checked.facts["seq"], expected in checked.claim), checked.claim


def test_epochs_that_fall_are_fraud() -> None:
    history = HONEST.with_record(9, epoch=2)
    assert "expected epoch 2 or later, found 1" in fraud(history).checked.claim


def test_a_signed_state_that_is_none_is_fraud() -> None:
    dumps = (*HONEST.dumps[:5], HONEST.dumps[5][:-1] + b"x", *HONEST.dumps[6:])
    history = World(HONEST.genesis, HONEST.raws, dumps, HONEST.rules)
    checked = fraud(history, COUNT, 5).checked
    assert "the state that the earlier head binds is none" in checked.claim
    moved = (*HONEST.dumps[:5], HONEST.dumps[6], *HONEST.dumps[6:])
    history = World(HONEST.genesis, HONEST.raws, moved, HONEST.rules)
    assert "expected its snapshot, found one of 6" in fraud(history, COUNT, 5).checked.claim


def test_an_earlier_head_of_another_history_is_no_start() -> None:
    tree = Tree()
    for raw in HONEST.raws[:7]:
        tree.append(raw)
    proof = FraudProof(
        genesis=msgspec.msgpack.encode(HONEST.genesis),
        old_head=OTHER.signed(7).note,
        dump=OTHER.dumps[7],
        peaks=tuple(tree.peaks),
        records=HONEST.raws[7:],
        head=HONEST.signed(COUNT).note,
    )
    with pytest.raises(NotProved, match="head of 7: expected its root"):
        check_proof(pack_proof(proof), KEYS, COUNTER)


def test_a_dump_of_another_state_is_not_the_one_that_the_head_binds() -> None:
    proof = proof_of(fraud(FORGETFUL, COUNT, 5))
    for dump in (b"", HONEST.dumps[6]):
        with pytest.raises(NotProved, match="the dump is not the state"):
            check_proof(forged(proof, dump=dump), KEYS, COUNTER)
    stateless = FORGETFUL.signed(5, has_state=False).note
    with pytest.raises(NotProved, match="the dump is not the state"):
        check_proof(forged(proof, old_head=stateless), KEYS, COUNTER)


def test_records_left_out_added_or_exchanged_are_not_those_of_the_head() -> None:
    for start in (0, 5):
        proof = proof_of(fraud(FORGETFUL, COUNT, start))
        assert isinstance(proof, FraudProof)
        records = proof.records
        for other in (
            (),
            records[1:],
            records[:-1],
            (*records, records[-1]),
            (records[1], records[0], *records[2:]),
            (*records[:3], OTHER.raws[start + 3], *records[4:]),
        ):
            with pytest.raises(NotProved, match="expected"):
                check_proof(forged(proof, records=other), KEYS, COUNTER)


def test_a_dump_that_the_source_does_not_hold_is_recomputed() -> None:
    source = FORGETFUL.file()
    heads = FORGETFUL.signed(COUNT), FORGETFUL.signed(8)
    proved = prove_fraud(source, KEYS, *heads, COUNTER)
    assert fraud(FORGETFUL, COUNT, 8) == proved
    with pytest.raises(NotProved, match="the dump is not the state"):
        prove_fraud(source, KEYS, FORGETFUL.signed(COUNT), FORGETFUL.signed(20), COUNTER)


def test_a_source_that_is_read_once_has_no_dump() -> None:
    heads = FORGETFUL.signed(COUNT), FORGETFUL.signed(8)
    with pytest.raises(CannotRunError, match="the source is read twice"):
        prove_fraud(FORGETFUL.source(), KEYS, *heads, COUNTER)


def test_rules_and_machines_that_this_release_lacks_say_nothing_of_the_signer() -> None:
    newer = HONEST.with_record(9, body=COUNTER.codec.encode(ActivateRules(3)))
    with pytest.raises(UnsupportedError, match="rules version 1 to 2"):
        fraud(newer)
    genesis = counter_genesis(rules_version=3)
    later = World(genesis, HONEST.raws, HONEST.dumps, HONEST.rules)
    with pytest.raises(UnsupportedError, match="rules version 1 to 2"):
        fraud(later)
    with pytest.raises(UnsupportedError, match="expected one of the machines"):
        prove_fraud(FORGETFUL.source(), KEYS, FORGETFUL.signed(COUNT), None)


def test_a_genesis_that_the_head_does_not_bind_proves_nothing() -> None:
    proof = proof_of(fraud(FORGETFUL))
    genesis = msgspec.msgpack.encode(counter_genesis(digest_every=2))
    with pytest.raises(NotProved, match="the genesis is not the one"):
        check_proof(forged(proof, genesis=genesis), KEYS, COUNTER)


def test_parameters_that_the_machine_refuses_are_fraud() -> None:
    genesis = msgspec.structs.replace(counter_genesis(), params=b"odd")
    history = World(genesis, HONEST.raws, HONEST.dumps, HONEST.rules)
    assert "the genesis has parameters that the machine refuses" in fraud(history).checked.claim


def test_bytes_moved_between_neighbouring_hashes_prove_nothing() -> None:
    proof = proof_of(fraud(FORGETFUL, COUNT, 7))
    assert isinstance(proof, FraudProof)
    one, other, *rest = proof.peaks
    moved = (one + other[:1], other[1:], *rest)
    with pytest.raises(NotProved, match="hashes of 32 bytes"):
        check_proof(forged(proof, peaks=moved), KEYS, COUNTER)


SMALL = kinds()


def refused(data: bytes) -> int:
    """Return the exit code of a file that must prove nothing, with one clear sentence."""
    with pytest.raises(LockstepError) as caught:
        check_proof(data, KEYS, COUNTER)
    assert len(str(caught.value)) > 20
    assert 0 != caught.value.exit_code
    return caught.value.exit_code


@pytest.mark.parametrize("kind", SMALL)
def test_every_flipped_byte_is_damage(kind: str) -> None:
    data = SMALL[kind].data
    for at in range(len(data)):
        for mask in (0x01, 0x80, 0xFF):
            code = refused(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])
            assert DamagedError.exit_code == code, (at, mask)


@pytest.mark.parametrize("kind", SMALL)
def test_a_flipped_byte_under_a_recomputed_check_proves_nothing(kind: str) -> None:
    data = SMALL[kind].data
    payload = data[24:-8]
    for at in range(len(payload)):
        for mask in (0x01, 0x80, 0xFF):
            refused(framed(payload[:at] + bytes([payload[at] ^ mask]) + payload[at + 1 :]))


@pytest.mark.parametrize("kind", SMALL)
def test_a_truncated_file_is_torn_and_a_longer_one_is_damaged(kind: str) -> None:
    data = SMALL[kind].data
    for size in range(len(data)):
        assert 4 == refused(data[:size])
    for more in (b"\0", b"\n", data):
        with pytest.raises(DamagedError, match=f"expected {len(data)} bytes"):
            check_proof(data + more, KEYS, COUNTER)
    assert 2 == refused(data[1:])


@pytest.mark.parametrize("kind", SMALL)
def test_bytes_left_out_or_doubled_inside_prove_nothing(kind: str) -> None:
    payload = SMALL[kind].data[24:-8]
    for at in range(len(payload)):
        refused(framed(payload[:at] + payload[at + 1 :]))
        refused(framed(payload[: at + 1] + payload[at:]))


@pytest.mark.parametrize("kind", SMALL)
def test_another_key_makes_no_proof_true(kind: str) -> None:
    for key in (key_of(2), key_of(1, "exchange.example/other")):
        with pytest.raises(NotProved, match="expected a signature of"):
            check_proof(SMALL[kind].data, Keys([key.public]), COUNTER)


def test_a_file_is_laid_out_as_documented() -> None:
    for proved in SMALL.values():
        assert proved.data == framed(proved.data[24:-8])
        assert proved.data == pack_proof(unpack_proof(proved.data))


def test_a_newer_format_is_unsupported_and_one_before_the_first_is_damage() -> None:
    import struct

    from xxhash import xxh3_64_digest

    for version, error, sentence in (
        (2, UnsupportedError, "expected format 1, found 2: run the release that has it"),
        (0, DamagedError, "expected format 1, found 0, which no release writes"),
    ):
        header = struct.pack(">7sBQ", b"LKPROOF", version, 0)
        data = header + xxh3_64_digest(header) + xxh3_64_digest(header)
        with pytest.raises(error, match=sentence):
            check_proof(data, KEYS)


def test_values_that_are_not_canonical_are_refused() -> None:
    payload = SMALL["equivocation of one size"].data[24:-8]
    with pytest.raises(DamagedError, match="not canonical"):
        check_proof(framed(payload[:-1] + b"\xdc\0\0"), KEYS)
    with pytest.raises(DamagedError):
        check_proof(framed(b""), KEYS)


def test_a_note_in_a_proof_has_one_signature() -> None:
    rotated = key_of(2)
    head = HONEST.signed(3)
    other_line = rotated.sign(head.head).partition(b"\n\n")[2]
    both = head.note + other_line
    assert head == KEYS.opened(both)
    proof = proof_of(SMALL["consistency"])
    with pytest.raises(DamagedError, match="expected one signature"):
        check_proof(forged(proof, old_head=both), KEYS)


def test_heads_of_an_equivocation_stand_in_one_order() -> None:
    proof = proof_of(SMALL["equivocation of one size"])
    assert isinstance(proof, EquivocationProof)
    turned = EquivocationProof(proof.second, proof.first, b"", ())
    with pytest.raises(DamagedError, match="in their order"):
        check_proof(pack_proof(turned), KEYS)
    twice = EquivocationProof(proof.first, proof.first, b"", ())
    with pytest.raises(DamagedError, match="in their order"):
        check_proof(pack_proof(twice), KEYS)


def test_parts_that_a_kind_does_not_use_are_empty() -> None:
    proof = proof_of(SMALL["equivocation of one size"])
    for fields in ({"root": b"r" * 32}, {"path": (b"r" * 32,)}):
        with pytest.raises(DamagedError, match="expected no path"):
            check_proof(forged(proof, **fields), KEYS)
    proof = proof_of(SMALL["fraud"])
    for fields in ({"dump": b"x"}, {"peaks": (b"r" * 32,)}):
        with pytest.raises(DamagedError, match="expected no dump and no peaks"):
            check_proof(forged(proof, **fields), KEYS, COUNTER)


def test_a_consistency_proof_has_the_smaller_head_first() -> None:
    with pytest.raises(NotProved, match="expected the smaller head first"):
        proof = ConsistencyProof(HONEST.signed(7).note, HONEST.signed(3).note, ())
        check_proof(pack_proof(proof), KEYS)


@pytest.mark.parametrize("size", [COUNT + 1, 40])
def test_a_source_with_too_few_records_cannot_be_proved_from(size: int) -> None:
    head = KEYS.opened(KEY.sign(HONEST.head(COUNT, size=size)))
    with pytest.raises(CannotRunError, match=f"expected records up to {size}, found them up to 25"):
        prove_inclusion(HONEST.source(), KEYS, head, 3)


def test_a_record_that_the_head_does_not_cover_is_not_proved() -> None:
    with pytest.raises(NotProved, match="expected a record from 1 to 7, asked for 8"):
        prove_inclusion(HONEST.source(), KEYS, HONEST.signed(7), 8)


def test_records_of_another_history_are_not_proved_under_a_head() -> None:
    for seq in (1, 7, COUNT):
        with pytest.raises(NotProved, match="not those that the head signs"):
            prove_inclusion(OTHER.source(), KEYS, HONEST.signed(COUNT), seq)
    with pytest.raises(NotProved, match="not those that the earlier head signs"):
        prove_fraud(OTHER.file(), KEYS, OTHER.signed(COUNT), HONEST.signed(7), COUNTER)


def test_an_inclusion_is_checked_without_a_machine() -> None:
    checked: Checked = check_proof(SMALL["inclusion"].data, KEYS)
    assert "command" not in checked.facts
    assert isinstance(proof_of(SMALL["inclusion"]), InclusionProof)


def test_commands_of_one_history_never_look_like_fraud_of_another_length() -> None:
    longer = world(sequenced(COUNT + 5))
    with pytest.raises(NotProved, match="the rules yield all"):
        fraud(longer, COUNT + 5, COUNT)


def test_a_signed_head_is_what_its_note_says() -> None:
    head: SignedHead = HONEST.signed(3)
    assert (3, ORIGIN) == (head.head.size, head.head.origin)
