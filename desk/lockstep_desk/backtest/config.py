"""The configuration of a backtest, from TOML: every value checked, every mistake named.

Owns the file's form. Feed, pool, failures and traders are read as the pipeline reads them; what is
said at the top holds for all runs, and a run's own risk goes over it key by key.
"""

import re
from pathlib import Path

from lockstep_desk.adapters.exchange.venue import (
    ACCOUNT,
    FundingRate,
    Listing,
    Protection,
    VenueAccount,
    VenueOptions,
)
from lockstep_desk.backtest.plan import Plan, Run, Shared
from lockstep_desk.backtest.scores import PORTFOLIO, account_sheet
from lockstep_desk.core.commands import Limits
from lockstep_desk.pipeline.config import (
    FeedConfig,
    Named,
    checks_of,
    failures_of,
    feed_of,
    pool_of,
    read_text,
    root_of,
    traders_of,
)
from lockstep_desk.pipeline.section import Section
from lockstep_desk.stats import ANNUAL_252, ANNUAL_365, DAILY, HOURLY, Basis
from lockstep_desk.strategy.catalog import STRATEGIES, Catalog, StrategySpec
from lockstep_desk.types import HaltAction

_CENTS_MAX = 2**44
_CAPITAL_CENTS = 100_000_000
_E9_MAX = 10**8
_FUNDING_E9_MAX = 10**8
_HOUR_S, _WEEK_S, _DAY_MS = 3_600, 604_800, 86_400_000
_MMP = Protection()
_INTERVALS = {
    "hourly": HOURLY,
    "daily": DAILY,
    "annual_252": ANNUAL_252,
    "annual_365": ANNUAL_365,
}
_HALTS = {action.name.lower(): action for action in HaltAction}
_TABLES = (
    *("account", "checks", "failures", "feed", "instrument", "pool", "risk", "run"),
    *("statistics", "venue"),
)
_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,15}-PERP")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VALUE = 10**11
_PRICE_E9_MAX = 2**50 * 1_000
_CAPS = Limits(10**12, 10**12, 1_000)
"""Caps of ten thousand million dollars, and a rate that no example reaches."""


def load_plan(path: Path, catalog: Catalog = STRATEGIES) -> Plan:
    """Return the plan in a file; raises `ConfigError`, or `CannotRunError` if unreadable.

    A relative path in it is relative to the file.
    """
    return parse_plan(read_text(path), str(path), catalog, path.parent)


def parse_plan(
    text: str, name: str, catalog: Catalog = STRATEGIES, folder: Path | None = None
) -> Plan:
    """Return the plan in a text; `name` is what messages call it."""
    root = root_of(text, name)
    root.expect(*_TABLES)
    shared = _shared(root, folder or Path())
    return Plan(shared, _runs(root, shared, catalog))


def _shared(root: Section, folder: Path) -> Shared:
    venue, feed_section = root.section("venue"), root.section("feed")
    listings, sources = _instruments(root)
    feed = feed_of(feed_section, folder)
    _check_feed(feed, feed_section, sources)
    statistics = root.section("statistics")
    found = Shared(
        feed=feed,
        venue=VenueOptions(
            listings=listings,
            seed=venue.number("seed", 1),
            accounts=_accounts(root, venue.number("capital_cents", _CAPITAL_CENTS, 1, _CENTS_MAX)),
            protection=Protection(
                venue.number("mmp_qty_e8", _MMP.qty_e8, 1, _MMP.qty_e8),
                venue.number("mmp_interval_ms", _MMP.interval_ms, 1, _DAY_MS),
                venue.number("mmp_frozen_ms", _MMP.frozen_ms, 1, _DAY_MS),
            ),
            maker_fee_e9=venue.number("maker_fee_e9", 200_000, 0, _E9_MAX),
            taker_fee_e9=venue.number("taker_fee_e9", 500_000, 0, _E9_MAX),
        ),
        sources=tuple(sources.items()),
        one_way_ns=venue.number("latency_us", 1_000, 1, 10**9) * 1_000 // 2,
        basis=Basis(
            sample=_INTERVALS[statistics.word("sample", tuple(_INTERVALS), "daily")],
            target=_INTERVALS[statistics.word("target", tuple(_INTERVALS), "annual_365")],
        ),
        pool=pool_of(root.section("pool")),
        failures=failures_of(root.section("failures")),
    )
    venue.finish()
    statistics.finish()
    return found


