"""Ids are functions of what they name, and two names never give one id."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from lockstep_desk import InvalidValueError, ids

ROOT = Path(__file__).parents[3]
DEPLOYMENT = ids.deployment_id("momentum", "a" * 64, 0)


def all_ids() -> list[str]:
    return [
        ids.strategy_id("momentum"),
        ids.version_id(b"code"),
        DEPLOYMENT,
        ids.client_order_id(DEPLOYMENT, "BTC-PERP", 1),
        ids.client_order_id(None, "BTC-PERP", 1),
        ids.position_id("7", "BTC-PERP", DEPLOYMENT, 12),
        ids.fill_id(12, 1),
        ids.idempotency_key("7|BTC-PERP||12", "close", 0),
        ids.repair_id("exit", "12-1", "7|BTC-PERP||12"),
    ]


def test_ids_are_pinned() -> None:
    assert [
        "31435132-c436-54be-9dd5-2bc62505b8fa",
        "5694d08a2e53ffcae0c3103e5ad6f6076abd960eb1f8a56577040bc1028f702b",
        "64b86286-f174-5028-bf02-7cf63eaf39f8",
        "NRDUOLP23JX3WDKBPGJASXH",
        "R4WJHFSONCRYOB2WNNNHQIL",
        "7|BTC-PERP|64b86286-f174-5028-bf02-7cf63eaf39f8|12",
        "12-1",
        "0f55a498bdca307021f28c66475cf1bcf1c84803b3a408560a1c7ef239e589cf",
        "cde3144cbe2ba3ecfaf1fa7227f725c41b88fb8062ec4643d9fb6fa681151ea1",
    ] == all_ids()


@pytest.mark.desk("DESK-45")
def test_another_process_makes_the_same_ids() -> None:
    path = ":".join(str(ROOT / folder) for folder in ("desk", "engine", "."))
    code = f"import runpy;print(runpy.run_path({str(Path(__file__))!r})['all_ids']())"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": path, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert str(all_ids()) == done.stdout.strip()


def test_deployments_and_strategies_have_uuids_of_version_5() -> None:
    namespace = uuid.UUID(bytes=ids._NAMESPACE)
    assert str(uuid.uuid5(namespace, "strategy|momentum")) == ids.strategy_id("momentum")
    assert str(uuid.uuid5(namespace, f"deployment|momentum|{'a' * 64}|0")) == DEPLOYMENT


@pytest.mark.desk("DESK-45")
def test_a_client_order_id_has_23_letters_and_digits_and_its_own_order() -> None:
    known = {
        ids.client_order_id(owner, instrument, ordinal)
        for owner in (None, DEPLOYMENT, "d")
        for instrument in ("A", "B", "AB")
        for ordinal in range(500)
    }
    assert 3 * 3 * 500 == len(known)
    assert {23} == {len(one) for one in known}
    assert set("".join(sorted(known))) == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def test_base32_is_that_of_rfc_4648() -> None:
    import base64
    import hashlib

    digest = hashlib.sha256(b"d|A|0").digest()
    assert base64.b32encode(digest)[:23].decode() == ids.client_order_id("d", "A", 0)


@pytest.mark.desk("RECON-43")
def test_two_partial_closes_of_one_position_have_two_keys() -> None:
    position = ids.position_id("7", "BTC-PERP", DEPLOYMENT, 12)
    first, second = (ids.idempotency_key(position, "close", ordinal) for ordinal in (0, 1))
    assert first != second
    assert first == ids.idempotency_key(position, "close", 0)
    assert first != ids.idempotency_key(position, "open", 0)
    assert 64 == len(first)


@pytest.mark.desk("RECON-43")
def test_parts_that_hold_the_separator_are_refused() -> None:
    for make in (
        lambda: ids.strategy_id("a|b"),
        lambda: ids.deployment_id("a|b", "c", 0),
        lambda: ids.deployment_id("a", "b|c", 0),
        lambda: ids.client_order_id("a|b", "c", 0),
        lambda: ids.client_order_id(None, "b|c", 0),
        lambda: ids.position_id("a|b", "c", None, 0),
        lambda: ids.idempotency_key("a", "b|c", 0),
        lambda: ids.repair_id("a|b", "c"),
    ):
        with pytest.raises(InvalidValueError, match=r"expected a text without '\|', found"):
            make()


def test_evidence_may_hold_the_separator_and_never_runs_together() -> None:
    assert ids.repair_id("exit", "a|b") != ids.repair_id("exit", "a", "b")
    assert ids.repair_id("exit", "a|1:b") != ids.repair_id("exit", "a", "b")
    assert ids.repair_id("exit", "a", "b") != ids.repair_id("exit", "b", "a")


@pytest.mark.parametrize("ordinal", [-1, True, 1.0, "1", None, 2**63])
def test_an_ordinal_is_a_small_positive_integer(ordinal: int) -> None:
    with pytest.raises(InvalidValueError, match="ordinal: expected an integer"):
        ids.client_order_id("d", "A", ordinal)


@pytest.mark.parametrize("name", ["", None, 5, b"x"])
def test_a_name_is_a_text_that_is_not_empty(name: str) -> None:
    with pytest.raises(InvalidValueError, match="name: expected a text that is not empty"):
        ids.strategy_id(name)


def test_text_that_utf8_cannot_write_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="UTF-8"):
        ids.strategy_id("\ud800")


def test_code_is_bytes() -> None:
    with pytest.raises(InvalidValueError, match="code: expected bytes, found 'text'"):
        ids.version_id("text")  # type: ignore[arg-type]  # what a caller without checks may do
