"""The ledger of processed messages: each key has one effect."""

import msgspec
import pytest

from lockstep_desk import InvalidValueError
from lockstep_desk.recon import Answer, Ledger, Message, Verdict, payload_hash


def message(ordinal: int = 0, payload: object = "sell 5", open_seq: int = 3) -> Message:
    name = f"acc|BTC|alpha|{open_seq}"
    return Message(name, "acc|BTC", open_seq, "exit", ordinal, payload_hash(payload), "c-1")


@pytest.mark.desk("RECON-40", "RECON-42")
def test_a_message_has_its_effect_once() -> None:
    ledger = Ledger()
    assert Verdict.NEW is ledger.admit(message(), 1).verdict
    assert Verdict.PENDING is ledger.admit(message(), 2).verdict


@pytest.mark.desk("RECON-45", "I7")
def test_a_repeated_message_gets_the_first_outcome() -> None:
    ledger = Ledger()
    ledger.settle(ledger.admit(message(), 1).key, "sent c-1")
    assert Answer(Verdict.REPEATED, message().key, "sent c-1") == ledger.admit(message(), 2)


@pytest.mark.desk("RECON-45")
def test_a_key_with_another_payload_is_an_error() -> None:
    ledger = Ledger()
    ledger.settle(ledger.admit(message(), 1).key, "sent c-1")
    assert Verdict.CONFLICT is ledger.admit(message(payload="sell 6"), 2).verdict
    assert Verdict.REPEATED is ledger.admit(message(), 3).verdict


@pytest.mark.desk("RECON-43")
def test_two_partial_closes_of_a_position_are_two_messages() -> None:
    ledger = Ledger()
    for ordinal in (0, 1):
        assert Verdict.NEW is ledger.admit(message(ordinal), 1).verdict
    assert message(0).key != message(1).key


@pytest.mark.desk("RECON-43")
def test_a_key_is_a_function_of_what_it_names() -> None:
    assert message().key == message().key
    keys = {message(n, open_seq=seq).key for n in range(3) for seq in range(3)}
    assert 9 == len(keys)


@pytest.mark.desk("RECON-44")
def test_after_a_restart_intents_without_outcome_are_still_known() -> None:
    ledger = Ledger()
    ledger.settle(ledger.admit(message(0), 1).key, "sent")
    ledger.admit(message(1), 2)
    again = Ledger(ledger.entries.values())
    assert [(message(1).key, "c-1")] == [
        (entry.key, entry.message.client_order_id) for entry in again.pending()
    ]
    assert Verdict.PENDING is again.admit(message(1), 3).verdict
    assert Verdict.REPEATED is again.admit(message(0), 3).verdict


@pytest.mark.desk("RECON-44")
def test_looking_up_changes_nothing() -> None:
    ledger = Ledger()
    assert Verdict.NEW is ledger.consult(message()).verdict
    assert Verdict.NEW is ledger.consult(message()).verdict


def test_an_outcome_does_not_change() -> None:
    ledger = Ledger()
    key = ledger.admit(message(), 1).key
    assert ledger.settle(key, "sent") == ledger.settle(key, "sent")
    with pytest.raises(InvalidValueError, match="expected 'sent' again, found 'failed'"):
        ledger.settle(key, "failed")


def test_an_outcome_of_an_unknown_message_is_an_error() -> None:
    with pytest.raises(InvalidValueError, match="expected that of an entered message"):
        Ledger().settle("key", "sent")


@pytest.mark.desk("RECON-46")
def test_messages_of_ended_positions_are_forgotten_and_stay_without_effect() -> None:
    ledger = Ledger()
    key = ledger.admit(message(open_seq=3), 1).key
    ledger.settle(key, "sent")
    assert (key,) == ledger.forget("acc|BTC", 4)
    assert {} == ledger.entries
    assert Verdict.EXPIRED is ledger.admit(message(open_seq=3), 2).verdict
    assert Verdict.NEW is ledger.admit(message(open_seq=4), 3).verdict


@pytest.mark.desk("RECON-46")
def test_an_intent_without_outcome_is_not_forgotten() -> None:
    ledger = Ledger()
    ledger.admit(message(open_seq=3), 1)
    assert () == ledger.forget("acc|BTC", 4)
    assert Verdict.PENDING is ledger.admit(message(open_seq=3), 2).verdict


def test_forgetting_one_line_leaves_the_others() -> None:
    ledger = Ledger()
    ledger.settle(ledger.admit(message(), 1).key, "sent")
    assert () == ledger.forget("acc|ETH", 9)
    assert Verdict.REPEATED is ledger.admit(message(), 2).verdict


def test_forgetting_less_than_before_forgets_nothing_anew() -> None:
    ledger = Ledger()
    ledger.forget("acc|BTC", 9)
    ledger.forget("acc|BTC", 4)
    assert Verdict.EXPIRED is ledger.admit(message(open_seq=8), 1).verdict


@pytest.mark.desk("RECON-41", "RECON-45")
def test_the_payload_hash_tells_payloads_apart() -> None:
    assert payload_hash((1, "a")) == payload_hash((1, "a"))
    assert payload_hash((1, "a")) != payload_hash((1, "b"))


@pytest.mark.parametrize(
    ("field", "value"),
    [("position_id", ""), ("event_type", ""), ("payload_hash", ""), ("ordinal", -1)],
)
def test_a_message_that_names_nothing_is_an_error(field: str, value: object) -> None:
    with pytest.raises(InvalidValueError, match=field):
        msgspec.structs.replace(message(), **{field: value})
