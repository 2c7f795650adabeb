"""The desk that runs free: its engine behind turns, and the threads around it."""

from lockstep_desk.live.desk import DeskEndedError, LiveDesk, NotBootedError
from lockstep_desk.live.host import HostLink, HostOptions, LiveHost, Place
from lockstep_desk.live.services import Link, live_services
from lockstep_desk.live.turns import Turns

__all__ = [
    "DeskEndedError",
    "HostLink",
    "HostOptions",
    "Link",
    "LiveDesk",
    "LiveHost",
    "NotBootedError",
    "Place",
    "Turns",
    "live_services",
]
