"""Links: the market data of a venue, and what happens in an account ([DESK-22]).

Owns their health. Anything that comes over a link heals it; the whole is healthy when every link
is.
"""

from lockstep_desk.core.codes import Health, Link
from lockstep_desk.core.events import HealthChanged
from lockstep_desk.core.notes import Events
from lockstep_desk.core.state import DeskCore


def heal(core: DeskCore, events: Events, link: Link, key: str) -> None:
    """Take note that a link delivers. O(1), and nothing to do when all are healthy."""
    if core.lost_links:
        _set(core, events, link, key, Health.HEALTHY)


def lose(core: DeskCore, events: Events, link: Link, key: str) -> None:
    """Take note that a link is lost."""
    _set(core, events, link, key, Health.RECONNECTING)


def count_lost(core: DeskCore) -> int:
    """Return how many links are not healthy, counted anew."""
    venues = [venue.health for venue in core.venues.values()]
    accounts = [account.health for account in core.accounts.values()]
    return sum(health is not Health.HEALTHY for health in venues + accounts)


def _set(core: DeskCore, events: Events, link: Link, key: str, health: Health) -> None:
    end = core.link(link, key)
    if end is None or end.health is health:
        return
    end.health = health
    core.lost_links += 1 if health is Health.RECONNECTING else -1
    core.touch(end)
    events.append(HealthChanged(link, key, health, core.is_global_healthy()))
