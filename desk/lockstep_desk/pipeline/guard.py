"""What becomes of a trader that raises: back-off, then again, and after too often its halt.

Owns the counts per trader. Time is that of the contexts, never a clock: in `lockstep` mode the same
run backs off and halts at the same sequence numbers ([PIPE-19], section 6.4).
"""

from dataclasses import dataclass, field

from lockstep_desk.errors import need_int

_MS_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """When a trader is asked again: `first_ns` after a failure, twice that after the next, up to
    `cap_ns`. `failures_max` of them halt it, unless `forget_ns` passed without one in between.
    """

    first_ns: int = 125 * _MS_NS
    cap_ns: int = 60_000 * _MS_NS
    failures_max: int = 5
    forget_ns: int = 600_000 * _MS_NS

    def __post_init__(self) -> None:
        need_int("first_ns", self.first_ns, 0)
        need_int("cap_ns", self.cap_ns, self.first_ns)
        need_int("failures_max", self.failures_max, 1, 50)
        need_int("forget_ns", self.forget_ns, 1)


@dataclass(slots=True)
class Health:
    """How a trader does: failures ever, failures that count, and when it may be asked again."""

    failures: int = 0
    counted: int = 0
    resume_ns: int = 0
    last_failure_ns: int = 0
    last_error: str = ""
    is_halted: bool = False
    is_paused: bool = False


@dataclass(slots=True)
class Guard:
    """The health of every trader."""

    policy: FailurePolicy
    healths: list[Health] = field(default_factory=list)

    @classmethod
    def of(cls, traders: int, policy: FailurePolicy) -> "Guard":
        """Return the guard of that many healthy traders."""
        return cls(policy, [Health() for _ in range(traders)])

    def may_run(self, trader: int, now_ns: int) -> bool:
        """Return whether a trader may be asked now."""
        health = self.healths[trader]
        return not (health.is_halted or health.is_paused) and now_ns >= health.resume_ns

    def failed(self, trader: int, now_ns: int, error: str) -> bool:
        """Count a failure; return True once, when it is the one that halts."""
        health, policy = self.healths[trader], self.policy
        if health.counted and now_ns - health.last_failure_ns >= policy.forget_ns:
            health.counted = 0
        health.failures += 1
        health.counted += 1
        health.last_failure_ns = now_ns
        health.last_error = error
        wait_ns = min(policy.first_ns << (health.counted - 1), policy.cap_ns)
        health.resume_ns = now_ns + wait_ns
        is_last_straw = health.counted >= policy.failures_max and not health.is_halted
        health.is_halted = health.is_halted or is_last_straw
        return is_last_straw

    def clear(self, trader: int) -> None:
        """Let a halted trader run again, as an operator asked for; what it failed stays counted."""
        health = self.healths[trader]
        health.is_halted = False
        health.counted = 0
        health.resume_ns = 0
