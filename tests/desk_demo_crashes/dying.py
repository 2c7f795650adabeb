"""A host of the demo that kills itself: `python -m tests.desk_demo_crashes.dying POINT`.

POINT is `desk:SEQ:before`, `desk:SEQ:after`, the same of `exchange` (before or after the commit of
that command is durable), or `time:SECONDS` after the host began. The death is a SIGKILL.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable


def die() -> None:
    """End as the kernel would end it: nothing is flushed, nobody is told."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str) -> None:
    """Let this process die at a point."""
    kind, _, rest = point.partition(":")
    if kind == "time":
        timer = threading.Timer(float(rest), die)
        timer.daemon = True
        timer.start()
        return
    number, _, when = rest.partition(":")
    _arm_journal(kind, int(number), is_before=when == "before")


def _arm_journal(name: str, seq: int, *, is_before: bool) -> None:
    from lockstep_journal.writer import Owner

    append: Callable[..., int] = Owner.append

    def dying(owner: Owner, batch: list[tuple[int, ...]]) -> int:
        is_due = owner.directory.name == name and bool(batch) and batch[-1][0] >= seq
        if is_due and is_before:
            die()
        last_seq = append(owner, batch)
        if is_due:
            die()
        return last_seq

    Owner.append = dying  # type: ignore[assignment,method-assign]  # this process is made to die


if __name__ == "__main__":
    from lockstep_desk.demo.host import main

    arm(sys.argv[1])
    sys.exit(main())
