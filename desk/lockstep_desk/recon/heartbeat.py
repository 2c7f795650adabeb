"""Heartbeats: each service says that it lives; one that falls silent raises an alert ([RECON-51]).

Owns the last beat of each service. Time is given to it. An alert is named by service and last beat,
so a silence alerts once, however often it is looked at, and the next silence alerts again.
"""

from lockstep_desk.errors import InvalidValueError, need_int, need_text
from lockstep_desk.recon.alerts import make_alert
from lockstep_desk.types import Alert


class Heartbeats:
    """When each service was heard of last, and how long it may be silent."""

    __slots__ = ("last_ns", "window_ns")

    def __init__(self) -> None:
        self.window_ns: dict[str, int] = {}
        self.last_ns: dict[str, int] = {}

    def expect(self, service: str, window_ns: int, now_ns: int) -> None:
        """Expect a beat of a service at least every `window_ns`, the first one from now on."""
        self.window_ns[need_text("service", service)] = need_int("window_ns", window_ns, 1)
        self.last_ns[service] = need_int("now_ns", now_ns, 0)

    def beat(self, service: str, now_ns: int) -> None:
        """Take note of a beat; a beat that comes late and out of order changes nothing."""
        if service not in self.window_ns:
            known = ", ".join(self.window_ns) or "none"
            raise InvalidValueError(f"service: expected one of {known}, found {service!r}")
        self.last_ns[service] = max(self.last_ns[service], now_ns)

    def overdue(self, now_ns: int) -> tuple[Alert, ...]:
        """Return an alert for each service that is silent for longer than its window."""
        return tuple(
            make_alert(
                "HEARTBEAT_MISSING",
                f"heartbeat|{service}|{last_ns}",
                ("service", service),
                ("silent_ns", str(now_ns - last_ns)),
                ("window_ns", str(self.window_ns[service])),
            )
            for service, last_ns in self.last_ns.items()
            if now_ns - last_ns > self.window_ns[service]
        )
