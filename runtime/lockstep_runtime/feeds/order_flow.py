"""Order flows as feeds: the flash1 form of one book, and the form of the benchmark flows.

Both need to know what is live (an amend names a total, a replace names the exchange's own order
identifier), so each keeps a bare book of its own beside the exchange: memory grows with live
orders, never with the file. One millisecond passes per command. Orders trade with their own
account where they meet it: the oracles of these flows know no self-trade rule.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from lockstep_engine.codes import OrderType, SelfTradeMode, TimeInForce
from lockstep_engine.commands import (
    AmendOrder,
    CancelByClientId,
    CancelOrder,
    PlaceOrder,
    ReplaceOrder,
)
from lockstep_kernel import CannotRunError, Genesis
from lockstep_runtime.feeds.base import chunked
from lockstep_runtime.feeds.lines import bad_line, numbered_lines
from lockstep_runtime.flows import ACCOUNTS, SIDE_LETTERS, Message
from lockstep_runtime.matcher import PriceTimeBook, Resting
from lockstep_runtime.signing import Item, Script, Signer
from lockstep_runtime.venue import Contract, Listing, Staff, list_perpetual, open_account

FLASH_HEADER = b"seq,type,side,ioc,qty,order_id,price_ticks"
START_NS = 1_717_200_000_000_000_000
CONTRACT = Contract(tick_e6=10_000, lot_e8=100_000_000)
PRICE_MAX = 1_000_000
QTY_MAX = 1_000_000
_DEPOSIT_E6 = 10**15
_FALLBACK_MARK = 10_000
_INSTRUMENTS_MAX = 10_000
_GTC, _IOC = int(TimeInForce.GTC), int(TimeInForce.IOC)
_LIMIT, _MARKET = int(OrderType.LIMIT), int(OrderType.MARKET)
_ALLOW = int(SelfTradeMode.ALLOW)

_FLASH_LINE = re.compile(rb"(\d{1,9}),([012]),([01]),([01]),(\d{1,9}),(\d{1,18}),(\d{1,9})")
_FLOW_LINE = re.compile(
    rb"(\d{1,9}),([NIMCRA]),(\d{1,9}),(\d{1,18}),(\d{1,9}),([BS]),(\d{1,9}),(\d{1,9})"
)

_RANGES = f"prices up to {PRICE_MAX}, quantities up to {QTY_MAX}, order ids of up to 18 digits"


class Impossible(Exception):
    """A message that cannot follow what came before it; says what was expected."""


class FlashFeed:
    """The flash1 form: new, cancel and modify of one book, all by one account.

    A modify is cancel and re-entry: a ReplaceOrder under the same client identifier, which is the
    file's order identifier plus one. One that names a dead order names order 0 of the exchange.
    """

    listens = False

    def __init__(self, path: Path, limit: int | None = None) -> None:
        self.name = path.name
        self._path = path
        self._limit = limit
        self._staff = Staff("flash flow")
        self._trader = Signer("flash flow trader", account=1)
        self._script = Script(START_NS)
        self._book = PriceTimeBook()
        self._last_order_id = 0

    def genesis(self) -> Genesis:
        """Return the genesis of an exchange for one book."""
        return self._staff.genesis(START_NS)

    def chunks(self) -> Iterator[list[Item]]:
        """Yield the set-up, then the file."""
        return chunked(self._items())

    def listen(self, events: Sequence[msgspec.Struct]) -> None:
        """Do nothing: the file does not depend on events."""

    def _items(self) -> Iterator[Item]:
        lines = numbered_lines(self._path)
        next(lines)  # the header, which the feed was recognised by
        for number, line in islice(lines, self._limit):
            try:
                self._translate(number - 2, line)
            except Impossible as error:
                raise bad_line(self._path, number, line, str(error)) from None
            yield from self._script.take()

    def _translate(self, expected_seq: int, line: bytes) -> None:
        match = _FLASH_LINE.fullmatch(line)
        if match is None:
            raise Impossible(
                "seq,type,side,ioc,qty,order_id,price_ticks in whole numbers: "
                f"type 0 to 2, side and ioc 0 or 1, {_RANGES}"
            )
        seq, kind, side, ioc, qty, order_id, price = map(int, match.groups())
        if seq != expected_seq:
            raise Impossible(f"seq {expected_seq}")
        if seq == 0:
            self._open(price)
        client_id = order_id + 1
        if kind == 1:
            if client_id in self._book.orders:
                self._book.drop(client_id)
            self._script.add(self._trader, CancelByClientId(client_id))
            return
        check_order(price, qty)
        live = self._book.orders.get(client_id)
        if kind == 0 and live is not None:
            raise Impossible(f"another order_id than the live {order_id}")
        tif = _IOC if ioc else _GTC
        order = PlaceOrder(1, side, price, qty, tif, self_trade=_ALLOW, client_id=client_id)
        if kind == 0:
            self._script.add(self._trader, order)
            self._enter(order)
        elif live is None:
            self._script.add(self._trader, ReplaceOrder(0, order))
        else:
            self._script.add(self._trader, ReplaceOrder(live.label, order))
            self._book.drop(client_id)
            self._enter(order)

    def _open(self, price: int) -> None:
        mark = price if 0 < price <= PRICE_MAX else _FALLBACK_MARK
        self._staff.grant(self._script)
        mark_e6 = mark * CONTRACT.tick_e6
        listing = Listing(1, "FLASH", CONTRACT, mark_e6, PRICE_MAX, allows_self_trade=True)
        list_perpetual(self._script, self._staff, listing)
        open_account(self._script, self._staff, self._trader, _DEPOSIT_E6)

    def _enter(self, order: PlaceOrder) -> None:
        """Follow in the feed's own book what the exchange will do with an accepted order."""
        self._last_order_id += 1
        side, price = order.side, order.price_ticks
        fills = self._book.take(side, price, order.qty_lots)
        left = order.qty_lots - sum(lots for _maker, lots in fills)
        if left and order.tif == _GTC:
            self._book.rest(Resting(order.client_id, self._last_order_id, side, price, left))


