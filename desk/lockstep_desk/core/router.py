"""One way to each venue ([DESK-13], [DESK-06]).

A request for a venue that has none is an error after which the desk stops: the order was let go,
and there is nobody to take it.
"""

from collections.abc import Mapping, Sequence

import msgspec

from lockstep_desk.core.codes import SendError
from lockstep_desk.core.events import CancelRequested, OrderQueried, OrderRequested
from lockstep_desk.core.hooks import Sender


class Router:
    """Hands each request to the sender of its venue; venues end and are drained by name.

    `failures` says by venue of what its end died.
    """

    def __init__(self, senders: Mapping[str, Sender]) -> None:
        self._senders = dict(sorted(senders.items()))
        self.failures: dict[str, str] = {}

    def send(self, request: OrderRequested | CancelRequested) -> SendError:
        """Hand a request over to its venue."""
        sender = self._senders.get(request.venue)
        return SendError.NO_CHANNEL if sender is None else sender.send(request)

    def query(self, request: OrderQueried) -> SendError:
        """Ask a venue what became of an order."""
        sender = self._senders.get(request.venue)
        return SendError.NO_CHANNEL if sender is None else sender.query(request)

    def shutdown(self) -> None:
        """End every way, also after one that raises."""
        for venue, sender in self._senders.items():
            try:
                sender.shutdown()
            except Exception as error:  # noqa: BLE001  # it must not keep the others from ending
                self.failures[venue] = f"{type(error).__name__}: {error}"
        self._senders = {v: s for v, s in self._senders.items() if v not in self.failures}

    def drain(self) -> Sequence[msgspec.Struct]:
        """Return what came back from every venue."""
        return [reply for sender in self._senders.values() for reply in sender.drain()]