def _check_feed(feed: FeedConfig, section: Section, sources: dict[str, str]) -> None:
    if feed.path is None and feed.count is None:
        raise section.missing("count", "how many candles there are", "no such key")
    for place, walk in enumerate(feed.walks):
        if walk.instrument not in sources:
            raise section.sections("walk")[place].error(
                "instrument",
                f"expected the source of an [[instrument]] ({', '.join(sources)}), found "
                f"'{walk.instrument}'",
            )


def _accounts(root: Section, capital_cents: int) -> tuple[VenueAccount, ...]:
    """Return the accounts, one if none is named; the capital of one that names none is given."""
    found: list[VenueAccount] = []
    for section in root.sections("account"):
        name = section.text("name")
        if not _RUN_ID.fullmatch(name):
            raise section.error(
                "name",
                f"expected up to 64 of letters, digits, '.', '_' and '-', found '{name:.80}'",
            )
        if name in [account.name for account in found]:
            raise section.error("name", f"expected a name of its own, found '{name}' again")
        capital = section.number("capital_cents", capital_cents, 1, _CENTS_MAX)
        section.finish()
        found.append(VenueAccount(name, capital))
    return tuple(found) or (VenueAccount(ACCOUNT, capital_cents),)


def _instruments(root: Section) -> tuple[tuple[Listing, ...], dict[str, str]]:
    """Return what is listed, and the name of each by what the feed calls it."""
    sections = root.sections("instrument")
    if not sections:
        raise root.missing("instrument", "an [[instrument]] at least", "none")
    listings: list[Listing] = []
    sources: dict[str, str] = {}
    for section in sections:
        listing = _listing(section, len(sections))
        source = section.text("source", listing.name)
        if listing.name in sources.values():
            raise section.error("name", f"expected a name of its own, found '{listing.name}' again")
        if source in sources:
            raise section.error("source", f"expected a source of its own, found '{source}' again")
        section.finish()
        listings.append(listing)
        sources[source] = listing.name
    return tuple(listings), sources


def _listing(section: Section, count: int) -> Listing:
    name = section.text("name")
    if not _SYMBOL.fullmatch(name):
        raise section.error(
            "name",
            f"expected a perpetual such as BTC-PERP (options and dated futures cannot be listed in "
            f"a backtest), found '{name}'",
        )
    found = Listing(
        name=name,
        tick_e9=section.number("tick_e9", None, 1_000, 10**15),
        lot_e8=section.number("lot_e8", None, 1, 10**15),
        half_spread_ticks=section.number("half_spread_ticks", 1, 1, 10**6),
        depth_lots=section.number("depth_lots", 10_000, 1, 10**8),
        price_max_ticks=section.number("price_max_ticks", 10_000_000, 1, 10**12),
        funding=_funding(section),
    )
    if found.tick_e9 % 1_000:
        raise section.error("tick_e9", f"expected a multiple of 1000, found {found.tick_e9}")
    if found.tick_e9 * found.lot_e8 % _VALUE:
        raise section.error(
            "lot_e8",
            f"expected a lot of which one tick is worth whole millionths of a dollar (tick_e9 x "
            f"lot_e8 a multiple of {_VALUE}), found {found.lot_e8}",
        )
    if found.lots_max(count) < 8 or found.price_max_ticks * found.tick_e9 > _PRICE_E9_MAX:
        raise section.error(
            "price_max_ticks",
            f"expected a highest price, and 8 lots at it, within the exchange's bounds, found "
            f"{found.price_max_ticks}",
        )
    return found


def _funding(parent: Section) -> tuple[FundingRate, ...]:
    """Return an instrument's funding rates, each from its time until the next one's."""
    found: list[FundingRate] = []
    for section in parent.sections("funding"):
        before_ns = found[-1].from_ns if found else -1
        from_ns = section.number("from_ns", 0)
        if from_ns <= before_ns:
            raise section.error(
                "from_ns", f"expected a time after that of the rate before, found {from_ns}"
            )
        found.append(
            FundingRate(
                from_ns,
                section.number("rate_e9", None, -_FUNDING_E9_MAX, _FUNDING_E9_MAX),
                section.number("interval_s", 8 * _HOUR_S, _HOUR_S, _WEEK_S),
            )
        )
        section.finish()
    return tuple(found)


