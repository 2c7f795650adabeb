"""The machine under the kernel: genesis, fork, dump, load, records, totality."""

from typing import get_args

import msgspec
import pytest

from lockstep_engine.codes import Code, EntityKind
from lockstep_engine.commands import (
    Action,
    AuthorizeAgent,
    Batch,
    BlockLeg,
    CancelAll,
    CancelOrder,
    Command,
    ExchangeParams,
    FundInsurance,
    GrantRole,
    MassQuote,
    PlaceOrder,
    PortfolioModel,
    Quote,
    RevokeRole,
    RiskScenario,
    SetPortfolioModel,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateVolSurface,
)
from lockstep_engine.events import CommandRejected, OrderRejected
from lockstep_kernel import (
    DamagedError,
    Genesis,
    InvariantError,
    MalformedCommand,
    dump,
    initial,
    load,
    recomputed_digest,
    sorted_records,
    verify,
)
from lockstep_naive import MACHINE
from lockstep_naive.money import put_treasury, treasury_of
from lockstep_naive.rows import Funding, Position, Settlement
from lockstep_naive.symbols import DAY_NS, SECOND_NS
from tests.unit.naive.world import (
    BUY,
    CALL,
    FUTURE_EXPIRY_NS,
    NEAR_NS,
    PERP,
    ROOT,
    SELL,
    START_NS,
    USD,
    World,
    key,
    params,
)


def lively(**changes: int) -> World:
    """Return a world that has a record of every kind."""
    world = World(**changes)
    world.do(1, AuthorizeAgent(b"a" * 32))
    world.trade(1, 2, 100, 10)
    world.trade(3, 2, 5, 10, CALL)
    world.rest(1, SELL, 110, 4, flags=4)
    world.do(1, PlaceOrder(PERP, BUY, 90, 3, lineage=b"L" * 16), request_id=b"r")
    world.do(1, MassQuote(3, (Quote(PERP, 91, 2, 109, 2),)))
    world.do(0, UpdateVolSurface("BTC", FUTURE_EXPIRY_NS, 100 * USD, ((100 * USD, 10**8),)))
    model = PortfolioModel((RiskScenario(10**9, 0, 10**9, 10**9),))
    world.do(0, SetPortfolioModel("BTC", model))
    world.protect(4)
    world.rest(4, BUY, 99, 2, flags=8)
    world.rest(2, SELL, 99, 1, tif=2)
    expire_and_fund(world)
    return world


def expire_and_fund(world: World) -> None:
    """Let a future expire, begin a window of the index, set a funding rate, insure."""
    world.create(51, "ETH-20010910")
    world.operate(FundInsurance(7))
    world.jump(NEAR_NS + DAY_NS - 60 * SECOND_NS)
    world.operate(UpdateFundingRate(PERP, 10**6))
    world.operate(UpdateIndexPrice("BTC", 100 * USD))


def more(world: World) -> list[object]:
    """Go on for a while, and return all the events and the hash."""
    events: list[object] = []
    for number in range(3):
        events += world.place(2, BUY, 120, 3 + number, tif=2)
        events += world.place(4, SELL, 80, 2, tif=3)
        events += world.do(1, MassQuote(3, (Quote(PERP, 91 - number, 2, 109, 2),)))
    return [*events, world.state.hash, world.state.digest]


@pytest.mark.rule("EVT-1", "NUM-4")
def test_the_worlds_are_equal_down_to_the_hash() -> None:
    assert more(lively()) == more(lively())


def test_every_kind_has_a_record_and_each_is_named_once() -> None:
    world = lively()
    records = sorted_records(world.state)
    assert {int(kind) for kind in EntityKind} == {record[0] for record in records}
    assert [] == [record for record in records if record[1] is None]
    treasury = (12, 0, treasury_of(world.core).fees_e6, 4_000_000 * USD + 7, 7)
    assert [treasury] == [record for record in records if record[0] == EntityKind.TREASURY]
    assert (4, key(1)) == next(record[:2] for record in records if record[0] == EntityKind.NONCES)


