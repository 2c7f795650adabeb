"""Feeds: reproducible streams of commands, from files, from generators and from a simulator.

`open_feed` recognises a feed by its name or by the content of its file.
"""

from lockstep_runtime.feeds.base import Feed
from lockstep_runtime.feeds.opening import open_feed, reporter_of

__all__ = ["Feed", "open_feed", "reporter_of"]
