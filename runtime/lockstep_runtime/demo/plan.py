"""Which trials the demo makes, and how large they are."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

SAMPLE_NAME = "usdm_btcusdt_20240808_first12000.jsonl.xz"
_SAMPLE_FOLDER = Path("examples", "data", "binance-usdm-btcusdt")


class Trial(msgspec.Struct, frozen=True):
    """One feed, cut after `limit`. The writer is killed when `kill_seq` is acknowledged."""

    title: str
    feed: str
    kill_seq: int
    limit: int | None = None
    batch: int = 50


def find_sample() -> Path | None:
    """Return the recorded feed, from where the sources or the user stand; None if it is not there.

    An installed package has no examples; they come with the sources.
    """
    for folder in (Path(__file__).parents[3], Path.cwd()):
        path = folder / _SAMPLE_FOLDER / SAMPLE_NAME
        if path.is_file():
            return path
    return None


def trials(sample: Path | None, is_quick: bool) -> Sequence[Trial]:
    """Return the trials to make."""
    recorded = "recorded market (Binance BTCUSDT)"
    market, flow = "simulated market", "simulated order flow"
    if is_quick:
        made = [
            Trial(market, "market:7:2000", 1_000),
            Trial(flow, "flow:w1k", 4_000, limit=8_000),
        ]
        feeds = [Trial(recorded, str(sample), 300, limit=1_500)]
    else:
        made = [
            Trial(market, "market:7:4000", 2_000),
            Trial(flow, "flow:w1k", 20_000, limit=40_000, batch=200),
        ]
        feeds = [Trial(recorded, str(sample), 2_200)]
    return [*(feeds if sample is not None else ()), *made]
