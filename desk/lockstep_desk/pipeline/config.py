"""The configuration of a portfolio, from TOML: every value checked, every mistake named (PIPE-D11).

Owns the file's form. A message says the file, the line and the key, what was expected and what was
found, and of a word that nothing is called by, the one that looks most like it. Numbers are
integers in named units; strategies come out of a catalog, so a file names no code.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lockstep_desk.ids import deployment_id, version_id
from lockstep_desk.pipeline.channel import Overflow
from lockstep_desk.pipeline.generator import Span, Walk, candles
from lockstep_desk.pipeline.guard import FailurePolicy
from lockstep_desk.pipeline.live import LiveOptions
from lockstep_desk.pipeline.pool import InlinePool, Pool, ThreadPool
from lockstep_desk.pipeline.processes import ProcessOptions, ProcessPool
from lockstep_desk.pipeline.recording import recorded
from lockstep_desk.pipeline.router import Router, Trader
from lockstep_desk.pipeline.section import ConfigError, Section
from lockstep_desk.strategy.catalog import STRATEGIES, Catalog, StrategySpec
from lockstep_desk.strategy.market import MarketEvent
from lockstep_kernel import CannotRunError

_MS_NS = 1_000_000
_OVERFLOWS = {"conflate": Overflow.DROP_OLDEST} | {policy.value: policy for policy in Overflow}
_MODES = ("lockstep", "live")
_POOLS = ("inline", "thread", "process")


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """Where market events come from: walks from a seed, or a recording."""

    seed: int = 1
    count: int | None = None
    span: Span = field(default_factory=lambda: Span(0, 1_000 * _MS_NS))
    walks: tuple[Walk, ...] = ()
    path: Path | None = None
    limit: int | None = None

    def events(self) -> Iterator[MarketEvent]:
        """Yield the events."""
        if self.path is not None:
            return recorded(self.path, self.limit)
        return candles(self.seed, list(self.walks), self.span, self.count)


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """Which pool runs the strategies, on how many workers."""

    kind: str = "inline"
    workers: int = 2

    def pool(self, catalog: Catalog, *, is_lockstep: bool) -> Pool:
        """Return the pool, not yet started. In lockstep all wait for all: nobody is relieved."""
        if self.kind == "inline":
            return InlinePool(catalog)
        if self.kind == "thread":
            return ThreadPool(self.workers, catalog, None if is_lockstep else 0.05)
        batched = ProcessOptions(batch_max=1024, patience_s=None)
        return ProcessPool(self.workers, catalog, batched if is_lockstep else ProcessOptions())


class Named(NamedTuple):
    """A trader, and what its deployment is registered with: together they give its id."""

    trader: Trader
    name: str
    version: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class ChecksConfig:
    """What every order that a strategy wants is checked for before its gate; None is unbounded."""

    max_notional_cents: int | None = None
    max_deviation_bps: int | None = None


@dataclass(frozen=True, slots=True)
class DeskConfig:
    """A whole configuration."""

    traders: tuple[Trader, ...]
    feed: FeedConfig
    mode: str = "lockstep"
    batch: int = 1
    pool: PoolConfig = PoolConfig()
    live: LiveOptions = field(default_factory=LiveOptions)
    checks: ChecksConfig = ChecksConfig()

    def router(self) -> Router:
        """Return the router of its traders."""
        return Router(self.traders)


def load_config(path: Path, catalog: Catalog = STRATEGIES) -> DeskConfig:
    """Return the configuration in a file; raises `ConfigError`, or `CannotRunError` if unreadable.

    A relative path in it is relative to the file.
    """
    return parse_config(read_text(path), str(path), catalog, path.parent)


def read_text(path: Path) -> str:
    """Return the text of a configuration; raises as `load_config` does."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise CannotRunError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8 text, found {error.reason}") from None


def parse_config(
    text: str, name: str, catalog: Catalog = STRATEGIES, folder: Path | None = None
) -> DeskConfig:
    """Return the configuration in a text; `name` is what messages call it."""
    root = root_of(text, name)
    found = DeskConfig(
        mode=root.word("mode", _MODES, "lockstep"),
        batch=root.number("batch", 1, least=1),
        feed=feed_of(root.section("feed"), folder or Path()),
        pool=pool_of(root.section("pool")),
        live=_live(root.section("channels"), root.section("failures")),
        checks=checks_of(root.section("checks")),
        traders=tuple(named.trader for named in traders_of(root, catalog)),
    )
    root.finish()
    return found


