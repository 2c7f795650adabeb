"""A child process that writes a journal to its output as a portable stream.

    python -m lockstep_journal.reader DIR [--from-seq N] [--follow] [--events]

A truncated LMDB file kills the process that reads it: so whoever must survive reads a journal
through this program. It begins at genesis, or at the newest whole snapshot below `--from-seq`, or
at the snapshot at which an archived journal begins. With `--follow` it waits for more, and ends the
stream on SIGTERM. Exit codes: 0 ended or nobody reads any more, 2 damaged, 3 could not run.
"""

import argparse
import os
import select
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from lockstep_journal.errors import told
from lockstep_journal.store import Journal, open_reader
from lockstep_journal.transfer import Exporter, retained_events
from lockstep_kernel import LockstepError
from lockstep_kernel.errors import EXIT_CANNOT_RUN, EXIT_OK

_OUTPUT = 1
_POLL_MS = 20


class _Stop:
    """Set by SIGTERM and SIGINT; a stream is only ended between two frames."""

    def __init__(self) -> None:
        self.is_set = False
        signal.signal(signal.SIGTERM, self._set)
        signal.signal(signal.SIGINT, self._set)

    def _set(self, _number: int, _frame: FrameType | None) -> None:
        self.is_set = True


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    parser = argparse.ArgumentParser(prog="lockstep_journal.reader", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--from-seq", type=int, default=None)
    parser.add_argument("--follow", action="store_true")
    parser.add_argument("--events", action="store_true")
    try:
        options = parser.parse_args(argv)
    except SystemExit as stop:
        return EXIT_CANNOT_RUN if stop.code else EXIT_OK
    stop_signal = _Stop()
    try:
        with open_reader(options.directory) as journal:
            events = retained_events(journal) if options.events else None
            exporter = Exporter(journal, _write, events)
            exporter.begin(options.from_seq)
            for skipped in exporter.skipped:
                print(f"reader: skipped {skipped.reason}", file=sys.stderr)
            _send(journal, exporter, stop_signal, options.follow)
    except BrokenPipeError:
        return EXIT_OK
    except LockstepError as error:
        print(f"reader: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"reader: {told(error)}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    return EXIT_OK


def _send(journal: Journal, exporter: Exporter, stop: _Stop, is_following: bool) -> None:
    """Write records until the end, or until nobody wants more; compare each end with them."""
    while True:
        exporter.send_to(journal.end().last_seq, lambda: stop.is_set)
        journal.check_end()
        if stop.is_set or not is_following:
            break
        if _wait_or_is_closed():
            return
    exporter.finish()


def _wait_or_is_closed() -> bool:
    """Wait a little; return whether the other end of the output is gone."""
    poll = select.poll()
    poll.register(_OUTPUT, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _fd, event in poll.poll(_POLL_MS))


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_OUTPUT, view) :]


if __name__ == "__main__":
    sys.exit(main())
