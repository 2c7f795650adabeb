"""The desk at an exchange in the same process: requests go out as commands, events come back.

A request is handed over after the desk made it durable, and the exchange makes it durable again
before it tells anybody. The client order id is the exchange's `request_id`, so even a request that
was handed over twice has one effect; the order's number in the desk is its `client_id`.

Owns the queue of what came back. `take` empties it; `InProcessFeed` is a feed made of it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

import msgspec

from lockstep_desk.adapters.exchange.account import ExchangeAccount, lineage_of
from lockstep_desk.adapters.exchange.units import Units
from lockstep_desk.core.codes import OrderKind, SendError, TimeInForce
from lockstep_desk.core.commands import (
    FillReport,
    RecordAccountDisconnect,
    RecordCancelResponse,
    RecordFill,
    RecordFunding,
    RecordMarketDisconnect,
    RecordOrder,
    ReplaceAccount,
    SettleOrder,
)
from lockstep_desk.core.events import CancelRequested, OrderQueried, OrderRequested
from lockstep_desk.oms.states import OrderError
from lockstep_desk.types import Side
from lockstep_engine.codes import Code, OrderFlag, OrderType
from lockstep_engine.codes import TimeInForce as ExchangeTif
from lockstep_engine.commands import Action, CancelByClientId, CancelOrder, Command, PlaceOrder
from lockstep_engine.events import CommandRejected
from lockstep_journal import Item, JournalFailed, Result
from lockstep_kernel import CannotRunError
from lockstep_kernel.chain import State

NS_PER_MS: Final = 10**6
FILLS_IN_SNAPSHOT: Final = 1_000
"""More would make a command longer than the journal takes."""

_NONCE_CODES: Final = (Code.NONCE_REUSED, Code.NONCE_TOO_OLD)
_NONCE_TRIES: Final = 16
_TIFS: Final = {
    TimeInForce.GTC: ExchangeTif.GTC,
    TimeInForce.GTD: ExchangeTif.GTD,
    TimeInForce.IOC: ExchangeTif.IOC,
    TimeInForce.FOK: ExchangeTif.FOK,
}


class ExchangeSequencer(Protocol):
    """What the session needs of the exchange's sequencer."""

    @property
    def state(self) -> State:
        """The state after the last durable command."""
        ...

    def submit(self, items: Sequence[Item]) -> list[Result]:
        """Make commands durable and return what each did."""
        ...


class Membership(msgspec.Struct, frozen=True):
    """Who the desk is at the exchange: its account, and the key that trades for it.

    `protection_bps` is how far beyond its value a market order may trade. Of several sessions of
    one desk at one venue a single one `tells_market`: the others tell of their accounts only.
    """

    venue: str
    account: str
    number: int
    signer: bytes
    protection_bps: int = 500
    tells_market: bool = True


class Past(msgspec.Struct, frozen=True):
    """What was before a session: all events of the exchange as (ts_ns, events), and the numbers of
    the desk's orders with their client order ids (`DeskView.numbers`)."""

    history: Sequence[tuple[int, Sequence[msgspec.Struct]]] = ()
    numbers: Sequence[tuple[int, str]] = ()