def test_nonces_are_packed_little_endian_and_rising() -> None:
    world = World()
    for nonce in (START_NS // 10**6 + 9, START_NS // 10**6 + 3):
        world.do(1, CancelOrder(1), nonce=nonce)
    record = next(r for r in sorted_records(world.state) if r[:2] == (4, key(1)))
    expected = [START_NS // 10**6 + offset for offset in (3, 9)]
    assert b"".join(nonce.to_bytes(8, "little") for nonce in expected) == record[3]
    assert -1 == record[2]


@pytest.mark.parametrize("digest_every", [1, 7])
def test_a_fork_and_a_loaded_dump_go_on_alike(digest_every: int) -> None:
    world = lively(digest_every=digest_every)
    snapshot = dump(world.state)
    twin, loaded = World(is_empty=True), World(is_empty=True)
    twin.state = world.state.fork()
    loaded.state = load(MACHINE, world.genesis, snapshot)
    for other in (twin, loaded):
        other.now_ns, other.nonce = world.now_ns, world.nonce
        assert sorted_records(world.state) == sorted_records(other.state)
        assert world.core.clocks() == other.core.clocks()
    assert snapshot == dump(loaded.state)
    expected = more(world)
    assert expected == more(twin) == more(loaded)
    assert dump(world.state) == dump(loaded.state)


def test_records_at_their_default_are_absent() -> None:
    world = World(is_empty=True)
    assert [(11, 0)] == [record[:2] for record in sorted_records(world.state)]
    world.operate(GrantRole(b"k" * 32, 3))
    world.operate(RevokeRole(b"k" * 32, 3))
    assert [(4, ROOT), (11, 0)] == [record[:2] for record in sorted_records(world.state)]
    verify(world.state)


@pytest.mark.rule("GEN-1")
@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\xc0",
        params() + b"\x00",
        msgspec.msgpack.encode([1, ROOT, START_NS]),
        params(max_step_ns=0),
        params(max_step_ns=2**60 + 1),
        params(max_total_deposits_e6=0),
        params(max_total_deposits_e6=2**60 + 1),
        params(nonce_past_ms=-1),
        params(nonce_future_ms=10**12 + 1),
        params(nonce_capacity=0),
        params(nonce_capacity=1_001),
        params(request_capacity=0),
        params(request_capacity=10_001),
        params(max_mark_age_ns=-1),
        params(max_mark_age_ns=2**60 + 1),
        params().replace(ROOT, b"r" * 32)[:-1],
    ],
)
def test_bad_parameters_are_refused(bad: bytes) -> None:
    with pytest.raises(MalformedCommand):
        initial(MACHINE, Genesis("exchange", 1, 1, bad))


@pytest.mark.rule("GEN-1")
def test_a_negative_start_is_refused_and_good_bounds_pass() -> None:
    with pytest.raises(MalformedCommand):
        MACHINE.genesis(1, msgspec.msgpack.encode(ExchangeParams(ROOT, -1)))
    good = {"max_step_ns": 1, "nonce_past_ms": 0, "nonce_capacity": 1000, "request_capacity": 10**4}
    MACHINE.genesis(1, params(max_mark_age_ns=2**60, **good))
    MACHINE.genesis(1, msgspec.msgpack.encode(ExchangeParams(ROOT, 0)))


def test_clocks_are_the_six_numbers_big_endian() -> None:
    world = lively()
    clocks = world.core.clocks()
    sizes, numbers = (8, 4, 8, 8, 8, 8), []
    assert sum(sizes) == len(clocks)
    for size in sizes:
        numbers.append(int.from_bytes(clocks[:size], "big"))
        clocks = clocks[size:]
    assert [world.now_ns, 1, *world.core.time[2:]] == numbers
    assert (world.core.time.next_trade_id, world.core.time.next_request) == (4, 2)


def test_a_snapshot_with_wrong_records_is_damaged() -> None:
    world = lively()
    state = world.state.peek()
    with pytest.raises(InvariantError):
        MACHINE.restore(world.genesis.params, b"", [])
    with pytest.raises(InvariantError):
        MACHINE.restore(world.genesis.params, state.core.clocks(), [(99, 1)])
    with pytest.raises(msgspec.ValidationError):
        MACHINE.restore(world.genesis.params, state.core.clocks(), [(1, "x")])
    broken = bytearray(dump(world.state))
    broken[-20] ^= 1
    with pytest.raises(DamagedError):
        load(MACHINE, world.genesis, bytes(broken))


def expect_failure(change, word: str) -> None:
    """Change the core of a lively world, which then breaks an invariant."""
    world = lively()
    change(world.core)
    with pytest.raises(InvariantError, match=word):
        MACHINE.verify(world.core)


