"""Genesis and restore: an empty core, and a core rebuilt from its records.

`restore` computes every derived value anew, which is also how `verify` checks the live ones.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from lockstep_engine.access.requests import enter_request
from lockstep_engine.book.queue import rest
from lockstep_engine.codes import EntityKind, Side
from lockstep_engine.commands import (
    ExchangeParams,
    MarginRates,
    PortfolioModel,
    RiskScenario,
    TradingLimits,
)
from lockstep_engine.entities import (
    Agent,
    FeeRates,
    FeeSchedule,
    NonceSet,
    Request,
    RoleGrant,
    Surface,
    Underlying,
    UnderlyingModel,
)
from lockstep_engine.lifecycle.entities import Funding, IndexWindow, Settlement
from lockstep_engine.lifecycle.timers import schedule_funding, schedule_instrument, schedule_thaw
from lockstep_engine.money.exposure import exposure_e6
from lockstep_engine.operations.listing import enter_instrument
from lockstep_engine.protection import Mmp, MmpFill
from lockstep_engine.risk.marks import set_mark
from lockstep_engine.risk.modes import enter_mode
from lockstep_engine.risk.open_lots import note_reliefs
from lockstep_engine.state import CLOCKS, Account, ExchangeCore, Instrument, Order, holding_of
from lockstep_engine.symbols import expiry_of, parse_symbol
from lockstep_kernel.entity import Record
from lockstep_kernel.errors import InvariantError, MalformedCommand

DEFAULT_RATES: Final = (
    *(200_000, 500_000, 200_000, 500_000, 125_000_000, 0),
    *(150_000, 125_000_000, 10_000_000, 300_000),
)
_decode_params: Final = msgspec.msgpack.Decoder(ExchangeParams).decode
_encode: Final = msgspec.msgpack.Encoder().encode

_BOUNDS: Final = (
    ("start_ns", 0, 2**62 - 1),
    ("max_step_ns", 1, 2**60),
    ("max_total_deposits_e6", 1, 2**60),
    ("nonce_past_ms", 0, 10**12),
    ("nonce_future_ms", 0, 10**12),
    ("nonce_capacity", 1, 1_000),
    ("request_capacity", 1, 10_000),
    ("max_mark_age_ns", 0, 2**60),
)


def decode_params(params: bytes) -> ExchangeParams:
    """Decode genesis parameters; raise `MalformedCommand` for bad or non-canonical ones."""
    try:
        decoded = _decode_params(params)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedCommand(f"genesis parameters: {error}") from None
    if _encode(decoded) != params:
        raise MalformedCommand("genesis parameters: not canonical")
    for name, low, high in _BOUNDS:
        value = getattr(decoded, name)
        if not low <= value <= high:
            raise MalformedCommand(
                f"genesis parameters: expected {name} from {low} to {high}, found {value}"
            )
    return decoded


def genesis_core(rules_version: int, params: bytes) -> ExchangeCore:
    """Return the core before the first command: empty but for fee tier 0."""
    core = ExchangeCore(decode_params(params), rules_version)
    _enter_fees(core, 0, DEFAULT_RATES)
    return core


def restored_core(params: bytes, clocks: bytes, records: Iterable[Record]) -> ExchangeCore:
    """Return the core that has these clocks and records."""
    now_ns, rules, next_order_id, next_trade_id, next_arrival, next_request = CLOCKS.unpack(clocks)
    core = ExchangeCore(decode_params(params), rules)
    core.now_ns = now_ns
    by_kind: dict[int, list[Record]] = {}
    for record in records:
        by_kind.setdefault(record[0], []).append(record)
    for kind, restorer in _RESTORERS:
        for record in _in_order(kind, by_kind.pop(kind, [])):
            restorer(core, record)
    if by_kind:
        raise InvariantError(f"expected known kinds of records, found {sorted(by_kind)}")
    core.next_order_id = next_order_id
    core.next_trade_id = next_trade_id
    core.next_arrival = next_arrival
    core.next_request = next_request
    for level in core.changed_levels:
        level.is_changed = False
    core.changed_levels.clear()
    for account in core.accounts.values():
        account.exposure_e6 = exposure_e6(account)
    return core


def _in_order(kind: int, records: list[Record]) -> list[Record]:
    """Sort what has an order of arrival: requests and fills by number, orders by arrival."""
    if kind == EntityKind.REQUEST:
        return sorted(records, key=_request_number)
    if kind == EntityKind.ORDER:
        return sorted(records, key=_arrival)
    if kind == EntityKind.MMP_FILL:
        return sorted(records, key=_fill_number)
    return records


def _request_number(record: Record) -> int:
    number: int = record[5]
    return number


def _arrival(record: Record) -> int:
    arrival: int = record[16]
    return arrival


def _fill_number(record: Record) -> int:
    number: int = record[1][2]
    return number


def _enter_fees(core: ExchangeCore, tier: int, rates: FeeRates) -> None:
    core.fee_schedules[tier] = FeeSchedule(tier, rates)
    core.touch(core.fee_schedules[tier])


def _fee_schedule(core: ExchangeCore, record: Record) -> None:
    _enter_fees(core, record[1], (*record[2:],))


def _treasury(core: ExchangeCore, record: Record) -> None:
    treasury = core.treasury
    treasury.fees_e6, treasury.net_deposits_e6, treasury.insurance_e6 = record[2:]
    core.touch(treasury)


def _account(core: ExchangeCore, record: Record) -> None:
    _kind, number, root, group, tier, cash, mode, debt = record
    account = core.accounts[number] = Account(number, root, group, core.fee_schedules[tier], cash)
    account.debt_e6 = debt
    enter_mode(account, mode)
    core.touch(account)


def _agent(core: ExchangeCore, record: Record) -> None:
    number, key = record[1]
    agent = core.accounts[number].agents[key] = Agent(number, key)
    core.touch(agent)


def _role(core: ExchangeCore, record: Record) -> None:
    grant = core.roles[record[1]] = RoleGrant(record[1], record[2])
    core.touch(grant)


def _nonces(core: ExchangeCore, record: Record) -> None:
    known = core.nonces[record[1]] = NonceSet(record[1], record[2], record[3])
    core.touch(known)


def _request(core: ExchangeCore, record: Record) -> None:
    account, request_id = record[1]
    enter_request(core, Request(account, request_id, *record[2:]))


def _underlying(core: ExchangeCore, record: Record) -> None:
    underlying = core.underlyings[record[1]] = Underlying(*record[1:5])
    underlying.index_price_e6 = record[5]
    underlying.set_rates(MarginRates(*record[6:]))
    core.touch(underlying)


def _portfolio_model(core: ExchangeCore, record: Record) -> None:
    name, scenarios, *numbers = record[1:]
    rows = tuple(RiskScenario(*row) for row in scenarios)
    model = core.underlyings[name].model = UnderlyingModel(name, PortfolioModel(rows, *numbers))
    core.touch(model)


def _instrument(core: ExchangeCore, record: Record) -> None:
    number, text, tick, lot, size, allows_self_trade, status = record[1:8]
    symbol = parse_symbol(text)
    if symbol is None:
        raise InvariantError(f"expected a symbol, found {text!r}")
    underlying = core.underlyings[symbol.underlying]
    instrument = Instrument(
        number,
        text,
        underlying,
        symbol.kind,
        expiry_of(symbol, underlying.expiry_time_s),
        symbol.strike_e6,
        (tick, lot, size),
        TradingLimits(*record[8:18]),
        allows_self_trade,
    )
    instrument.set_highest_price(record[18])
    instrument.status = status
    instrument.settlement = core.settlements.get((underlying.name, instrument.expiry_ns))
    enter_instrument(core, instrument)
    schedule_instrument(core, instrument)


def _mark(core: ExchangeCore, record: Record) -> None:
    number, price, marked_ns, *greeks = record[1:]
    set_mark(core, core.instruments[number], marked_ns, (price, *greeks))


def _surface(core: ExchangeCore, record: Record) -> None:
    name, expiry_ns = record[1]
    surface = core.surfaces[name, expiry_ns] = Surface(name, expiry_ns)
    surface.set(record[2], tuple((strike, vol) for strike, vol in record[3]))
    core.touch(surface)


def _index_window(core: ExchangeCore, record: Record) -> None:
    name, expiry_ns, open_ns, since_ns, samples, weighed = record[1:]
    window = core.windows[name] = IndexWindow(name, expiry_ns, open_ns)
    window.since_ns, window.samples = since_ns, samples
    window.weighed = int.from_bytes(weighed, "big")
    core.touch(window)


def _settlement(core: ExchangeCore, record: Record) -> None:
    name, expiry_ns = record[1]
    settlement = core.settlements[name, expiry_ns] = Settlement(name, expiry_ns, *record[2:])
    core.touch(settlement)


def _funding(core: ExchangeCore, record: Record) -> None:
    number, rate, interval = record[1:]
    funding = core.fundings[number] = Funding(number, rate, interval, core.now_ns)
    schedule_funding(core, funding)
    core.touch(funding)


def _mmp(core: ExchangeCore, record: Record) -> None:
    account, name = record[1]
    mmp = core.accounts[account].mmps[name] = Mmp(account, name, (*record[2:8],))
    mmp.frozen_until_ns, mmp.next_fill = record[8], record[9]
    note_reliefs(core.accounts[account])
    if mmp.frozen_until_ns > 0:
        schedule_thaw(core, mmp)
    core.touch(mmp)


def _mmp_fill(core: ExchangeCore, record: Record) -> None:
    account, name, number = record[1]
    mmp = core.accounts[account].mmps[name]
    fill = MmpFill(mmp, number, (*record[2:],), core.instruments[record[3]].unit_e16)
    mmp.keep(fill)
    core.touch(fill)


def _book(core: ExchangeCore, record: Record) -> None:
    counter = core.instruments[record[1]].counter
    counter.sequence = record[2]
    core.touch(counter)


def _position(core: ExchangeCore, record: Record) -> None:
    account, number = record[1]
    instrument = core.instruments[number]
    holding = holding_of(core.accounts[account], instrument)
    holding.qty_lots, holding.cost_e6 = record[2], record[3]
    if not instrument.is_option:
        instrument.clearing_e6 -= holding.cost_e6
    holding.is_dirty = True
    holding.account.dirty.append(holding)
    core.touch(holding)


def _order(core: ExchangeCore, record: Record) -> None:
    order_id, account, number, side, price, qty, remaining, tif, flags = record[1:10]
    self_trade, client_id, lineage, expires_ns, builder, quote_set, arrival, reserve = record[10:]
    instrument = core.instruments[number]
    holding = holding_of(core.accounts[account], instrument)
    order = Order(
        holding,
        side,
        price,
        qty,
        tif,
        0,
        flags,
        self_trade,
        client_id,
        lineage,
        expires_ns,
        builder,
        quote_set,
    )
    order.order_id = order_id
    order.remaining_lots = remaining
    order.reserve_e6 = reserve
    core.next_arrival = arrival
    rest(core, order, instrument.bids if side == Side.BUY else instrument.asks)


_Restorer = Callable[[ExchangeCore, Record], None]
_RESTORERS: tuple[tuple[int, _Restorer], ...] = (
    (int(EntityKind.FEE_SCHEDULE), _fee_schedule),
    (int(EntityKind.TREASURY), _treasury),
    (int(EntityKind.ACCOUNT), _account),
    (int(EntityKind.AGENT), _agent),
    (int(EntityKind.ROLE), _role),
    (int(EntityKind.NONCES), _nonces),
    (int(EntityKind.REQUEST), _request),
    (int(EntityKind.UNDERLYING), _underlying),
    (int(EntityKind.PORTFOLIO_MODEL), _portfolio_model),
    (int(EntityKind.INDEX_WINDOW), _index_window),
    (int(EntityKind.SETTLEMENT), _settlement),
    (int(EntityKind.INSTRUMENT), _instrument),
    (int(EntityKind.FUNDING), _funding),
    (int(EntityKind.MARK), _mark),
    (int(EntityKind.SURFACE), _surface),
    (int(EntityKind.MMP), _mmp),
    (int(EntityKind.MMP_FILL), _mmp_fill),
    (int(EntityKind.BOOK), _book),
    (int(EntityKind.POSITION), _position),
    (int(EntityKind.ORDER), _order),
)
"""In an order in which everything that a record names exists already."""
