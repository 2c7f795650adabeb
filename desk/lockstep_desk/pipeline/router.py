"""Who is concerned: from an instrument to its traders, from a target to the traders it names.

Owns the index, built once. Looking up an event is O(1): no broadcast, no filter at the receiver
([PIPE-14]). The key is the instrument's id, never its asset (PIPE-D9).
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lockstep_desk.errors import InvalidValueError, need_int, need_text
from lockstep_desk.strategy.catalog import StrategySpec


@dataclass(frozen=True, slots=True)
class Trader:
    """One strategy on one instrument, for one deployment. `index` is its place in the portfolio.

    `cadence_ns` is how much time lies at least between two questions to it ([PIPE-15]), `account`
    is where its orders go.
    """

    index: int
    deployment_id: str
    instrument: str
    strategy: StrategySpec
    cadence_ns: int = 0
    account: str = "main"

    def __post_init__(self) -> None:
        need_int("index", self.index, 0)
        need_text("deployment_id", self.deployment_id)
        need_text("instrument", self.instrument)
        need_int("cadence_ns", self.cadence_ns, 0)
        need_text("account", self.account)


class Address(Enum):
    """What the key of a target names."""

    ALL = "all"
    INSTRUMENT = "instrument"
    DEPLOYMENT = "deployment"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a command is for; ALL takes no key (PIPE-D4)."""

    address: Address = Address.ALL
    key: str = ""


class Router:
    """The traders of a portfolio, by index, by instrument and by deployment."""

    def __init__(self, traders: Sequence[Trader]) -> None:
        self.traders = tuple(traders)
        self._by_instrument: dict[str, tuple[int, ...]] = {}
        self._by_deployment: dict[str, tuple[int, ...]] = {}
        for place, trader in enumerate(self.traders):
            if trader.index != place:
                raise InvalidValueError(
                    f"trader of deployment {trader.deployment_id}: expected index {place}, its "
                    f"place in the portfolio, found {trader.index}"
                )
            if trader.deployment_id in self._by_deployment:
                raise InvalidValueError(
                    f"trader {place}: expected a deployment of its own, found "
                    f"{trader.deployment_id}, which trader "
                    f"{self._by_deployment[trader.deployment_id][0]} trades for"
                )
            self._by_deployment[trader.deployment_id] = (place,)
            others = self._by_instrument.get(trader.instrument, ())
            self._by_instrument[trader.instrument] = (*others, place)

    @property
    def instruments(self) -> tuple[str, ...]:
        """Return the instruments that somebody trades, in the order of their first trader."""
        return tuple(self._by_instrument)

    def traders_of(self, instrument: str) -> tuple[int, ...]:
        """Return the indexes of the traders of an instrument, ascending; () if nobody trades it."""
        return self._by_instrument.get(instrument, ())

    def named_by(self, target: Target) -> tuple[int, ...]:
        """Return each trader that a target names, once, ascending; an unknown key raises."""
        if target.address is Address.ALL:
            return tuple(range(len(self.traders)))
        is_instrument = target.address is Address.INSTRUMENT
        index = self._by_instrument if is_instrument else self._by_deployment
        named = index.get(target.key)
        if named is None:
            what = target.address.value
            raise InvalidValueError(
                f"target: expected a known {what}{nearest(target.key, index)}, found '{target.key}'"
            )
        return named


def nearest(word: str, known: Sequence[str] | dict[str, tuple[int, ...]]) -> str:
    """Return a hint that names the known word that looks most like `word`, "" if none does."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean '{close[0]}'?)" if close else ""
