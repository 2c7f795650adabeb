"""The strategies that can be named in a configuration, with the options that each takes.

A configuration names strategies out of a catalog; it can never name code to import.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, cast

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.strategy.base import Algo
from lockstep_desk.strategy.examples import (
    BuyWhenFlat,
    FlatOptions,
    HeikinAshiOptions,
    HeikinAshiTrend,
    RsiOptions,
    RsiReversion,
    SmaCross,
    SmaOptions,
)
from lockstep_desk.strategy.maker import MakerOptions, MarketMaker


@dataclass(frozen=True, slots=True)
class Entry:
    """A strategy: its options (a dataclass of integers) and what builds it from them."""

    options: type
    build: Callable[[Any], Algo]

    @property
    def option_names(self) -> tuple[str, ...]:
        """Return the names of all options, in their order."""
        return tuple(field.name for field in fields(self.options))

    @property
    def required(self) -> tuple[str, ...]:
        """Return the names of the options that have no default."""
        return tuple(field.name for field in fields(self.options) if field.default is MISSING)


Catalog = Mapping[str, Entry]

STRATEGIES: Catalog = {
    "buy_when_flat": Entry(FlatOptions, BuyWhenFlat),
    "heikin_ashi": Entry(HeikinAshiOptions, HeikinAshiTrend),
    "market_maker": Entry(MakerOptions, MarketMaker),
    "rsi": Entry(RsiOptions, RsiReversion),
    "sma_cross": Entry(SmaOptions, SmaCross),
}
"""The strategies of this package, by name."""


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """A strategy by name, with its options: what is sent to a worker, and built there."""

    name: str
    options: tuple[tuple[str, int], ...]

    def build(self, catalog: Catalog = STRATEGIES) -> Algo:
        """Return a fresh instance; an unknown name or a bad option raises `InvalidValueError`."""
        entry = catalog.get(self.name)
        if entry is None:
            known = ", ".join(sorted(catalog))
            raise InvalidValueError(f"strategy: expected one of {known}, found '{self.name}'")
        try:
            options = cast(Callable[..., object], entry.options)(**dict(self.options))
        except TypeError as error:
            raise InvalidValueError(f"options of strategy '{self.name}': {error}") from None
        return entry.build(options)
