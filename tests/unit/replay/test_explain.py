"""`lockstep replay at SEQ --account A`: what made an account's margin, if the machine can say."""

import json
from pathlib import Path

import pytest

from lockstep_engine.commands import (
    Command,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    ExchangeParams,
    GrantRole,
    OpenAccount,
    PlaceOrder,
    TradingLimits,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_engine.exchange import MACHINE, exchange_genesis, margin_report
from lockstep_journal import Sequencer, create
from lockstep_kernel import CannotRunError, initial
from lockstep_replay import explanation_of, recover, views_of
from tests.machines.counter import COUNTER, counter_genesis
from tests.machines.histories import write_journal
from tests.unit.journal.programs import Run, install_counter, run_command

ROOT, ALICE = b"r" * 32, b"a" * 32
START_NS = 1_767_225_600_000_000_000
NONCE = START_NS // 10**6
OPERATING = (
    GrantRole(ROOT, 15),
    CreateUnderlying("BTC", 10**11),
    UpdateIndexPrice("BTC", 10**8),
    CreateInstrument(1, "BTC-PERP", 10**6, 10**5, 10**8, TradingLimits()),
    UpdateMarkPrice(1, 10**8),
    OpenAccount(7, ALICE),
    Deposit(7, 10**9),
)
ORDERS = (PlaceOrder(1, 0, 90, 10), PlaceOrder(1, 0, 80, 5))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of an exchange with one account and two bids."""
    path = tmp_path_factory.mktemp("explain") / "j"
    genesis = exchange_genesis(ExchangeParams(ROOT, START_NS))
    with create(path, MACHINE, genesis) as owner:
        owner.claim()
        sequencer = Sequencer(initial(MACHINE, genesis), owner, lambda: 0)
        for number, action in enumerate((*OPERATING, *ORDERS)):
            signer, account = (ALICE, 7) if action in ORDERS else (ROOT, 0)
            command = Command(signer, NONCE + number, action, account)
            sequencer.submit([(START_NS, MACHINE.codec.encode(command))])
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_counter(tmp_path_factory.mktemp("site"))


@pytest.fixture
def replay(site: Path):
    def run(*arguments: object) -> Run:
        return run_command("lockstep_replay.cli:replay", arguments, [site])

    return run


LAST = len(OPERATING) + len(ORDERS)


def test_an_account_is_explained_as_tables(replay, directory: Path) -> None:
    run = replay("at", directory, LAST, "--account", 7)
    assert (0, "") == (run.code, run.err)
    assert f"after {LAST} at " in run.out
    for title in ("margin: 1", "position margin: 0", "open margin: 1", "orders: 2"):
        assert f"\n{title}\n" in run.out


def test_and_as_json(replay, directory: Path) -> None:
    document = json.loads(replay("at", directory, LAST, "--account", 7, "--json").out)
    state, _report = recover(directory, MACHINE)
    totals = margin_report(state, 7).totals
    (margin,) = document["margin"]
    assert (7, "STANDARD", totals.free_e6) == (
        margin["account"],
        margin["mode"],
        margin["free_e6"],
    )
    assert [(10, "BUY"), (5, "BUY")] == [
        (order["remaining_lots"], order["side"]) for order in document["orders"]
    ]
    assert state.hash.hex() == document["hash"]


def test_a_view_picks_one_table(replay, directory: Path) -> None:
    run = replay("at", directory, LAST, "--account", 7, "--view", "orders", "--json")
    assert ["hash", "orders", "seq", "ts_ns"] == sorted(run.json)
    run = replay("at", directory, LAST, "--account", 7, "--view", "book")
    assert 3 == run.code
    run.check_sentence("expected a view of margin, position margin", "found 'book'")


def test_earlier_states_are_explained_too(replay, directory: Path) -> None:
    run = replay("at", directory, LAST - 1, "--account", 7, "--json")
    assert 1 == len(run.json["orders"])


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("8", "expected an open account, found 8"),
        ("bob", "expected the number of an account, found 'bob'"),
        ("-7", "expected the number of an account, found '-7'"),
        ("²", "expected the number of an account, found"),
        ("", "expected the number of an account, found ''"),
    ],
)
def test_an_unknown_account_is_a_sentence(
    replay, directory: Path, account: str, words: str
) -> None:
    run = replay("at", directory, LAST, f"--account={account}")
    assert (3, "") == (run.code, run.out)
    run.check_sentence(words)


def test_a_machine_that_cannot_explain_says_so(replay, tmp_path: Path) -> None:
    write_journal(tmp_path / "j", 5)
    run = replay("at", tmp_path / "j", 5, "--account", 7)
    assert (3, "") == (run.code, run.out)
    run.check_sentence("expected a machine that can explain, found 'counter'")
    with pytest.raises(CannotRunError, match="found 'counter'"):
        explanation_of(initial(COUNTER, counter_genesis()), "7")


def test_asking_changes_nothing(directory: Path) -> None:
    state, _report = recover(directory, MACHINE)
    before = state.hash, views_of(state)
    assert explanation_of(state, "7") == explanation_of(state, "7")
    assert before == (state.hash, views_of(state))


def test_show_calls_numbers_by_their_names(replay, directory: Path) -> None:
    run = replay("show", directory, "--type", "OrderAccepted")
    lines = run.out.splitlines()
    assert 2 == sum(not line.startswith("\t") for line in lines)
    assert all("side=BUY, " in line and "tif=GTC, " in line for line in lines if "OrderAcc" in line)
    named = replay("show", directory, "--field", "side=BUY", "--type", "PlaceOrder").out
    assert run.out == named
    assert run.out == replay("show", directory, "--field", "side=0", "--type", "PlaceOrder").out


def test_show_of_a_type_that_is_not_there(replay, directory: Path) -> None:
    run = replay("show", directory, "--type", "OrderAcepted")
    assert 3 == run.code
    run.check_sentence("expected a type that a command or event here has, found 'OrderAcepted'")
    run = replay("show", directory, "--type", "AccountOpened", "--field", "side=SELL")
    assert (0, "") == (run.code, run.out)
    run.check_sentence("expected a record with side=SELL and AccountOpened, found none")