class FlowFeed:
    """The form of the benchmark flows: accounts 1 to 100, any number of instruments.

    The exchange's order identifiers are the file's, since both count accepted orders from 1;
    instrument n of the file is n + 1. An instrument is listed when the flow first names it.
    """

    listens = False

    def __init__(self, name: str, messages: Iterable[Message], limit: int | None = None) -> None:
        self.name = name
        self._messages = islice(messages, limit)
        self._staff = Staff("benchmark flow")
        self._traders = [Signer(f"benchmark flow trader {n}", n) for n in range(ACCOUNTS + 1)]
        self._script = Script(START_NS)
        self._books: dict[int, PriceTimeBook] = {}
        self._last_order_id = 0
        self._translate: dict[str, Callable[[Message], None]] = {
            "N": self._limit_order,
            "I": self._limit_order,
            "M": self._market_order,
            "C": self._cancel,
            "R": self._reduce,
            "A": self._reprice,
        }

    def genesis(self) -> Genesis:
        """Return the genesis of an exchange for the flow."""
        return self._staff.genesis(START_NS)

    def chunks(self) -> Iterator[list[Item]]:
        """Yield the set-up, then the flow."""
        return chunked(self._items())

    def listen(self, events: Sequence[msgspec.Struct]) -> None:
        """Do nothing: a flow does not depend on events."""

    def _items(self) -> Iterator[Item]:
        self._staff.grant(self._script)
        for trader in self._traders[1:]:
            open_account(self._script, self._staff, trader, _DEPOSIT_E6)
        yield from self._script.take()
        for message in self._messages:
            if message[2] not in self._books:
                self._list(message[2], message[6])
            try:
                self._translate[message[1]](message)
            except Impossible as error:
                found = ",".join(map(str, message))
                raise CannotRunError(
                    f"{self.name}: line {message[0]}: expected {error}, found '{found}'"
                ) from None
            yield from self._script.take()

    def _list(self, number: int, price: int) -> None:
        mark_e6 = (price or _FALLBACK_MARK) * CONTRACT.tick_e6
        symbol = f"S{number}"
        listing = Listing(number + 1, symbol, CONTRACT, mark_e6, PRICE_MAX, allows_self_trade=True)
        list_perpetual(self._script, self._staff, listing)
        self._books[number] = PriceTimeBook()

    def _limit_order(self, message: Message) -> None:
        tif = _GTC if message[1] == "N" else _IOC
        self._enter(message, tif, _LIMIT, message[6])

    def _market_order(self, message: Message) -> None:
        protection = PRICE_MAX if message[5] == "B" else 1
        self._enter(message, _IOC, _MARKET, protection)

    def _enter(self, message: Message, tif: int, order_type: int, price: int) -> None:
        _seq, _op, number, order_id, account, letter, _price, qty = message
        self._last_order_id += 1
        if order_id != self._last_order_id:
            raise Impossible(f"order {self._last_order_id}, the next new one")
        side, book = SIDE_LETTERS.index(letter), self._books[number]
        order = PlaceOrder(
            *(number + 1, side, price, qty, tif, order_type),
            self_trade=_ALLOW,
            client_id=order_id,
        )
        self._script.add(self._traders[account], order)
        fills = book.take(side, price, qty)
        left = qty - sum(lots for _maker, lots in fills)
        if left and tif == _GTC:
            resting = Resting(order_id, account, side, price, left)
            resting.filled = qty - left
            book.rest(resting)

    def _cancel(self, message: Message) -> None:
        order = self._named(message)
        self._books[message[2]].drop(order.order_id)
        self._script.add(self._traders[order.label], CancelOrder(order.order_id))

    def _reduce(self, message: Message) -> None:
        order, left = self._named(message), message[7]
        if left >= order.remaining:
            raise Impossible(f"fewer lots than the {order.remaining} that are left")
        order.remaining = left
        self._amend(order)

    def _reprice(self, message: Message) -> None:
        order, book = self._named(message), self._books[message[2]]
        price, left = message[6], message[7]
        if price == order.price:
            raise Impossible(f"another price than {price}")
        book.drop(order.order_id)
        order.price, order.remaining = price, left
        self._amend(order)
        filled = sum(lots for _maker, lots in book.take(order.side, price, left))
        order.filled += filled
        order.remaining -= filled
        if order.remaining:
            book.rest(order)

    def _amend(self, order: Resting) -> None:
        """Write the new total: what was filled, and what is left now."""
        amend = AmendOrder(order.order_id, order.price, order.filled + order.remaining)
        self._script.add(self._traders[order.label], amend)

    def _named(self, message: Message) -> Resting:
        order = self._books[message[2]].orders.get(message[3])
        if order is None or order.label != message[4]:
            raise Impossible(f"a live order of account {message[4]}")
        return order


