"""Starts services, watches them, and ends them by a deadline (PIPE-D5).

Owns the lifecycle and the stop flags: they live as long as their service, so a stop always arrives.
Services are given in the order in which values flow, sources first: they start from the far end,
and stop from the source on, so that what is under way gets through.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from lockstep_kernel import CannotRunError


class Service(Protocol):
    """Something that runs until it is told to stop."""

    @property
    def name(self) -> str:
        """Return what it is called in a report."""
        ...

    @property
    def failure(self) -> BaseException | None:
        """Return what ended it, if something did."""
        ...

    def start(self) -> None:
        """Start it."""
        ...

    def request_stop(self) -> None:
        """Ask it to end; returns at once."""
        ...

    def join(self, timeout_s: float) -> bool:
        """Wait for its end; return False if it did not end in time."""
        ...


class ThreadService:
    """A function on a thread: it is given its stop flag, and returns when it finds it set."""

    def __init__(self, name: str, body: Callable[[threading.Event], None]) -> None:
        self.name = name
        self.failure: BaseException | None = None
        self._body = body
        self._stop = threading.Event()
        # A daemon: one that does not end by its deadline is reported, and the program still ends.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def request_stop(self) -> None:
        """Set the flag."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._body(self._stop)
        except BaseException as error:  # noqa: BLE001  # the supervisor tells it
            self.failure = error


class StopReport(NamedTuple):
    """How a stop went: who did not end in time, and who had ended by a failure."""

    late: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]

    @property
    def is_clean(self) -> bool:
        """Return whether all ended, in time and by themselves."""
        return not self.late and not self.failures


class Supervisor:
    """Owns services from start to stop. `with supervisor:` starts and stops them."""

    def __init__(self, services: Sequence[Service], deadline_s: float = 5.0) -> None:
        self._services = tuple(services)
        self._deadline_s = deadline_s
        self._started: list[Service] = []

    def start(self) -> None:
        """Start all, from the far end; if one cannot, stop those that run and raise."""
        for service in reversed(self._services):
            try:
                service.start()
            except BaseException:
                self.stop()
                raise
            self._started.insert(0, service)

    def stop(self) -> StopReport:
        """Stop all, sources first, within one deadline together; a second call does nothing."""
        deadline = time.monotonic() + self._deadline_s
        started, self._started = self._started, []
        late: list[str] = []
        for service in started:
            service.request_stop()
            if not service.join(max(deadline - time.monotonic(), 0)):
                late.append(service.name)
        failures = [
            (s.name, f"{type(s.failure).__name__}: {s.failure}") for s in started if s.failure
        ]
        return StopReport(tuple(late), tuple(failures))

    def check(self) -> None:
        """Raise `CannotRunError` if a service has failed."""
        for service in self._started:
            if service.failure is not None:
                error = service.failure
                raise CannotRunError(f"{service.name} failed: {type(error).__name__}: {error}")

    def __enter__(self) -> "Supervisor":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