def _runs(root: Section, shared: Shared, catalog: Catalog) -> tuple[Run, ...]:
    caps, checks = _limits(root.section("risk"), _CAPS), checks_of(root.section("checks"))
    runs: list[Run] = []
    seen: set[str] = set()
    for section in root.sections("run"):
        run_id = section.text("id")
        if not _RUN_ID.fullmatch(run_id):
            raise section.error(
                "id",
                f"expected up to 64 of letters, digits, '.', '_' and '-', found '{run_id:.80}'",
            )
        if run_id.lower() in seen:
            raise section.error("id", f"expected an id of its own, found '{run_id}' again")
        seen.add(run_id.lower())
        named = traders_of(section, catalog, shared.venue.accounts[0].name)
        _check_traders(named, section.sections("trader"), shared)
        runs.append(
            Run(
                run_id,
                named,
                _limits(section.section("risk"), caps),
                section.number("risk_free_e9", 0, 0, 10**9),
                checks_of(section.section("checks"), checks),
            )
        )
        section.finish()
    if not runs:
        raise root.missing("run", "a [[run]] at least", "none")
    return tuple(runs)


def _check_traders(named: tuple[Named, ...], sections: list[Section], shared: Shared) -> None:
    listings = {listing.name: listing for listing in shared.venue.listings}
    accounts = [account.name for account in shared.venue.accounts]
    names = [PORTFOLIO, *map(account_sheet, accounts)]
    for (trader, name, _version, _ordinal), section in zip(named, sections, strict=True):
        listing = listings[section.word("instrument", tuple(listings))]
        _check_market(listing, section, shared)
        _check_steps(trader.strategy, section.section("options"), listing)
        section.word("account", accounts, accounts[0])
        if name in names:
            raise section.error(
                "name", f"expected a name of its own, as sheets are called by it, found '{name}'"
            )
        if len(name) > 64:
            raise section.error("name", f"expected at most 64 characters, found {len(name)}")
        names.append(name)


def _check_market(listing: Listing, section: Section, shared: Shared) -> None:
    """Raise if no walk moves what a trader trades; what a recording holds is seen by its run."""
    walks = [walk.instrument for walk in shared.feed.walks]
    sources = [source for source, name in shared.sources if name == listing.name]
    if shared.feed.path is None and not set(sources) & set(walks):
        raise section.error(
            "instrument",
            f"expected one with a [[feed.walk]] ({', '.join(walks)}), found '{listing.name}'",
        )


def _check_steps(strategy: StrategySpec, options: Section, listing: Listing) -> None:
    """Raise for a quantity or a tick of which the instrument would refuse every order."""
    steps = {"qty_e8": ("lot", listing.lot_e8), "tick_e9": ("tick", listing.tick_e9)}
    for key, value in strategy.options:
        what, step = steps.get(key, ("", 1))
        if value % step:
            raise options.error(
                key, f"expected a multiple of {step}, the {what} of {listing.name}, found {value}"
            )


def _limits(section: Section, default: Limits) -> Limits:
    halt = section.word("halt_action", tuple(_HALTS), default.halt_action.name.lower())
    found = Limits(
        max_position_cents=section.number(
            "max_position_cents", default.max_position_cents, 1, 10**18
        ),
        max_order_cents=section.number("max_order_cents", default.max_order_cents, 1, 10**18),
        max_orders_per_sec=section.number(
            "max_orders_per_sec", default.max_orders_per_sec, 1, 10**9
        ),
        halt_action=_HALTS[halt],
        max_deviation_bps=_optional(section, "max_deviation_bps", default.max_deviation_bps),
        max_daily_loss_cents=_optional(
            section, "max_daily_loss_cents", default.max_daily_loss_cents
        ),
        caps_open=section.flag("caps_open", default=default.caps_open),
        is_strict=section.flag("strict", default=default.is_strict),
        is_sliding=section.flag("sliding", default=default.is_sliding),
    )
    section.finish()
    return found


def _optional(section: Section, key: str, default: int | None) -> int | None:
    found = section.optional_number(key, least=1)
    return default if found is None else found