def flow_messages(path: Path) -> Iterator[Message]:
    """Yield the messages of a flow file; raise a `Fault` at the first line that is not one."""
    for number, line in numbered_lines(path):
        match = _FLOW_LINE.fullmatch(line)
        if match is None:
            fields = "seq,op,sym,oid,acct,side,price,qty: op one of NIMCRA, side B or S"
            raise bad_line(path, number, line, f"{fields}, {_RANGES}")
        seq, op, instrument, order_id, account, side, price, qty = match.groups()
        message = (
            *(int(seq), op.decode(), int(instrument), int(order_id)),
            *(int(account), side.decode(), int(price), int(qty)),
        )
        wrong = _wrong_field(message, number)
        if wrong:
            raise bad_line(path, number, line, wrong)
        yield message


def check_order(price: int, qty: int) -> None:
    """Raise `Impossible` for a price or size that the feed's instruments do not take."""
    if not 1 <= price <= PRICE_MAX:
        raise Impossible(f"a price from 1 to {PRICE_MAX}")
    if not 1 <= qty <= QTY_MAX:
        raise Impossible(f"a quantity from 1 to {QTY_MAX}")


def _wrong_field(message: Message, number: int) -> str:
    """Return what was expected of a message alone, "" if nothing is wrong."""
    seq, op, instrument, _order_id, account, _side, price, qty = message
    if seq != number:
        return f"seq {number}"
    if instrument >= _INSTRUMENTS_MAX or not 1 <= account <= ACCOUNTS:
        return f"an instrument below {_INSTRUMENTS_MAX} and an account from 1 to {ACCOUNTS}"
    if op in "NIRA" and not 1 <= price <= PRICE_MAX:
        return f"a price from 1 to {PRICE_MAX}"
    if op != "C" and not 1 <= qty <= QTY_MAX:
        return f"a quantity from 1 to {QTY_MAX}"
    return ""
