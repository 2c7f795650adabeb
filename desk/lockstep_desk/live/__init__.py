"""The desk that runs free: its engine behind turns, and the threads around it."""

from lockstep_desk.live.desk import DeskEndedError, LiveDesk
from lockstep_desk.live.monitor import HaltMonitor
from lockstep_desk.live.services import Link, live_services
from lockstep_desk.live.turns import Turns

__all__ = [
    "DeskEndedError",
    "HaltMonitor",
    "Link",
    "LiveDesk",
    "Turns",
    "live_services",
]
