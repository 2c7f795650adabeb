"""The shell around the core: feeds, market simulator, durable pipeline, demo, bench, `lockstep`.

Names are loaded when they are first used, so that a program's `--help` does not load LMDB, and
nothing before: the guard of `lockstep` against Ctrl-C stands in a module of this package.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lockstep_runtime.feeds.base import Feed
    from lockstep_runtime.feeds.binance import BinanceFeed
    from lockstep_runtime.feeds.market import MarketFeed
    from lockstep_runtime.feeds.opening import open_feed, reporter_of
    from lockstep_runtime.feeds.order_flow import FlashFeed, FlowFeed, flow_messages
    from lockstep_runtime.flows import (
        FLOWS,
        FlowGenerator,
        FlowOracle,
        FlowSpec,
        Message,
        flow_line,
        write_flow,
    )
    from lockstep_runtime.live_orders import Levels, LiveOrder, LiveOrders
    from lockstep_runtime.pipeline import RunOptions, RunResult, Tally, run_feed
    from lockstep_runtime.reports import (
        Figures,
        FlashReport,
        FlowReport,
        MarketDataReport,
        Reporter,
    )
    from lockstep_runtime.signing import Item, Script, Signer, key_of
    from lockstep_runtime.venue import (
        Contract,
        Listing,
        Staff,
        genesis_of,
        list_perpetual,
        open_account,
        widest_limits,
    )

_HOMES = {
    "feeds.base": ("Feed",),
    "feeds.binance": ("BinanceFeed",),
    "feeds.market": ("MarketFeed",),
    "feeds.opening": ("open_feed", "reporter_of"),
    "feeds.order_flow": ("FlashFeed", "FlowFeed", "flow_messages"),
    "flows": (
        *("FLOWS", "FlowGenerator", "FlowOracle", "FlowSpec", "Message", "flow_line"),
        "write_flow",
    ),
    "live_orders": ("Levels", "LiveOrder", "LiveOrders"),
    "pipeline": ("RunOptions", "RunResult", "Tally", "run_feed"),
    "reports": ("Figures", "FlashReport", "FlowReport", "MarketDataReport", "Reporter"),
    "signing": ("Item", "Script", "Signer", "key_of"),
    "venue": (
        *("Contract", "Listing", "Staff", "genesis_of", "list_perpetual", "open_account"),
        "widest_limits",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "FLOWS",
    "BinanceFeed",
    "Contract",
    "Feed",
    "Figures",
    "FlashFeed",
    "FlashReport",
    "FlowFeed",
    "FlowGenerator",
    "FlowOracle",
    "FlowReport",
    "FlowSpec",
    "Item",
    "Levels",
    "Listing",
    "LiveOrder",
    "LiveOrders",
    "MarketDataReport",
    "MarketFeed",
    "Message",
    "Reporter",
    "RunOptions",
    "RunResult",
    "Script",
    "Signer",
    "Staff",
    "Tally",
    "flow_line",
    "flow_messages",
    "genesis_of",
    "key_of",
    "list_perpetual",
    "open_account",
    "open_feed",
    "reporter_of",
    "run_feed",
    "widest_limits",
    "write_flow",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module, once."""
    from importlib import import_module

    module = _HOME_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
