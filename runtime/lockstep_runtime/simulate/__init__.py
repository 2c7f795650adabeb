"""A deterministic simulator of the whole: clients, queue, sequencer, journal, disk, outlets.

It runs the product's own code on a disk and among clients that do everything they may do wrong, and
watches it with a referee that shares no code with it. A seed reproduces a run.
"""

from typing import Final

SEED_FIRST: Final = 1
SEED_LAST: Final = 2**63 - 1
