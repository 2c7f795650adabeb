"""Many seeds: what was armed, what fired, what was reached, and the first seed that failed."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from lockstep_runtime.simulate import SEED_LAST
from lockstep_runtime.simulate.faults import Fault, Reached
from lockstep_runtime.simulate.world import Outcome, simulate

Progress = Callable[["Campaign"], None]


class Campaign:
    """The sums over the seeds that were run."""

    def __init__(self) -> None:
        self.seeds = 0
        self.steps = 0
        self.commands = 0
        self.last_hash = ""
        self.armed: Counter[Fault] = Counter()
        self.fired: Counter[Fault] = Counter()
        self.reached: Counter[Reached] = Counter()
        self.failures: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Count a seed."""
        self.seeds += 1
        self.steps += outcome.steps
        self.commands += outcome.commands
        self.last_hash = outcome.hash
        self.armed.update(outcome.board.plan.armed.keys())
        self.fired.update(outcome.board.fired)
        self.reached.update(outcome.board.reached)
        if outcome.violation:
            self.failures.append(outcome)

    def missing(self) -> list[str]:
        """Return the faults that never fired and what was never reached."""
        faults = [str(kind) for kind in Fault if not self.fired[kind]]
        return faults + [str(what) for what in Reached if not self.reached[what]]


def run_seeds(seeds: Iterable[int], progress: Progress, is_first_only: bool) -> Campaign:
    """Run seeds, to the end or to the first that fails."""
    campaign = Campaign()
    for seed in seeds:
        campaign.add(simulate(seed))
        progress(campaign)
        if campaign.failures and is_first_only:
            break
    return campaign


def seeds_for(first: int, seconds: float) -> Iterator[int]:
    """Yield seeds from `first` on until the time is over, or there are no more."""
    deadline = time.monotonic() + seconds
    seed = first
    while seed <= SEED_LAST and time.monotonic() < deadline:
        yield seed
        seed += 1
