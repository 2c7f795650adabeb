"""The records of the state digest, and the clocks, as the table of docs/rules.md says.

One story makes a record of every kind; all of them are written down here in full.
"""

import struct

import msgspec
import pytest
from xxhash import xxh3_64_intdigest

from lockstep_engine.commands import (
    AuthorizeAgent,
    CancelOrder,
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    FundInsurance,
    GrantRole,
    MarginRates,
    OpenAccount,
    PlaceOrder,
    PortfolioModel,
    RiskScenario,
    SetFeeSchedule,
    SetMarginMode,
    SetMarginModel,
    SetMmpConfig,
    SetPortfolioModel,
    TradingLimits,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
)
from lockstep_kernel import Machine, Record, dump, load, sorted_records
from tests.support.exchange import DAY_NS, ROOT, STAFF, START_NS, Exchange, bare_exchange, key

A, B, AGENT = key("a"), key("b"), key("agent")
LINEAGE = bytes(range(16))
MS = START_NS // 10**6
SELL = PlaceOrder(7, 1, 100, 5, 1, 0, 8, 2, 9, LINEAGE, START_NS + 50 * 10**9, 1)
POINTS = ((90_000_000, 600_000_000), (100_000_000, 500_000_000))
RATES = MarginRates(20_000_000, 1, 2, 3, 4, 5, 6, 7, 8)
SECOND_NS = 10**9
LATE_NS = START_NS + SECOND_NS
"""When SOL expires and the story ends."""

EXPIRES_NS = START_NS + 50 * SECOND_NS
MODEL = PortfolioModel(
    (RiskScenario(900_000_000, 0, 1_100_000_000, 10**9), RiskScenario(10**9, 3, 1, 2)),
    *(11, 12, 13, 14, 60 * 10**9 + 15, 16, 17, -18, 19, -20, 10**6 + 21, 22, 23, -24),
    *(25, 26, 27, 28, 10**9 + 29, 10**6 + 30, 31, 32, 33, 34, 35, 36, 37, 38, 38, 40),
)
LIMITS = TradingLimits(1, 1_000, 1, 1, 100, 0, 1_000, 10, 0, 20)


def nonces(*offsets: int) -> bytes:
    return b"".join(struct.pack("<q", MS + offset) for offset in offsets)


def payload(action: msgspec.Struct) -> int:
    return xxh3_64_intdigest(msgspec.msgpack.encode(action)) >> 3


def tell(machine: Machine) -> Exchange:
    """Tell the story: Bob sells Alice 3 of 5 lots at 100 under MMP, with fees of 2 and 5 bps.

    ETH has two prices in the window of an expiry, one second apart; SOL expires at its only price.
    """
    exchange = bare_exchange(machine)
    exchange.do(GrantRole(STAFF, 15), nonce=MS)
    staff = [
        CreateUnderlying("BTC", 10**9, 0),
        CreateInstrument(7, "BTC-25DEC26", 10**6, 10**5, 10**8, LIMITS, True),
        UpdateIndexPrice("BTC", 10**8),
        UpdateMarkPrice(7, 101 * 10**6),
        UpdateVolSurface("BTC", START_NS + DAY_NS, 10**8, POINTS),
        SetFeeSchedule(4, 1, -2, 3, -4, 5, 6),
        SetMarginModel("BTC", RATES),
        SetPortfolioModel("BTC", MODEL),
        OpenAccount(1, A, 3),
        OpenAccount(2, B),
        Deposit(1, 1_000_000),
        Deposit(2, 2_000_000),
        FundInsurance(70),
        CreateUnderlying("ETH", 10**9, 60, 7),
        UpdateIndexPrice("ETH", 5),
        CreateUnderlying("SOL", 10**9, 1, 0),
        CreateInstrument(8, "SOL-PERP", 10**6, 10**5, 10**8, LIMITS),
        CreateInstrument(9, "SOL-20260101", 10**6, 10**5, 10**8, LIMITS),
        UpdateIndexPrice("SOL", 11),
        UpdateFundingRate(8, -5, 3_600),
    ]
    for number, action in enumerate(staff):
        exchange.do(action, nonce=MS + number)
    exchange.do(AuthorizeAgent(AGENT), 1, signer=A, nonce=MS + 5)
    exchange.do(SetMarginMode(1), 1, signer=A, nonce=MS + 6)
    exchange.do(SetMmpConfig("BTC", 1_000, 0, 10**9, 0, 5, 1), 2, signer=B, nonce=MS + 5)
    exchange.do(SELL, 2, signer=B, nonce=MS + 6, request_id=b"sell")
    exchange.do(PlaceOrder(7, 0, 100, 3), 1, signer=AGENT, nonce=MS + 2, at=START_NS + 7)
    exchange.send(CancelOrder(77), 1, signer=AGENT, nonce=MS + 1, request_id=b"no")
    exchange.do(UpdateIndexPrice("ETH", 6), nonce=MS + 20, at=LATE_NS)
    return exchange