def test_verify_finds_what_does_not_add_up() -> None:
    def move_position(core) -> None:
        core.positions.put(core.positions.must((1, PERP))._replace(qty_lots=11))

    def cross(core) -> None:
        bid = next(order for order in core.orders.all() if order.side == BUY)
        core.orders.put(bid._replace(price_ticks=500))

    def bend_group(core) -> None:
        core.orders._rows.pop(core.orders.all()[0].order_id)

    def exceed(core) -> None:
        order = next(order for order in core.orders.all() if order.flags == 4)
        core.orders.put(order._replace(qty_lots=11, remaining_lots=11))

    def double_quote(core) -> None:
        order = next(o for o in core.orders.all() if o.quote_set and o.side == BUY)
        core.orders.put(order._replace(order_id=1, arrival=1))

    def lose_cash(core) -> None:
        put_treasury(core, treasury_of(core)._replace(net_deposits_e6=1))

    expect_failure(move_position, "sum to 1")
    expect_failure(cross, "bid")
    expect_failure(bend_group, "cell|groups")
    expect_failure(exceed, "reduce-only 11 above 10")
    expect_failure(double_quote, "quote set")
    expect_failure(lose_cash, "net deposits")


def test_verify_finds_bad_marks_surfaces_and_windows() -> None:
    def age(core) -> None:
        core.marks.put(core.marks.must(PERP)._replace(marked_ns=core.now_ns + 1))

    def sink(core) -> None:
        core.marks.put(core.marks.must(PERP)._replace(price_e6=-1))

    def bend_surface(core) -> None:
        core.surfaces.put(core.surfaces.all()[0]._replace(points=()))

    def unprotect(core) -> None:
        core.mmps.drop((4, "BTC"))

    def freeze(core) -> None:
        core.mmps.put(core.mmps.must((4, "BTC"))._replace(frozen_until_ns=-1))

    def freeze_in_the_past(core) -> None:
        core.mmps.put(core.mmps.must((4, "BTC"))._replace(frozen_until_ns=1))

    def skip_a_fill(core) -> None:
        core.mmps.put(core.mmps.must((4, "BTC"))._replace(next_fill=3))

    def delay_a_fill(core) -> None:
        fill = core.mmp_fills.must((4, "BTC", 1))
        core.mmp_fills.put(fill._replace(ts_ns=core.now_ns + 1))

    expect_failure(age, "was set at")
    expect_failure(sink, "price -1")
    expect_failure(bend_surface, "surface .* out of its bounds")
    expect_failure(unprotect, "of no protection")
    expect_failure(freeze, "is frozen and has fills")
    expect_failure(freeze_in_the_past, "up to the past")
    expect_failure(skip_a_fill, "has numbers")
    expect_failure(delay_a_fill, "out of time")


def change_row(table: str, key: object, **changes: object):
    """Return what changes a row of a table."""

    def change(core) -> None:
        rows = getattr(core, table)
        rows.put(rows.must(key)._replace(**changes))

    return change


@pytest.mark.rule("LIQ-2", "POS-3")
def test_verify_finds_bad_debt_and_insurance() -> None:
    def owe(core) -> None:
        row = core.accounts.must(1)
        core.accounts.put(row._replace(cash_e6=row.cash_e6 + 5, debt_e6=5))

    def owe_without_orders(core) -> None:
        for order in [*core.orders.group("account", 1)]:
            core.orders.drop(order.order_id)
        owe(core)

    def owe_and_lose(core) -> None:
        row, other = core.accounts.must(1), core.accounts.must(2)
        core.accounts.put(row._replace(cash_e6=-1, debt_e6=4))
        core.accounts.put(other._replace(cash_e6=other.cash_e6 + row.cash_e6 + 5))

    def lend(core) -> None:
        row = core.accounts.must(1)
        core.accounts.put(row._replace(cash_e6=row.cash_e6 - 1, debt_e6=-1))

    def overdraw(core) -> None:
        treasury = treasury_of(core)
        fees_e6 = treasury.fees_e6 + treasury.insurance_e6 + 1
        put_treasury(core, treasury._replace(fees_e6=fees_e6, insurance_e6=-1))

    expect_failure(owe, "in debt and has orders")
    expect_failure(owe_without_orders, "in debt and has positions")
    expect_failure(owe_and_lose, "in debt and has cash -1")
    expect_failure(overdraw, "insurance fund has -1")
    expect_failure(lend, "has debt -1")
    expect_failure(change_row("accounts", 1, debt_e6=1), "net deposits")


