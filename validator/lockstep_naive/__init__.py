"""The naive exchange: a second machine, written from docs/rules.md alone.

It shares the vocabulary (commands, events, codes) with the engine and no other code, and must agree
with it on every event and every record to the byte. It prefers scanning to keeping: sums, books and
timers are computed from the rows each time they are needed.
"""

from lockstep_naive.machine import MACHINE

__all__ = ["MACHINE"]
