"""The way between desk and exchange, on which everything takes time; nothing on it is ever lost.

Owns what is under way: requests on their way out, reports on their way back, by (time of arrival,
order of departure). The clock moves to what arrives next and by nothing else ([DESK-D13]); at the
end of the data it moves on until nothing is under way ([DESK-D14]).
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from lockstep_desk.adapters.exchange import ExchangeSession
from lockstep_desk.clock import SequencedClock
from lockstep_desk.core.codes import SendError
from lockstep_desk.core.events import CancelRequested, OrderQueried, OrderRequested
from lockstep_kernel import check

_REQUESTS = (OrderRequested, CancelRequested, OrderQueried)


class DelayedLink:
    """A sender of the desk: a session per account, behind a wire of `one_way_ns`, at least 1."""

    def __init__(
        self, sessions: Mapping[str, ExchangeSession], clock: SequencedClock, one_way_ns: int
    ) -> None:
        self.one_way_ns = one_way_ns
        self._sessions = sessions
        self._clock = clock
        self._is_open = True
        self._under_way: list[tuple[int, int, msgspec.Struct]] = []
        self._departed = 0

    def send(self, request: OrderRequested | CancelRequested) -> SendError:
        """Put a request on its way."""
        return self._depart(request)

    def query(self, request: OrderQueried) -> SendError:
        """Put a question on its way."""
        return self._depart(request)

    def shutdown(self) -> None:
        """Take no more requests; those that are under way arrive."""
        self._is_open = False

    def drain(self) -> Sequence[msgspec.Struct]:
        """Move the clock on to what arrives next at the desk; return that, at the end nothing."""
        while self._under_way:
            report = self._arrive()
            if report is not None:
                return [report]
        return []

    def deliver(self, until_ns: int) -> Iterator[msgspec.Struct]:
        """Yield what arrives at the desk up to a time, with what comes of it meanwhile."""
        while self._under_way and self._under_way[0][0] <= until_ns:
            report = self._arrive()
            if report is not None:
                yield report

    def collect(self) -> None:
        """Put what the exchange said on its way to the desk."""
        for session in self._sessions.values():
            for report in session.take():
                self.report(report)

    def report(self, report: msgspec.Struct) -> None:
        """Put a report of the market or the account on its way to the desk."""
        arrives_ns = self._clock.now_ns() + self.one_way_ns
        self._departed += 1
        heapq.heappush(self._under_way, (arrives_ns, self._departed, report))

    def _depart(self, request: msgspec.Struct) -> SendError:
        if not self._is_open:
            return SendError.TERMINATED
        self.report(request)
        return SendError.NONE

    def _arrive(self) -> msgspec.Struct | None:
        """Let what is next arrive; return it if it was on its way to the desk."""
        arrives_ns, _order, item = heapq.heappop(self._under_way)
        self._clock.observe(max(arrives_ns, self._clock.now_ns()))
        if not isinstance(item, _REQUESTS):
            return item
        session = self._sessions[item.account]
        error = session.query(item) if isinstance(item, OrderQueried) else session.send(item)
        check(error is SendError.NONE, f"expected the exchange to take a request, found {error}")
        self.collect()
        return None
