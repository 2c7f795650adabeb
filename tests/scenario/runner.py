"""Runs text scenarios: small steps, each with the output that is stored below it.

A file is blocks apart by blank lines. A block is comments (#), one step, `----`, and what came of
it. All instruments are perpetuals on which a tick of a lot is worth one dollar; every account pays
no fees unless `fees` says so, and margin is the whole value unless `margin` says so: the cash that
a step needs can be computed by hand. Steps:

    list SYMBOL MARK                     list a perpetual with a mark in ticks
    margin SYMBOL PERCENT                initial margin of its underlying
    fees MAKER_BPS TAKER_BPS             fees of everybody
    open NAME DOLLARS                    open an account with a deposit
    deposit NAME DOLLARS / withdraw NAME DOLLARS
    buy|sell NAME ID SIZE@PRICE SYMBOL [gtc|ioc|fok] [post-only] [reduce-only]
    cancel NAME ID / move NAME ID PRICE / resize NAME ID SIZE
    status SYMBOL active|close_only|halted
    book SYMBOL / orders NAME / account NAME
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from lockstep_engine.codes import (
    CancelReason,
    Code,
    InstrumentStatus,
    OrderFlag,
    Side,
    TimeInForce,
)
from lockstep_engine.commands import (
    Action,
    AmendOrder,
    CancelByClientId,
    Deposit,
    MarginRates,
    PlaceOrder,
    SetFeeSchedule,
    SetInstrumentStatus,
    SetMarginModel,
    Withdraw,
)
from lockstep_engine.events import (
    CashMoved,
    CommandRejected,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    Trade,
)
from lockstep_engine.exchange import account, depth
from lockstep_kernel import Machine, State, apply, initial, verify
from lockstep_runtime.live_orders import LiveOrder, LiveOrders
from lockstep_runtime.signing import Script, Signer
from lockstep_runtime.venue import Contract, Listing, Staff, list_perpetual, open_account

RULE = "----"
DOLLAR_E6 = 1_000_000
START_NS = 1_767_225_600_000_000_000
CONTRACT = Contract(tick_e6=DOLLAR_E6, lot_e8=100_000_000)

Block = tuple[list[str], str, list[str]]
"""(comments, step, stored output); the step is empty for a block of comments."""


class Scenario:
    """One exchange that follows the steps of one file, with its engine and a second machine."""

    def __init__(self, machine: Machine, second: Machine) -> None:
        self._staff = Staff("scenario")
        self._script = Script(START_NS)
        genesis = self._staff.genesis(START_NS)
        self._state: State = initial(machine, genesis)
        self._second: State = initial(second, genesis)
        self._orders = LiveOrders()
        self._symbols: dict[str, int] = {}
        self._traders: dict[str, Signer] = {}
        self._staff.grant(self._script)
        self._script.add(self._staff.admin, SetFeeSchedule(0, 0, 0, 0, 0, 0, 0))
        self._send()

    def run(self, step: str) -> list[str]:
        """Do one step and return its output."""
        word, *arguments = step.split()
        method: Callable[..., list[str]] = getattr(self, f"do_{word}")
        return method(*arguments) or ["ok"]

    def verify(self) -> None:
        """Check the digest, all derived values and all invariants."""
        verify(self._state)
        verify(self._second)

    def do_list(self, symbol: str, mark: str) -> list[str]:
        number = self._symbols[symbol] = len(self._symbols) + 1
        listing = Listing(number, symbol, CONTRACT, int(mark) * DOLLAR_E6)
        list_perpetual(self._script, self._staff, listing)
        self._script.add(self._staff.admin, SetMarginModel(symbol, MarginRates(10**9)))
        return self._send()

    def do_margin(self, symbol: str, percent: str) -> list[str]:
        return self._operate(SetMarginModel(symbol, MarginRates(int(percent) * 10**7)))

    def do_fees(self, maker_bps: str, taker_bps: str) -> list[str]:
        rates = int(maker_bps) * 100_000, int(taker_bps) * 100_000
        return self._operate(SetFeeSchedule(0, *rates, 0, 0, 0, 0))

    def do_status(self, symbol: str, status: str) -> list[str]:
        number = int(InstrumentStatus[status.upper()])
        return self._operate(SetInstrumentStatus(self._symbols[symbol], number))

    def do_open(self, name: str, dollars: str) -> list[str]:
        trader = self._traders[name] = Signer(name, len(self._traders) + 1)
        open_account(self._script, self._staff, trader, int(dollars) * DOLLAR_E6)
        return self._send()

    def do_deposit(self, name: str, dollars: str) -> list[str]:
        amount = Deposit(self._traders[name].account, int(dollars) * DOLLAR_E6)
        self._script.add(self._staff.treasury, amount)
        return self._send()

    def do_withdraw(self, name: str, dollars: str) -> list[str]:
        return self._trade(name, Withdraw(int(dollars) * DOLLAR_E6))

    def do_buy(self, name: str, number: str, what: str, symbol: str, *options: str) -> list[str]:
        return self._place(Side.BUY, name, number, (what, symbol), options)

    def do_sell(self, name: str, number: str, what: str, symbol: str, *options: str) -> list[str]:
        return self._place(Side.SELL, name, number, (what, symbol), options)

    def do_cancel(self, name: str, number: str) -> list[str]:
        return self._trade(name, CancelByClientId(int(number)))

    def do_move(self, name: str, number: str, price: str) -> list[str]:
        order = self._live(name, number)
        return self._trade(name, AmendOrder(order.order_id, int(price), order.qty_lots))

    def do_resize(self, name: str, number: str, size: str) -> list[str]:
        order = self._live(name, number)
        return self._trade(name, AmendOrder(order.order_id, order.price_ticks, int(size)))

    def do_book(self, symbol: str) -> list[str]:
        bids, asks = depth(self._state, self._symbols[symbol], 100)
        lines = [f"ask {row['price_ticks']} {row['total_lots']}" for row in reversed(asks)]
        lines += [f"bid {row['price_ticks']} {row['total_lots']}" for row in bids]
        return lines or ["empty"]

    def do_orders(self, name: str) -> list[str]:
        number = self._traders[name].account
        mine = [order for order in self._orders.orders.values() if order.account == number]
        return [
            f"{order.client_id} {Side(order.side).name.lower()} {order.qty_lots}@"
            f"{order.price_ticks} filled {order.qty_lots - order.remaining_lots}"
            for order in mine
        ] or ["none"]

    def do_account(self, name: str) -> list[str]:
        view = account(self._state, self._traders[name].account)
        symbols = {number: symbol for symbol, number in self._symbols.items()}
        lines = [f"cash {dollars(view.cash_e6)} free {dollars(view.free_e6)}"]
        for held in view.positions:
            profit = dollars(held.unrealised_e6)
            lines.append(f"position {symbols[held.instrument]} {held.qty_lots} profit {profit}")
        return lines

    def _place(
        self, side: Side, name: str, number: str, what: tuple[str, str], options: Sequence[str]
    ) -> list[str]:
        size, _, price = what[0].partition("@")
        tif, flags = TimeInForce.GTC, OrderFlag.NONE
        for option in options:
            if option.upper() in TimeInForce.__members__:
                tif = TimeInForce[option.upper()]
            else:
                flags |= OrderFlag[option.upper().replace("-", "_")]
        order = PlaceOrder(
            *(self._symbols[what[1]], int(side), int(price), int(size), int(tif)),
            flags=int(flags),
            client_id=int(number),
        )
        return self._trade(name, order)

    def _live(self, name: str, number: str) -> LiveOrder:
        wanted = (self._traders[name].account, int(number))
        orders = self._orders.orders.values()
        return next(order for order in orders if (order.account, order.client_id) == wanted)

    def _operate(self, action: Action) -> list[str]:
        self._script.add(self._staff.admin, action)
        return self._send()

    def _trade(self, name: str, action: Action) -> list[str]:
        self._script.add(self._traders[name], action)
        return self._send()

    def _send(self) -> list[str]:
        """Apply what was written and return what it led to."""
        lines: list[str] = []
        for ts_ns, command in self._script.take():
            sequenced = self._state.machine.codec.sequence(ts_ns, command)
            self._state, events, hash_ = apply(self._state, sequenced)
            self._second, _events, second_hash = apply(self._second, sequenced)
            assert hash_ == second_hash, command
            self._orders.fold(events)
            lines += [line for event in events for line in self._lines(event)]
        return lines

    def _lines(self, event: msgspec.Struct) -> Iterator[str]:
        names = {trader.account: name for name, trader in self._traders.items()}
        match event:
            case CommandRejected(code=code) | OrderRejected(code=code):
                yield f"refused {Code(code).name}"
            case OrderAccepted():
                what = f"{event.qty_lots}@{event.price_ticks}"
                yield f"accepted {event.client_id} {Side(event.side).name.lower()} {what}"
            case Trade(maker=maker, taker=taker):
                yield (
                    f"trade {event.qty_lots}@{event.price_ticks} maker {maker.client_id} left "
                    f"{maker.remaining_lots}, taker {taker.client_id} left {taker.remaining_lots}"
                )
            case OrderCancelled(reason=reason):
                left = event.remaining_lots
                yield f"cancelled {event.client_id} {CancelReason(reason).name} left {left}"
            case OrderAmended():
                yield (
                    f"amended order to {event.qty_lots}@{event.price_ticks} "
                    f"left {event.remaining_lots}"
                )
            case CashMoved():
                yield f"cash of {names[event.account]} {dollars(event.balance_e6)}"
            case _:
                pass


def dollars(amount_e6: int) -> str:
    """Return an amount in dollars, with cents only where there are some."""
    whole, rest = divmod(abs(amount_e6), DOLLAR_E6)
    sign = "-" if amount_e6 < 0 else ""
    return f"{sign}{whole}" + (f".{rest:06}".rstrip("0") if rest else "")


def read(path: Path) -> list[Block]:
    """Read the blocks of a scenario file."""
    blocks: list[Block] = []
    for text in path.read_text("utf-8").strip().split("\n\n"):
        lines = text.split("\n")
        comments = [line for line in lines if line.startswith("#")]
        rest = lines[len(comments) :]
        step = rest[0] if rest else ""
        output = rest[2:] if rest[1:2] == [RULE] else []
        blocks.append((comments, step, output))
    return blocks


def write(path: Path, blocks: Sequence[Block]) -> None:
    """Write the blocks of a scenario file."""
    texts = ["\n".join([*c, *([s, RULE, *output] if s else [])]) for c, s, output in blocks]
    path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