class ExchangeSession:
    """A sender of the desk, and a sink of the exchange's events. It delivers from `connect` on.

    Hand it to the exchange's sequencer as an outlet, or call `emit`. `clock` gives the time of the
    command whose events come. `past` is what was before the session.
    """

    def __init__(
        self,
        member: Membership,
        clock: Callable[[], int],
        past: Past | None = None,
    ) -> None:
        self.member = member
        self.account = ExchangeAccount(
            member.account, member.number, tells_market=member.tells_market
        )
        self._clock = clock
        self._sequencer: ExchangeSequencer | None = None
        self._queue: deque[msgspec.Struct] = deque()
        self._is_connected = False
        self._is_open = True
        self._last_nonce = -1
        self._taken = (0, 0)
        past = past or Past()
        for number, client_order_id in past.numbers:
            self.account.know(number, client_order_id)
        for ts_ns, events in past.history:
            self.account.take(ts_ns, events)

    @property
    def is_connected(self) -> bool:
        """Whether it delivers."""
        return self._is_connected

    def attach(self, sequencer: ExchangeSequencer) -> None:
        """Send to this sequencer from now on."""
        self._sequencer = sequencer

    def emit(self, seq: int, events: Sequence[msgspec.Struct]) -> None:
        """Take the events of one command of the exchange."""
        told = self.account.take(self._clock(), events)
        if self._is_connected:
            self._queue.extend(told)

    # What the desk asks for

    def send(self, request: OrderRequested | CancelRequested) -> SendError:
        """Hand a request over; what the exchange says of it is queued."""
        if self._sequencer is None or not self._is_open:
            return SendError.TERMINATED
        if not self._is_connected:
            return SendError.UNHEALTHY
        if request.account != self.member.account:
            return SendError.NO_CHANNEL
        if isinstance(request, OrderRequested):
            return self._open(request)
        return self._cancel(request)

    def query(self, request: OrderQueried) -> SendError:
        """Say what became of an order, or that there is none.

        The session knows every event of the account, so an order that it does not know is none.
        """
        if not self._is_connected or not self._is_open:
            return SendError.UNHEALTHY
        self.account.know(request.number, request.client_order_id)
        order = self.account.of_client.get(request.number)
        told = None if order is None else self.account.report(order)
        self._queue.append(SettleOrder(self.account.name, request.client_order_id, told))
        return SendError.NONE

    def shutdown(self) -> None:
        """Take no more requests."""
        self._is_open = False

    def drain(self) -> Sequence[msgspec.Struct]:
        """Return and forget what came back."""
        told = list(self._queue)
        self._queue.clear()
        if told and self._is_connected:
            self._taken = (len(self.account.fills), len(self.account.fundings))
        return told

    take = drain

    # The link

    def connect(self, since_ns: int = -1) -> None:
        """Deliver again, the account's snapshot first ([DESK-71]).

        What was missed comes with it: fills and funding that were never taken from here, from
        `since_ns` on. The desk drops those that it has. The fills after the last funding come in
        the snapshot, of very many the newest; all else comes before it, in its order.
        """
        self._is_connected = True
        account = self.account
        missed = [told for told in account.history(*self._taken) if _ts_ns(told) >= since_ns]
        late: list[FillReport] = []
        while missed and len(late) < FILLS_IN_SNAPSHOT:
            newest = missed[-1]
            if not isinstance(newest, RecordFill):
                break
            late.append(newest.fill)
            missed.pop()
        self._queue.extend(missed)
        self._queue.append(self.snapshot(tuple(reversed(late))))

    def disconnect(self) -> None:
        """Lose the link: nothing is delivered until `connect`, and what was queued is lost."""
        self._is_connected = False
        self._queue.clear()
        self._queue.append(RecordAccountDisconnect(self.member.account))
        if self.member.tells_market:
            self._queue.append(RecordMarketDisconnect(self.member.venue))

    def snapshot(self, fills: tuple[FillReport, ...] = ()) -> ReplaceAccount:
        """Return all that the account holds, with these of its fills."""
        account = self.account
        return ReplaceAccount(
            account.name,
            account.time_ns,
            (account.balance(),),
            tuple(account.report(order) for order in account.live.values()),
            account.position_reports(),
            fills,
        )

    def _open(self, request: OrderRequested) -> SendError:
        units = self._units(request.instrument)
        if units is None:
            return SendError.NO_CHANNEL
        account = self.account
        account.know(request.number, request.client_order_id)
        action = PlaceOrder(
            units.number,
            int(request.side),
            self._price_ticks(units, request),
            units.lots(request.qty_e8),
            int(_tif(request)),
            int(_order_type(request)),
            int(_flags(request)),
            client_id=request.number,
            lineage=lineage_of(request.deployment),
            expires_ns=request.expires_ns,
        )
        code = self._submit(action, request.client_order_id.encode())
        if code is not None:
            failed = account.failure(request.number, units.number, OrderError.REJECTED)
            self._queue.append(RecordOrder(account.name, failed))
        return SendError.NONE if self._is_open else SendError.TERMINATED

    def _cancel(self, request: CancelRequested) -> SendError:
        self.account.know(request.number, request.client_order_id)
        is_known = request.order_id.isdecimal()
        action: Action = CancelByClientId(request.number)
        if is_known:
            action = CancelOrder(int(request.order_id))
        if self._submit(action, b"") is not None:
            self._queue.append(
                RecordCancelResponse(
                    self.account.name,
                    request.client_order_id,
                    OrderError.RATE_LIMIT,
                    self.account.time_ns,
                )
            )
        return SendError.NONE if self._is_open else SendError.TERMINATED

    def _submit(self, action: Action, request_id: bytes) -> int | None:
        """Sequence an action; return the code if the exchange refused the command itself.

        A nonce that is burnt already, by a session before this one, is passed over.
        """
        code: int | None = None
        for _try in range(_NONCE_TRIES):
            code = self._submit_once(action, request_id)
            if code not in _NONCE_CODES:
                return code
        return code

    def _submit_once(self, action: Action, request_id: bytes) -> int | None:
        sequencer = self._sequencer
        if sequencer is None:
            return int(Code.UNKNOWN_SIGNER)
        member = self.member
        nonce = max(sequencer.state.ts_ns // NS_PER_MS, self._last_nonce + 1)
        self._last_nonce = nonce
        command = Command(member.signer, nonce, action, member.number, request_id)
        try:
            result = sequencer.submit([command])[0]
        except JournalFailed:
            self._is_open = False
            return None
        if isinstance(result, Exception):
            return int(Code.BAD_PARAMETER)
        for event in result[1]:
            if isinstance(event, CommandRejected):
                return event.code
        return None

    def _units(self, name: str) -> Units | None:
        for units in self.account.units.values():
            if units.name == name:
                return units
        return None

    def _price_ticks(self, units: Units, request: OrderRequested) -> int:
        """Return the limit in ticks; a market order's is its value and the protection beyond."""
        if request.kind is OrderKind.LIMIT:
            return units.ticks(request.price_e9)
        beyond = request.price_e9 * self.member.protection_bps // 10_000
        if request.side is Side.BUY:
            return -(-(request.price_e9 + beyond) // units.tick_e9)
        return max(1, (request.price_e9 - beyond) // units.tick_e9)


class InProcessFeed:
    """A feed of what comes back from sessions; `moves` are asked to go on when all is quiet.

    Each move lets something happen at the exchange, and the feed ends with them. What comes back is
    taken at once, so nothing is in flight when the feed ends ([DESK-D14]). Raises `CannotRunError`
    if the desk's answers to a move lead to `answers_max` reports: it would never be quiet.
    """

    def __init__(
        self,
        sessions: Sequence[ExchangeSession],
        moves: Iterable[Callable[[], object]] = (),
        answers_max: int = 10_000,
    ) -> None:
        self._sessions = sessions
        self._moves = iter(moves)
        self._answers_max = answers_max

    def __iter__(self) -> Iterator[msgspec.Struct]:
        while True:
            yield from self._pending()
            move = next(self._moves, None)
            if move is None:
                return
            move()

    def _pending(self) -> Iterator[msgspec.Struct]:
        """Yield what came back, and what comes back meanwhile, until all is quiet."""
        # What a move brings may be much; the desk's answers bring the rest.
        yield from self._taken()
        answers = 0
        while told := self._taken():
            answers += len(told)
            if answers >= self._answers_max:
                raise CannotRunError(
                    f"expected less than {self._answers_max:,} reports of what the desk itself asks"
                    f" for between two moves, found more, the last a {type(told[-1]).__name__}: a "
                    "strategy answers what its own orders do"
                )
            yield from told

    def _taken(self) -> list[msgspec.Struct]:
        return [reply for session in self._sessions for reply in session.take()]


def _ts_ns(told: RecordFill | RecordFunding) -> int:
    return told.fill.ts_ns if isinstance(told, RecordFill) else told.funding.ts_ns


def _tif(request: OrderRequested) -> ExchangeTif:
    return _TIFS[request.tif]


def _order_type(request: OrderRequested) -> OrderType:
    """Return MARKET for what the exchange calls so: an IOC at its protection."""
    is_market = request.kind is OrderKind.MARKET and request.tif is TimeInForce.IOC
    return OrderType.MARKET if is_market else OrderType.LIMIT


def _flags(request: OrderRequested) -> OrderFlag:
    flags = OrderFlag.NONE
    if request.is_post_only:
        flags |= OrderFlag.POST_ONLY
    if request.is_reduce_only:
        flags |= OrderFlag.REDUCE_ONLY
    if request.is_mmp:
        flags |= OrderFlag.MMP
    return flags