@pytest.mark.rule("SET-1", "SET-2", "SET-3")
def test_verify_finds_bad_settlements_windows_and_fundings() -> None:
    def settle_with_a_position(core) -> None:
        change_row("settlements", ("ETH", NEAR_NS), is_final=True)(core)
        change_row("instruments", 51, status=5)(core)
        core.positions.put(Position((1, 51), 1, 0))
        core.positions.put(Position((2, 51), -1, 0))

    def price_the_future(core) -> None:
        core.settlements.put(Settlement(("BTC", NEAR_NS), 1, 0, True))

    def fund(number: int):
        return lambda core: core.fundings.put(Funding(number, 1, 3_600))

    ended_ns = NEAR_NS + DAY_NS
    expect_failure(settle_with_a_position, "settled instrument 51 has positions")
    expect_failure(change_row("instruments", 51, status=5), "settled at no final price")
    expect_failure(change_row("instruments", 51, status=1), "expected prices of")
    expect_failure(change_row("settlements", ("ETH", NEAR_NS), price_e6=-1), "is negative")
    zero = change_row("settlements", ("ETH", NEAR_NS), price_e6=0, is_final=True)
    expect_failure(zero, "final and 0")
    expect_failure(price_the_future, "expected prices of")
    expect_failure(change_row("windows", "BTC", since_ns=ended_ns), "out of order")
    expect_failure(change_row("windows", "BTC", open_ns=ended_ns - 1), "out of order")
    expect_failure(change_row("windows", "BTC", samples=0), "0 samples")
    expect_failure(change_row("windows", "BTC", weighed=b""), "sum of other size")
    expect_failure(fund(CALL), "funding of 2")
    expect_failure(fund(99), "funding of 99")
    expect_failure(change_row("fundings", PERP, rate_e9=10**8 + 1), "funding of 1")


def test_verify_finds_bad_models_and_modes() -> None:
    def bend_model(core) -> None:
        core.models.put(core.models.must("BTC")._replace(floor_ns=0))

    def lose_underlying(core) -> None:
        core.models.put(core.models.must("BTC")._replace(underlying="XRP"))

    def change_mode(core) -> None:
        core.accounts.put(core.accounts.must(1)._replace(margin_mode=3))

    def lose_model(core) -> None:
        core.accounts.put(core.accounts.must(1)._replace(margin_mode=2))
        core.models.drop("BTC")

    expect_failure(bend_model, "model of BTC is out of its bounds")
    expect_failure(lose_underlying, "model of XRP is out of its bounds")
    expect_failure(change_mode, "margin mode 3")
    expect_failure(lose_model, "without model")


HUGE = 2**62 - 1


def test_huge_numbers_and_unknown_names_are_refused_and_never_raise() -> None:
    world = World()
    action_types = [kind for kind in MACHINE_ACTIONS if kind is not Batch]
    for number in (HUGE, -HUGE, 0, 1, 77):
        for kind in action_types:
            action = _filled(kind, number)
            account = 0 if kind.__struct_config__.tag <= 22 else 1
            if kind.__name__ == "ActivateRules" and number > 1:
                continue
            world.do(account, action)
            world.do(account, action, request_id=b"q")
            world.send(Command(b"?" * 32, world.nonce + 1, action, number))
    for action in (CancelAll(instrument=HUGE), CancelAll(underlying="é" * 64)):
        (event,) = world.do(1, action)
        assert isinstance(event, OrderRejected)
    (event,) = world.do(1, CancelOrder(1), nonce=-HUGE)
    assert isinstance(event, CommandRejected)
    assert Code.NONCE_OUT_OF_WINDOW == event.code
    verify(world.state)
    assert recomputed_digest(world.state) == world.state.digest


def _filled(kind: type, number: int):
    """Return a struct with `number` wherever an integer may stand."""
    values = []
    for field in msgspec.structs.fields(kind):
        inner = getattr(field.type, "__origin__", field.type)
        if inner is int:
            values.append(number)
        elif inner is bool:
            values.append(True)
        elif inner is bytes:
            values.append(b"k" * 32 if field.required else b"")
        elif inner is str:
            values.append("X-PERP")
        elif field.name == "scenarios":
            values.append((RiskScenario(number, number, number, number),))
        elif field.name == "points":
            values.append(((number, number),))
        elif field.name == "legs":
            values.append((BlockLeg(number, number, number, number),))
        elif inner is tuple:
            values.append((Quote(number, number, number, number, number),))
        else:
            values.append(_filled(inner, number))
    return kind(*values)


def _actions() -> list[type]:
    return sorted(get_args(Action), key=lambda kind: kind.__struct_config__.tag)


MACHINE_ACTIONS = _actions()
