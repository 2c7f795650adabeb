"""Bytes that are no canonical command are refused by decode, with a reason ("Bad input")."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from lockstep_engine.commands import (
    Batch,
    CancelOrder,
    Command,
    CreateInstrument,
    Deposit,
    PlaceOrder,
    SetTradingLimits,
    TradingLimits,
)
from lockstep_engine.exchange import MACHINE
from lockstep_kernel import (
    MalformedCommand,
    State,
    UnsupportedError,
    apply,
    sorted_records,
    verify,
)
from tests.support.examples import ALL_EXAMPLES, account_of
from tests.support.exchange import ALICE, BOB, CAROL, START_NS, key, root_of, standard_market

CODEC = MACHINE.codec
encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder().decode

EACH_EXAMPLE = pytest.mark.parametrize(
    "action", ALL_EXAMPLES, ids=lambda action: type(action).__name__
)
WRONG_FOR_INT: list[Any] = [
    None,
    True,
    False,
    1.0,
    float("nan"),
    float("inf"),
    "1",
    b"1",
    [],
    [1],
    {},
    2**62,
    -(2**62),
    2**63,
    2**64 - 1,
    -(2**63),
]
WRONG_FOR_BYTES: list[Any] = [None, True, 1, 1.0, "x" * 32, [], {}]
WRONG_FOR_TEXT: list[Any] = [None, True, 1, 1.0, b"BTC", [], {}, "x" * 65]
WRONG_FOR_BOOL: list[Any] = [None, 0, 1, 1.0, "true", b"\x01", []]
WRONG_FOR_ARRAY: list[Any] = [None, True, 1, 1.0, "x", b"x", {}, {"tag": 1}]


def command(action: Any, **fields: Any) -> Command:
    account = account_of(action)
    signer = root_of(account) if account else key("staff")
    return Command(signer, START_NS // 10**6 + 900, action, **({"account": account} | fields))


def refuse(body: bytes) -> str:
    """Decode what must be refused and return the reason."""
    with pytest.raises(MalformedCommand) as caught:
        CODEC.decode(START_NS, body)
    return str(caught.value)


def wrong_for(value: Any) -> list[Any]:
    """Return values of all other types, and integers out of bounds."""
    if isinstance(value, bool):
        return WRONG_FOR_BOOL
    if isinstance(value, int):
        return WRONG_FOR_INT
    if isinstance(value, bytes):
        return WRONG_FOR_BYTES
    return WRONG_FOR_TEXT if isinstance(value, str) else WRONG_FOR_ARRAY


def spoilt(plain: Any) -> Iterator[Any]:
    """Yield the plain arrays of a command with one value, at any depth, of a wrong type."""
    yield from wrong_for(plain)
    if isinstance(plain, list):
        for position, item in enumerate(plain):
            for changed in spoilt(item):
                yield [*plain[:position], changed, *plain[position + 1 :]]


def resized(plain: Any) -> Iterator[Any]:
    """Yield the plain arrays with one array longer or shorter, repeated items excepted."""
    if not isinstance(plain, list):
        return
    if not plain or not isinstance(plain[0], list):
        yield [*plain, 0]
        yield [*plain, None]
        yield plain[:-1]
    for position, item in enumerate(plain):
        for changed in resized(item):
            yield [*plain[:position], changed, *plain[position + 1 :]]


@EACH_EXAMPLE
def test_a_canonical_command_comes_back_as_it_was(action: Any) -> None:
    body = encode(command(action))
    found = CODEC.decode(START_NS, body)
    assert (START_NS, command(action), body) == (found.ts_ns, found.command, found.body)


@EACH_EXAMPLE
def test_a_value_of_a_wrong_type_is_refused(action: Any) -> None:
    for plain in spoilt(decode(encode(command(action)))):
        refuse(encode(plain))


@EACH_EXAMPLE
def test_a_missing_or_extra_field_is_refused(action: Any) -> None:
    for plain in resized(decode(encode(command(action)))):
        refuse(encode(plain))


@EACH_EXAMPLE
def test_a_cut_or_lengthened_body_is_refused(action: Any) -> None:
    body = encode(command(action))
    for end in range(len(body)):
        refuse(body[:end])
    for tail in (b"\x00", b"\xc0", body):
        refuse(body + tail)


@EACH_EXAMPLE
def test_an_unknown_tag_is_refused(action: Any) -> None:
    plain = decode(encode(command(action)))
    for tag in (0, -1, 23, 29, 35, 52, 255, 2**40, "Deposit", None):
        refuse(encode([*plain[:3], [tag, *plain[3][1:]], *plain[4:]]))
        refuse(encode([tag, *plain[1:]]))


@EACH_EXAMPLE
def test_a_command_written_as_a_map_is_refused(action: Any) -> None:
    fields = {"tag": 1} | {
        name: getattr(command(action), name) for name in Command.__struct_fields__
    }
    refuse(encode(fields))


def test_only_order_actions_may_stand_in_a_batch() -> None:
    order = [40, 1, 0, 90, 1, 0, 0, 0, 0, 0, b"", 0, 0]
    plain = decode(encode(command(Batch((PlaceOrder(1, 0, 90, 1),)))))
    assert [47, [order]] == plain[3]
    for inner in ([47, [order]], [46, 1, [], 0, 0, b""], [30, 1], [13, 1, 1], [11]):
        plain[3] = [47, [order, inner]]
        refuse(encode(plain))


def test_the_default_fields_must_be_written() -> None:
    """Trailing defaults decode without error; only the canonical form has them all."""
    plain = decode(encode(command(CancelOrder(1))))
    assert "not canonical" in refuse(encode([1, plain[1], plain[2], plain[3]]))
    order = decode(encode(command(PlaceOrder(1, 0, 90, 1))))
    order[3] = order[3][:5]
    assert "not canonical" in refuse(encode(order))


@pytest.mark.parametrize(
    ("canonical", "longer"),
    [
        (b"\x07", b"\xcc\x07"),
        (b"\x07", b"\xcd\x00\x07"),
        (b"\x07", b"\xce\x00\x00\x00\x07"),
        (b"\x07", b"\xcf" + bytes(7) + b"\x07"),
        (b"\x07", b"\xd0\x07"),
        (b"\x07", b"\xd3" + bytes(7) + b"\x07"),
    ],
)
def test_an_integer_written_longer_than_needed_is_refused(canonical: bytes, longer: bytes) -> None:
    body = encode(command(CancelOrder(7)))
    assert 1 == body.count(b"\x92\x29" + canonical)
    assert "not canonical" in refuse(body.replace(b"\x92\x29" + canonical, b"\x92\x29" + longer))


def test_lengths_written_longer_than_needed_are_refused() -> None:
    body = encode(command(CancelOrder(7), request_id=b"abc"))
    for canonical, longer in (
        (b"\xc4\x03abc", b"\xc5\x00\x03abc"),
        (b"\xc4\x03abc", b"\xc6\x00\x00\x00\x03abc"),
        (b"\x92\x29", b"\xdc\x00\x02\x29"),
    ):
        assert 1 == body.count(canonical)
        assert "not canonical" in refuse(body.replace(canonical, longer))
    text = encode(command(CreateInstrument(1, "BTC-PERP", 1, 1, 1, TradingLimits())))
    assert "not canonical" in refuse(text.replace(b"\xa8BTC-PERP", b"\xd9\x08BTC-PERP"))


def test_text_that_is_not_utf_8_is_refused() -> None:
    text = encode(command(CreateInstrument(1, "BTC-PERP", 1, 1, 1, TradingLimits())))
    for bad in (b"BTC-PER\xff", b"BTC-PE\xc0\x80", b"BTC-P\xed\xa0\x80", b"BTC-PER\xc3"):
        refuse(text.replace(b"BTC-PERP", bad))


@pytest.mark.parametrize(
    "fields",
    [
        {"signer": bytes(31)},
        {"signer": bytes(33)},
        {"signer": b""},
        {"request_id": bytes(33)},
        {"auth": bytes(1025)},
    ],
    ids=str,
)
def test_keys_ids_and_signatures_have_their_lengths(fields: dict[str, bytes]) -> None:
    good = {"signer": root_of(ALICE), "request_id": bytes(32), "auth": bytes(1024)}
    nonce = START_NS // 10**6
    CODEC.decode(START_NS, encode(Command(nonce=nonce, action=CancelOrder(1), **good)))
    refuse(encode(Command(nonce=nonce, action=CancelOrder(1), **(good | fields))))


def test_deep_nesting_is_refused() -> None:
    for depth in (10, 1_000, 100_000, 1_000_000):
        refuse(b"\x91" * depth)
        refuse(b"\x91" * depth + b"\x00")
        refuse(b"\x81\x00" * (depth // 2))
    body = encode(command(CancelOrder(7)))
    refuse(body.replace(b"\x92\x29\x07", b"\x92\x29" + b"\x91" * 100_000 + b"\x07"))


def test_declared_lengths_that_nothing_backs_are_refused() -> None:
    for head in (b"\xdd", b"\xdf", b"\xc6", b"\xdb", b"\xc9"):
        refuse(head + b"\xff\xff\xff\xff")


def test_a_body_above_a_megabyte_is_refused_before_it_is_decoded() -> None:
    batch = encode(command(Batch((CancelOrder(2**61),) * 100_000)))
    assert len(batch) > 2**20
    assert "at most 1048576 bytes" in refuse(batch)
    assert "at most" in refuse(bytes(2**20 + 1))
    assert "at most" not in refuse(bytes(2**20))


@pytest.mark.parametrize("body", [b"", b"\x00", b"\xc0", b"\x90", b"\x91\x01", b"\xc1", bytes(64)])
def test_scraps_are_refused(body: bytes) -> None:
    refuse(body)


@pytest.mark.parametrize("ts_ns", [-1, 2**62, 2**64, True, 1.0, None, "1"])
def test_a_time_that_is_none_is_refused(ts_ns: Any) -> None:
    with pytest.raises(MalformedCommand, match="expected ts_ns"):
        CODEC.decode(ts_ns, encode(command(CancelOrder(1))))


@pytest.mark.parametrize(
    "wrong",
    [
        Command("x" * 32, 1, CancelOrder(1)),  # type: ignore[arg-type]  # wrong on purpose
        Command(root_of(ALICE), True, CancelOrder(1)),
        Command(root_of(ALICE), 1.5, CancelOrder(1)),  # type: ignore[arg-type]  # wrong on purpose
        Command(root_of(ALICE), 2**70, CancelOrder(1)),
        Command(root_of(ALICE), 1, None),  # type: ignore[arg-type]  # wrong on purpose
        Command(root_of(ALICE), 1, Deposit(1, 2**62)),
        Command(root_of(ALICE), 1, SetTradingLimits(1, None)),  # type: ignore[arg-type]  # the same
        CancelOrder(1),
        None,
    ],
    ids=range(9),
)
def test_a_command_built_with_wrong_types_is_not_sequenced(wrong: Any) -> None:
    with pytest.raises(MalformedCommand):
        CODEC.sequence(START_NS, wrong)


# Whole bodies, byte by byte


def busy_state() -> State:
    market = standard_market(MACHINE)
    market.bid(ALICE, 90, 10, client_id=1)
    market.ask(ALICE, 110, 10)
    market.bid(CAROL, 91, 5)
    market.ask(BOB, 111, 5)
    return market.state


@EACH_EXAMPLE
def test_a_flipped_byte_is_refused_or_is_another_command(action: Any) -> None:
    """Whatever decodes is canonical, and apply answers it."""
    body = encode(command(action))
    state = busy_state()
    for position in range(len(body)):
        for flip in (0x01, 0x10, 0x80, 0xFF):
            changed = body[:position] + bytes([body[position] ^ flip]) + body[position + 1 :]
            state = answer(state, changed)
    verify(state)


def answer(state: State, body: bytes) -> State:
    try:
        found = CODEC.decode(START_NS, body)
    except MalformedCommand:
        return state
    assert body == found.body == CODEC.encode(found.command)
    try:
        following, events, _hash = apply(state, found)
    except UnsupportedError:
        return state
    assert events
    assert list(events) == CODEC.decode_events(CODEC.encode(events))
    return following


def test_what_decode_refuses_never_reaches_a_state() -> None:
    """The state is not a party to decoding: its records are the same before and after."""
    state = busy_state()
    before = (state.seq, state.hash, sorted_records(state))
    for plain in spoilt(decode(encode(command(PlaceOrder(1, 0, 90, 1))))):
        refuse(encode(plain))
    assert before == (state.seq, state.hash, sorted_records(state))
