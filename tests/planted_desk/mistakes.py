"""All mistakes, from one table for each part of the desk."""

from tests.planted_desk.backtest import BACKTEST
from tests.planted_desk.core import CORE
from tests.planted_desk.demo import DEMO
from tests.planted_desk.flows import FLOWS
from tests.planted_desk.fund import FUND
from tests.planted_desk.lies import LIES
from tests.planted_desk.live import LIVE
from tests.planted_desk.mistake import Mistake
from tests.planted_desk.money import MONEY
from tests.planted_desk.pipeline import PIPELINE_AND_STRATEGIES
from tests.planted_desk.recon import RECON

MISTAKES: tuple[Mistake, ...] = (
    *FUND,
    *CORE,
    *MONEY,
    *RECON,
    *LIES,
    *PIPELINE_AND_STRATEGIES,
    *BACKTEST,
    *FLOWS,
    *LIVE,
    *DEMO,
)

QUICK = ("equality with the position cap is refused", "a window holds its end")
"""The ones that `make test` hunts; `python -m tests.planted_desk` hunts all."""
