"""The market simulator: a seeded feed of every command, flag and refusal of the exchange."""

from lockstep_runtime.feeds.market.feed import CHUNK_COMMANDS, DEFAULT_COMMANDS, MarketFeed

__all__ = ["CHUNK_COMMANDS", "DEFAULT_COMMANDS", "MarketFeed"]
