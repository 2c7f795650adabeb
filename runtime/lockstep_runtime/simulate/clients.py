"""Those who ask: clients of a till, and a market on the exchange; the network between.

A client waits for its answer and asks again if none comes: with the same bytes, or under a new
nonce; the request id is what makes that safe. The network loses, doubles and delays both ways.
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple, Protocol

import msgspec

from lockstep_engine.exchange import MACHINE
from lockstep_journal import Result
from lockstep_kernel import Genesis
from lockstep_runtime.feeds.market import MarketFeed
from lockstep_runtime.simulate import till
from lockstep_runtime.simulate.faults import Board, Fault, Reached
from lockstep_runtime.simulate.framing import encode

_PATIENCE = 40
_LATE_MAX = 120
_WINDOW = 6


class Ticket(NamedTuple):
    """One request on its way: who asks, which of its requests it is, the bytes."""

    client: int
    number: int
    body: bytes
    proposed_ns: int | None = None


class Client(Protocol):
    """Asks, and is answered."""

    def act(self, now: int) -> list[Ticket]:
        """Return what is sent now."""
        ...

    def take(self, ticket: Ticket, result: Result) -> None:
        """Take an answer."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to ask or to be answered."""
        ...


class Network:
    """Carries requests to the queue and answers back."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._queue: list[tuple[int, int, Ticket]] = []
        self._count = 0

    def send(self, now: int, tickets: list[Ticket]) -> None:
        """Send requests; some are lost, late, or arrive twice."""
        board = self._board
        for ticket in tickets:
            if board.fires(Fault.LOST_REQUEST):
                continue
            copies = 2 if board.fires(Fault.TWICE) else 1
            for _ in range(copies):
                delay = board.dice.randrange(_LATE_MAX) if board.fires(Fault.LATE) else 0
                self._count += 1
                self._queue.append((now + delay, self._count, ticket))

    def take(self, now: int, most: int) -> list[Ticket]:
        """Return the requests that have arrived, in order, at most so many."""
        arrived = sorted(entry for entry in self._queue if entry[0] <= now)[:most]
        for entry in arrived:
            self._queue.remove(entry)
        return [ticket for _due, _count, ticket in arrived]

    def is_answer_lost(self) -> bool:
        """Whether an answer does not arrive."""
        return self._board.fires(Fault.LOST_ANSWER)


class TillClient:
    """One account's holder. Client 0 is the world outside, from which all money comes."""

    def __init__(self, number: int, count: int, requests: int, board: Board) -> None:
        self._account = number
        self._accounts = count
        self._left = requests
        self._board = board
        self._nonce = 0
        self._number = 0
        self._waiting: till.Pay | None = None
        self._sent = 0

    @property
    def is_done(self) -> bool:
        """Whether every request was made and answered."""
        return self._left == 0 and self._waiting is None

    def act(self, now: int) -> list[Ticket]:
        """Make a request, or ask again when the answer is long in coming."""
        if self._waiting is None:
            return self._ask(now) if self._left else []
        if now - self._sent < _PATIENCE:
            return []
        self._sent = now
        if self._board.dice.randrange(2):
            self._waiting = msgspec.structs.replace(self._waiting, nonce=self._next_nonce())
        return [Ticket(self._account, self._number, encode(self._waiting))]

    def take(self, ticket: Ticket, result: Result) -> None:
        """Take an answer; one to an older request is of no use any more."""
        if ticket.number == self._number and isinstance(result, tuple):
            self._waiting = None

    def _ask(self, now: int) -> list[Ticket]:
        board, dice = self._board, self._board.dice
        if board.fires(Fault.MALFORMED):
            return [Ticket(self._account, 0, self._mangled(dice))]
        if board.fires(Fault.UNKNOWN_RULES):
            return [Ticket(self._account, 0, encode(till.ActivateRules(9)))]
        if dice.randrange(150) == 0:
            return [Ticket(self._account, 0, encode(till.ActivateRules(dice.randrange(1, 3))))]
        self._left -= 1
        self._number += 1
        self._sent = now
        self._waiting = self._new_pay(dice)
        return [Ticket(self._account, self._number, encode(self._waiting))]

    def _new_pay(self, dice: Random) -> till.Pay:
        target = dice.randrange(self._accounts)
        amount = dice.choice((0, 1, 7, 100, 100, 5_000, 2_000_000))
        is_reusing = self._nonce > 0 and dice.randrange(20) == 0
        nonce = self._nonce if is_reusing else self._next_nonce()
        request = self._number.to_bytes(3, "big")
        return till.Pay(self._account, nonce, request, target, amount)

    def _next_nonce(self) -> int:
        self._nonce += 1
        return self._nonce

    def _mangled(self, dice: Random) -> bytes:
        body = bytearray(encode(till.Pay(self._account, 1, b"x", 1, 1)))
        match dice.randrange(4):
            case 0:
                del body[dice.randrange(len(body)) :]
            case 1:
                body.append(dice.randrange(256))
            case 2:
                body[1] = 0x7F
            case _:
                # The last number, 1, in two bytes instead of one: the same command, not canonical.
                body[-1:] = b"\xcc\x01"
        return bytes(body)


class MarketClient:
    """The simulated market, asking in order, a few commands at a time."""

    def __init__(
        self, seed: int, count: int, first_events: Callable[[bytes], Sequence[msgspec.Struct]]
    ) -> None:
        feed = MarketFeed(seed, count)
        self._feed = feed
        self._chunks = feed.chunks()
        self._items = self._bodies()
        self._open: dict[int, Ticket] = {}
        self._sent = 0
        self._number = 0
        self._left = count
        self._first_events = first_events
        self._answered: dict[int, bytes] = {}
        self._told = 0

    def genesis(self) -> Genesis:
        """Return the genesis of the market."""
        return self._feed.genesis()

    @property
    def is_done(self) -> bool:
        """Whether every command was answered."""
        return self._left == 0 and not self._open

    def act(self, now: int) -> list[Ticket]:
        """Send the next commands, or those again that were not answered."""
        if self._open:
            if now - self._sent < _PATIENCE:
                return []
            self._sent = now
            return list(self._open.values())
        self._sent = now
        while self._left and len(self._open) < _WINDOW:
            self._number += 1
            self._left -= 1
            ts_ns, body = next(self._items)
            self._open[self._number] = Ticket(0, self._number, body, ts_ns)
        return list(self._open.values())

    def take(self, ticket: Ticket, result: Result) -> None:
        """Take an answer, the first one to each command; the market hears them in order."""
        if self._open.pop(ticket.number, None) is None:
            return
        self._answered[ticket.number] = ticket.body
        while self._told + 1 in self._answered:
            self._told += 1
            self._feed.listen(self._first_events(self._answered.pop(self._told)))

    def _bodies(self) -> Iterator[tuple[int, bytes]]:
        for chunk in self._chunks:
            for ts_ns, command in chunk:
                yield ts_ns, MACHINE.codec.encode(command)


def till_clients(board: Board) -> list[Client]:
    """Return some clients of a till, with something to ask."""
    count = board.dice.randrange(2, 7)
    requests = board.dice.randrange(5, 40)
    return [TillClient(number, count, requests, board) for number in range(count)]


def note_refusal(board: Board, result: Result) -> None:
    """Count what a refusal shows."""
    if isinstance(result, tuple):
        return
    is_rules = type(result).__name__ == "UnsupportedError"
    board.reach(Reached.RULES_REFUSED if is_rules else Reached.MALFORMED_REFUSED)
