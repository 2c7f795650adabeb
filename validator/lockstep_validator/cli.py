"""Where the program `lockstep-validator` starts: a guard that stands before anything is imported.

Ctrl-C while modules load ends as any other interrupt does. So nothing but what the interpreter has
loaded already is imported here; the program itself is program.py. While that loads an interrupt
waits: raised inside an import it can be swallowed there, or meet an extension module half made.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_INTERRUPTED = 130


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run the program and return its exit code; never raises."""
    try:
        import signal

        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            from lockstep_validator import program
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return program.main(arguments)
    except KeyboardInterrupt:
        print("lockstep-validator: interrupted before a verdict", file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