def root_of(text: str, name: str) -> Section:
    """Return the whole of a configuration as a section."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: expected TOML: {error}") from None
    return Section(name, text, (), values)


def pool_of(section: Section) -> PoolConfig:
    """Return which pool a section names."""
    found = PoolConfig(
        kind=section.word("kind", _POOLS, "inline"),
        workers=section.number("workers", 2, least=1, most=256),
    )
    section.finish()
    return found


def _live(section: Section, failures: Section) -> LiveOptions:
    default = LiveOptions()
    overflow = section.word("market_overflow", tuple(_OVERFLOWS), "conflate")
    found = LiveOptions(
        market_capacity=section.number("market_capacity", default.market_capacity, least=1),
        market_overflow=_OVERFLOWS[overflow],
        mailbox_capacity=section.number("mailbox_capacity", default.mailbox_capacity, least=1),
        orders_capacity=section.number("orders_capacity", default.orders_capacity, least=1),
        unanswered_max=section.number("unanswered_max", default.unanswered_max, least=1),
        failures=failures_of(failures),
    )
    section.finish()
    return found


def checks_of(section: Section, default: ChecksConfig | None = None) -> ChecksConfig:
    """Return what a section says that orders are checked for, over what holds without it."""
    default = default or ChecksConfig()
    notional_cents = section.optional_number("max_notional_cents", least=1)
    deviation_bps = section.optional_number("max_deviation_bps", least=0)
    section.finish()
    return ChecksConfig(
        default.max_notional_cents if notional_cents is None else notional_cents,
        default.max_deviation_bps if deviation_bps is None else deviation_bps,
    )


def failures_of(section: Section) -> FailurePolicy:
    """Return what a section says becomes of traders that fail."""
    default = FailurePolicy()
    first_ms = section.number("first_ms", default.first_ns // _MS_NS)
    found = FailurePolicy(
        first_ns=first_ms * _MS_NS,
        cap_ns=section.number("cap_ms", default.cap_ns // _MS_NS, least=first_ms) * _MS_NS,
        failures_max=section.number("failures_max", default.failures_max, least=1, most=50),
        forget_ns=section.number("forget_ms", default.forget_ns // _MS_NS, least=1) * _MS_NS,
    )
    section.finish()
    return found


def feed_of(section: Section, folder: Path) -> FeedConfig:
    """Return where market events come from."""
    if section.has("path"):
        found = FeedConfig(
            path=folder / section.text("path"), limit=section.optional_number("limit", least=1)
        )
    else:
        found = FeedConfig(
            seed=section.number("seed", 1),
            count=section.optional_number("count", least=1),
            span=Span(
                section.number("start_ns", 0),
                section.number("every_ms", 1_000, least=1) * _MS_NS,
            ),
            walks=tuple(map(_walk, section.sections("walk"))),
        )
        if not found.walks:
            raise section.missing("walk", "a path, or a [[feed.walk]] at least", "none")
    section.finish()
    return found


def _walk(section: Section) -> Walk:
    found = Walk(
        instrument=section.text("instrument"),
        tick_e9=section.number("tick_e9", least=1),
        start_ticks=section.number("start_ticks", least=1),
        step_max=section.number("step_max", 20, least=1),
        volume_max_e8=section.number("volume_max_e8", 10**9, least=1),
    )
    section.finish()
    return found


def traders_of(parent: Section, catalog: Catalog, account: str = "main") -> tuple[Named, ...]:
    """Return the traders of a section's [[trader]] tables; each has a deployment of its own.

    One that names no account trades on `account`.
    """
    sections = parent.sections("trader")
    if not sections:
        raise parent.missing("trader", "a [[trader]] at least", "none")
    traders: list[Named] = []
    places: dict[str, Section] = {}
    for section in sections:
        named = _trader(len(traders), section, (catalog, account))
        other = places.setdefault(named.trader.deployment_id, section)
        if other is not section:
            raise section.error(
                "name",
                f"expected a deployment of its own (name, version, ordinal), found that of line "
                f"{other.line('name')}",
            )
        traders.append(named)
    return tuple(traders)


def _trader(index: int, section: Section, known: tuple[Catalog, str]) -> Named:
    catalog, account = known
    strategy = _strategy(section, catalog)
    name, ordinal = section.text("name"), section.number("ordinal", 0)
    version = version_id(f"{strategy.name} {section.text('version', '1')}".encode())
    found = section.checked(
        "name",
        lambda: Trader(
            index=index,
            deployment_id=deployment_id(name, version, ordinal),
            instrument=section.text("instrument"),
            strategy=strategy,
            cadence_ns=section.number("cadence_ms", 0) * _MS_NS,
            account=section.text("account", account),
        ),
    )
    section.finish()
    return Named(found, name, version, ordinal)


def _strategy(section: Section, catalog: Catalog) -> StrategySpec:
    """Return the strategy, after building one: a bad option is found here, not in a worker."""
    name = section.word("strategy", tuple(sorted(catalog)))
    entry, options = catalog[name], section.section("options")
    given = {
        key: options.number(key)
        for key in entry.option_names
        if key in entry.required or options.has(key)
    }
    options.finish()
    spec = StrategySpec(name, tuple(given.items()))
    options.checked(None, lambda: spec.build(catalog))
    return spec
