"""The threads of a live desk: two for each link, and those of the pipeline.

What a link's account reports goes into the desk beside the market feed, so a full channel of market
data delays no fill. What its market says goes into the pipeline, and to the desk alone if nobody
trades the instrument.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from lockstep_desk.live.desk import LiveDesk
from lockstep_desk.pipeline.channel import Channel, ChannelClosedError
from lockstep_desk.pipeline.live import Pipeline
from lockstep_desk.pipeline.supervisor import Service, ThreadService
from lockstep_desk.strategy.market import MarketEvent

_IDLE_S = 0.05
"""How long a service of a link waits at most before it looks at its stop flag."""


class Link(Protocol):
    """What comes from one venue: reports of the account, and what the market says."""

    @property
    def market(self) -> Channel[MarketEvent]:
        """What the market says; it conflates, and is closed when the link ends."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Wait until a report is there, or for so long."""
        ...

    def take(self) -> Sequence[msgspec.Struct]:
        """Return and forget the reports that are there, oldest first; none is ever dropped."""
        ...


def live_services(
    pipeline: Pipeline,
    desk: LiveDesk,
    links: Mapping[str, Link],
    feeds: Sequence[tuple[str, Iterable[MarketEvent]]] = (),
) -> list[Service]:
    """Return all services of a live desk, sources first, for one supervisor.

    What accounts report is still taken while answers on their way are sent: those come last.
    """
    return [
        *(
            ThreadService(f"market of {name}", _Market(pipeline, desk, link))
            for name, link in links.items()
        ),
        *pipeline.services(feeds),
        *(
            ThreadService(f"reports of {name}", _Reports(desk, link))
            for name, link in links.items()
        ),
    ]


class _Market:
    """Publishes what a link's market says; of an instrument that nobody trades only the desk."""

    def __init__(self, pipeline: Pipeline, desk: LiveDesk, link: Link) -> None:
        self._pipeline = pipeline
        self._desk = desk
        self._link = link

    def __call__(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                event = self._link.market.take(_IDLE_S)
            except ChannelClosedError:
                return
            if event is not None and not self._pipeline.publish(event):
                self._desk.observe(event)


class _Reports:
    """Lets the desk take what a link's account reports, to the last."""

    def __init__(self, desk: LiveDesk, link: Link) -> None:
        self._desk = desk
        self._link = link

    def __call__(self, stop: threading.Event) -> None:
        while True:
            is_last = stop.is_set()
            self._desk.take(self._link.take())
            if is_last:
                return
            self._desk.check_running()
            self._link.wait(_IDLE_S)
