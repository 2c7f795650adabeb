"""Which faults a run may meet, when they fire, and what was reached.

Every run draws which kinds are armed, and how often each of those fires: a run without a kind
reaches what that kind would hide. Nothing here knows what a fault does.
"""

from collections import Counter
from enum import StrEnum
from random import Random

import msgspec


class Fault(StrEnum):
    """The kinds of faults. The disk's first, then those of processes, outlets and clients."""

    KILL = "process killed at a step of the disk"
    KILL_OUTSIDE = "process killed between commit, publishing and answer"
    POWER_LOSS = "power lost at a step of the disk"
    REORDER = "power loss kept later unsynced writes and lost earlier ones"
    TEAR = "power loss tore an unsynced write"
    WRITE_FAILS = "a write fails"
    DISK_FULL = "a write finds the disk full"
    SYNC_FAILS = "a sync fails"
    META_FAILS = "the write of a meta page fails"
    MAP_FULL = "the map is at its limit"
    LOST_WRITE = "a synced write was never written"
    STRAY_WRITE = "a synced write went to another page, too"
    FLIP = "a bit of a synced page flips"
    FOREIGN_SNAPSHOT = "a snapshot holds another state, under a good check"
    ZOMBIE = "an owner goes on after another took over"
    SLOW_SINK = "a sink is slow"
    DYING_SINK = "a sink dies"
    DYING_PUBLISHER = "a subscriber's link breaks"
    CUT_STREAM = "a follower's stream is cut within a frame"
    LOST_REQUEST = "a request is lost"
    LOST_ANSWER = "an answer is lost"
    TWICE = "a request arrives twice"
    LATE = "a request arrives late"
    MALFORMED = "a request is no command"
    UNKNOWN_RULES = "a request asks for rules that this release lacks"
    CLOCK_BACK = "the wall clock goes back"


class Reached(StrEnum):
    """What a run should have come through at least once in a campaign."""

    CREATED_AGAIN = "a journal was made anew after a crash in its making"
    FROM_GENESIS = "recovered from genesis"
    FROM_SNAPSHOT = "recovered from a snapshot"
    FELL_BACK = "recovered behind a bad snapshot"
    BATCH_KEPT = "an unanswered batch survived a crash"
    BATCH_LOST = "an unanswered batch did not survive a crash"
    WRITER_ENDED = "a failed commit ended the writer"
    MAP_FULL = "a full map ended the writer"
    FENCED = "a newer owner's epoch ended the writer"
    RECLAIM_REFUSED = "a claim met a newer owner"
    DAMAGE_NAMED = "damage stopped a recovery and was named"
    PAGES_UNREADABLE = "damaged pages could not be followed"
    VERIFY_NAMED = "a verification named a damaged record"
    VERIFIED = "a verification found nothing wrong"
    RESTORED = "a damaged journal was restored from a stream"
    SINK_DETACHED = "a sink was detached and the others went on"
    PUBLISHER_DETACHED = "a publisher was detached and the others went on"
    STREAM_TORN = "a torn stream was named"
    FOLLOWER_RESUMED = "a follower went on where it was"
    FOLLOWER_STOPPED = "a follower met damage and stopped"
    REPEAT_KNOWN = "a repeated request was recognised"
    NONCE_REFUSED = "a used nonce was refused"
    MALFORMED_REFUSED = "bytes that are no command were refused"
    RULES_REFUSED = "unknown rules were refused"
    RULES_SWITCHED = "the rules changed"
    SNAPSHOT_TAKEN = "a snapshot was taken"
    SNAPSHOT_PRUNED = "old snapshots were pruned"
    ARCHIVED = "old records left the journal"
    EXCHANGE = "the machine was the exchange"
    ALL_ANSWERED = "every request was answered in the end"


class Plan(msgspec.Struct, frozen=True):
    """What a run may meet: the armed faults and the chance, in a thousand, that each fires."""

    armed: dict[Fault, int]


_CHANCES = (5, 20, 60, 150)
_RARE = (Fault.WRITE_FAILS, Fault.DISK_FULL, Fault.LOST_WRITE, Fault.STRAY_WRITE)
"""What may happen at every page that is written: a few times in a run are enough."""
_RARE_CHANCES = (2, 8, 20, 40)


def draw_plan(dice: Random) -> Plan:
    """Arm each kind of fault with a chance of its own; one run in sixteen meets none."""
    if dice.randrange(16) == 0:
        return Plan({})
    percent = dice.choice((15, 35, 60))
    armed = [kind for kind in Fault if dice.randrange(100) < percent]
    return Plan({kind: dice.choice(_RARE_CHANCES if kind in _RARE else _CHANCES) for kind in armed})


class Board:
    """Fires what a plan arms, from the run's dice, and counts what fired and what was reached."""

    def __init__(self, plan: Plan, dice: Random) -> None:
        self.plan = plan
        self.dice = dice
        self.fired: Counter[Fault] = Counter()
        self.reached: Counter[Reached] = Counter()
        self.is_quiet = False

    def is_armed(self, kind: Fault) -> bool:
        """Whether this run may meet a fault, now."""
        return not self.is_quiet and kind in self.plan.armed

    def draws(self, kind: Fault) -> bool:
        """Whether a fault shall happen; whoever makes it happen counts it."""
        return self.is_armed(kind) and self.dice.randrange(1000) < self.plan.armed[kind]

    def fires(self, kind: Fault, weight: int = 1) -> bool:
        """Whether a fault happens here; it is counted if so. `weight` makes it more likely."""
        if not self.is_armed(kind):
            return False
        if self.dice.randrange(1000) >= self.plan.armed[kind] * weight:
            return False
        self.fired[kind] += 1
        return True

    def count(self, kind: Fault) -> None:
        """Count a fault that was decided elsewhere."""
        self.fired[kind] += 1

    def reach(self, what: Reached) -> None:
        """Count something reached."""
        self.reached[what] += 1

    def calm(self) -> None:
        """Let nothing happen any more: the run comes to its end."""
        self.is_quiet = True
