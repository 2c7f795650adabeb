"""Runs one target under atheris, in a process of its own: it never returns.

    python -m tests.fuzz.guided NAME [options of libFuzzer] CORPUS...

The packages are instrumented as they are imported, so nothing of them may be imported before.
"""

import random
import sys

import atheris

from tests.fuzz.catalogue import target_of

PACKAGES = (
    *("lockstep_kernel", "lockstep_engine", "lockstep_naive", "lockstep_journal"),
    *("lockstep_replay", "lockstep_validator", "lockstep_runtime", "tests.machines"),
)
_BLIND_SHARE = 4


def main(arguments: list[str]) -> None:
    """Fuzz until the time is over or something is found."""
    target = target_of(arguments[1])
    with atheris.instrument_imports(include=list(PACKAGES), enable_loader_override=False):
        harness = target.harness()

    def mutate(data: bytes, size_max: int, seed: int) -> bytes:
        def blind(part: bytes) -> bytes:
            return atheris.Mutate(part, min(size_max, 2 * len(part) + 64))

        draw = random.Random(seed)
        if draw.randrange(_BLIND_SHARE) == 0:
            return blind(data)[:size_max]
        return harness.mutate(data, draw, blind)[:size_max]

    atheris.Setup(
        [arguments[0], f"-max_len={target.bytes_max}", *arguments[2:]],
        harness.check,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