EXPECTED: list[Record] = [
    (1, 1, A, 3, 0, 999_850, 1, 0),
    (1, 2, B, 0, 0, 1_999_940, 0, 0),
    (2, (1, AGENT)),
    (3, STAFF, 15),
    (4, A, -1, nonces(5, 6)),
    (4, AGENT, -1, nonces(1, 2)),
    (4, B, -1, nonces(5, 6)),
    (4, ROOT, -1, nonces(0)),
    (4, STAFF, -1, nonces(*range(21))),
    (5, (1, b"no"), payload(CancelOrder(77)), 414, 0, 2),
    (5, (2, b"sell"), payload(SELL), 0, 1, 1),
    (6, "BTC", 10**9, 0, 30, 10**8, 20_000_000, 1, 2, 3, 4, 5, 6, 7, 8),
    (6, "ETH", 10**9, 60, 7, 6, *msgspec.structs.astuple(MarginRates())),
    (6, "SOL", 10**9, 1, 0, 11, *msgspec.structs.astuple(MarginRates())),
    (
        *(7, 7, "BTC-20261225", 10**6, 10**5, 10**8, True, 1),
        *(1, 1_000, 1, 1, 100, 0, 1_000, 10, 0, 20, 1_000),
    ),
    (
        *(7, 8, "SOL-PERP", 10**6, 10**5, 10**8, False, 1),
        *(1, 1_000, 1, 1, 100, 0, 1_000, 10, 0, 20, 1_000),
    ),
    (
        *(7, 9, "SOL-20260101", 10**6, 10**5, 10**8, False, 4),
        *(1, 1_000, 1, 1, 100, 0, 1_000, 10, 0, 20, 1_000),
    ),
    (8, 7, 2),
    (9, 1, 2, 7, 1, 100, 5, 2, 1, 8, 2, 9, LINEAGE, EXPIRES_NS, 1, 0, 1, 2_100),
    (10, (1, 7), 3, 300_000),
    (10, (2, 7), -3, -300_000),
    (
        *(11, 0, 200_000, 500_000, 200_000, 500_000, 125_000_000, 0),
        *(150_000, 125_000_000, 10_000_000, 300_000),
    ),
    (11, 4, 1, -2, 3, -4, 5, 6, 150_000, 125_000_000, 10_000_000, 300_000),
    (12, 0, 210, 3_000_070, 70),
    (13, 7, 101 * 10**6, START_NS, 10**9, 0, 0, 0),
    (13, 9, 11, LATE_NS, 0, 0, 0, 0),
    (14, ("BTC", START_NS + DAY_NS), 10**8, POINTS),
    (15, (2, "BTC"), 1_000, 0, 10**9, 0, 5, 1, 0, 2),
    (16, (2, "BTC", 1), START_NS + 7, 7, -3, 10**9, 0),
    (
        *(17, "BTC", ((900_000_000, 0, 1_100_000_000, 10**9), (10**9, 3, 1, 2))),
        *(11, 12, 13, 14, 60 * 10**9 + 15, 16, 17, -18, 19, -20, 10**6 + 21, 22, 23, -24),
        *(25, 26, 27, 28, 10**9 + 29, 10**6 + 30, 31, 32, 33, 34, 35, 36, 37, 38, 38, 40),
    ),
    (
        *(18, "ETH", START_NS + 60 * SECOND_NS, START_NS, LATE_NS, 2),
        (5 * SECOND_NS).to_bytes(16, "big"),
    ),
    (19, ("SOL", LATE_NS), 11, 1, True),
    (20, 8, -5, 3_600),
]


def test_every_kind_of_record_has_its_fields_in_order(machine: Machine) -> None:
    """The reserve of the sale: a fee of 250 and 5,000 below the mark, of which 3/5 are released."""
    assert EXPECTED == tell(machine).records()


def test_the_clocks_are_packed_in_the_frame_of_the_hash(machine: Machine) -> None:
    expected = struct.pack(">qIQQQQ", LATE_NS, 1, 3, 2, 2, 3)
    assert expected == tell(machine).state.core.clocks()


def test_the_numbers_of_records_have_no_other_type_than_their_encoding(machine: Machine) -> None:
    """A record is plain data: encoded and decoded it is itself, with lists for tuples."""
    for record in tell(machine).records():
        encoded = msgspec.msgpack.encode(record)
        assert msgspec.msgpack.encode(msgspec.msgpack.decode(encoded)) == encoded


def test_a_snapshot_loads_to_the_same_records_and_goes_on_alike(machine: Machine) -> None:
    exchange = tell(machine)
    loaded = load(machine, exchange.state.genesis, dump(exchange.state))
    assert EXPECTED == sorted_records(loaded)
    twin = exchange.fork()
    twin.state = loaded
    command = exchange.command(PlaceOrder(7, 0, 100, 2), 1, signer=A)
    assert exchange.apply(command) == twin.apply(command)
    assert exchange.state.hash == twin.state.hash


@pytest.mark.parametrize("kind", range(1, 21))
def test_the_story_has_every_kind(kind: int) -> None:
    assert kind in {record[0] for record in EXPECTED}
