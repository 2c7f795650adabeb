"""Draws how far AdvanceTime moves: a little, to a timer, to an edge of a window, over many.

A jump passes a few dozen fundings at most: they run one by one, and some intervals are an hour.
"""

from lockstep_engine.commands import AdvanceTime
from tests.property.dice import Dice, one_in, pick
from tests.property.operations import Asked
from tests.property.scene import Scene
from tests.property.world import ADMIN, MAX_STEP_NS, ORACLE, SECOND, TREASURY, WINDOW_NS

_FUNDINGS_MAX = 40
HOUR_NS, _DAY_NS = 3_600 * SECOND, 86_400 * SECOND
_SOON_NS = (SECOND, 3 * SECOND, 61 * SECOND, 0)


def time(dice: Dice, scene: Scene) -> Asked:
    """Draw AdvanceTime; `advance` draws how far."""
    return pick(dice, (ORACLE, ADMIN, ORACLE, TREASURY)), AdvanceTime()


def advance(dice: Dice, scene: Scene) -> int:
    """Draw the time of an AdvanceTime."""
    now = scene.state.now_ns
    choice = dice.below(16)
    if choice < 4:
        return now + _SOON_NS[choice]
    if choice < 6:
        return scene.next_due()
    aim_ns = _aim(dice, scene, choice)
    if not _is_last(scene, aim_ns) or one_in(dice, 6):
        return affordable(scene, aim_ns)
    return now + 61 * SECOND


def _is_last(scene: Scene, until_ns: int) -> bool:
    """Return whether nothing would trade any more then."""
    listed = scene.state.instruments.values()
    return all(0 < found.expiry_ns <= until_ns for found in listed)


def affordable(scene: Scene, aim_ns: int) -> int:
    """Return that time, or soon if it is past or too many fundings come before it."""
    now = scene.state.now_ns
    is_good = now < aim_ns and _fundings(scene, aim_ns) <= _FUNDINGS_MAX
    return aim_ns if is_good else now + 61 * SECOND


def _aim(dice: Dice, scene: Scene, choice: int) -> int:
    """Draw a time that is mostly far ahead; it may be none."""
    now = scene.state.now_ns
    expiries = sorted({found.expiry_ns for found in scene.state.instruments.values()})
    ahead = [expiry for expiry in expiries if expiry > now]
    if not ahead or choice >= 14:
        due = [funding.next_ns for funding in scene.state.fundings.values()]
        return pick(dice, (*due, now + HOUR_NS)) + pick(dice, (0, -1, 1, 3 * HOUR_NS))
    if choice < 9:
        return ahead[0] - dice.below(2)
    if choice < 13:
        opens_ns = ahead[0] - WINDOW_NS
        into = (-1, 0, 1, WINDOW_NS // 3, WINDOW_NS - MAX_STEP_NS // 2)
        inside_ns = now + pick(dice, (MAX_STEP_NS, 5 * MAX_STEP_NS, 1))
        return opens_ns + pick(dice, into) if now < opens_ns else min(inside_ns, ahead[0] - 1)
    return ahead[dice.below(len(ahead))] + pick(dice, (HOUR_NS, 1, _DAY_NS - WINDOW_NS // 2))


def _fundings(scene: Scene, until_ns: int) -> int:
    """Return how many fundings there are until then."""
    span_ns = until_ns - scene.state.now_ns
    intervals = [funding.interval_s * SECOND for funding in scene.state.fundings.values()]
    return sum(span_ns // interval for interval in intervals)
