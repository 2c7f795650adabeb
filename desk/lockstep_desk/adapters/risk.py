"""The checks of `risk` as the risk manager of the engine (F1: intent, risk, gate).

Owns the translation: an order that somebody wants on the desk becomes one that a check knows, with
the market and the standing as the desk has them now, and what a check says against it becomes a
refusal in the journal. It changes no order, and cancels always pass.
"""

from collections.abc import Mapping, Sequence

import msgspec

from lockstep_desk.adapters.strategies import standing_at
from lockstep_desk.core.codes import OrderKind
from lockstep_desk.core.codes import TimeInForce as DeskTif
from lockstep_desk.core.commands import OpenRequest, RiskRefusal
from lockstep_desk.core.hooks import Checked, Intents
from lockstep_desk.core.view import DeskView
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.pipeline.config import ChecksConfig
from lockstep_desk.risk.checks import (
    Contract,
    KnownContract,
    NotionalCap,
    PriceDeviation,
    RiskCheck,
    RiskManager,
)
from lockstep_desk.strategy.base import Context, Open, TimeInForce
from lockstep_desk.strategy.market import Candle, MarketTrade, MarketView, Quote
from lockstep_desk.types import Side

_E9_PER_CENT = 10**7
_REASON_MAX = 256
_TIFS = {
    DeskTif.GTC: TimeInForce.GTC,
    DeskTif.GTD: TimeInForce.GTC,
    DeskTif.IOC: TimeInForce.IOC,
    DeskTif.FOK: TimeInForce.FOK,
}
"""Checks know no time at which an order ends."""

_REGISTERED = Contract()
"""What the desk registers is held in units of its underlying, and is no option."""


class RiskChecks:
    """A `RiskManager` of the engine: every order that a strategy wants passes all checks, in order.

    `contracts` says what is known of instruments beyond that they are registered.
    """

    def __init__(
        self, checks: Sequence[RiskCheck], contracts: Mapping[str, Contract] | None = None
    ) -> None:
        self._checks = tuple(checks)
        self._contracts = dict(contracts or {})

    def check(self, view: DeskView, intents: Intents) -> Checked:
        """Return what may go on, in its order, and what was refused."""
        passed: list[OpenRequest] = []
        refused: list[RiskRefusal] = []
        for request in intents.opens:
            reason = self._reason(view, intents.deployment, request)
            if reason is None:
                passed.append(request)
            else:
                refused.append(RiskRefusal(reason[:_REASON_MAX], "", request))
        return Checked(msgspec.structs.replace(intents, opens=tuple(passed)), tuple(refused))

    def _reason(self, view: DeskView, deployment: str, request: OpenRequest) -> str | None:
        """Return why an order may not go; one that makes no sense is refused like any other."""
        try:
            wanted = _open(request)
        except InvalidValueError as error:
            return str(error)
        standing = standing_at(view, request.account, request.instrument, deployment)
        context = Context(
            deployment_id=deployment,
            instrument=request.instrument,
            market=market_of(view, request.instrument),
            now_ns=view.now_ns,
            seq_seen=view.seq,
            holding=standing.holding,
            orders=standing.orders,
        )
        manager = RiskManager(self._checks, self._known(view, request.instrument))
        refused = manager.check(context, (), (wanted,)).refused_opens
        return refused[0].reason if refused else None

    def _known(self, view: DeskView, instrument: str) -> dict[str, Contract]:
        contract = self._contracts.get(instrument)
        if contract is None and view.market(instrument) is not None:
            contract = _REGISTERED
        return {} if contract is None else {instrument: contract}


def risk_of(config: ChecksConfig) -> RiskChecks:
    """Return the checks of a configuration: a known contract always, and the bounds it names."""
    checks: list[RiskCheck] = [KnownContract()]
    if config.max_notional_cents is not None:
        checks.append(NotionalCap(config.max_notional_cents * _E9_PER_CENT))
    if config.max_deviation_bps is not None:
        checks.append(PriceDeviation(config.max_deviation_bps))
    return RiskChecks(checks)


def market_of(view: DeskView, instrument: str) -> MarketView:
    """Return the market as checks see it; without any news it is a quote of two empty sides.

    The desk keeps no side of a trade: here all are the buyer's.
    """
    now = view.market(instrument)
    nothing = Quote(instrument, 0, 0, 0, 0, 0)
    if now is None:
        return MarketView(instrument, nothing)
    quote = nothing if now.l1_ns < 0 else Quote(instrument, now.l1_ns, *now.l1)
    trade = candle = None
    if now.trade_ns >= 0:
        trade = MarketTrade(instrument, now.trade_ns, *now.trade, Side.BUY)
    if now.candle_ns >= 0:
        candle = Candle(instrument, now.candle_ns, *now.candle)
    return MarketView(instrument, quote, quote, trade, candle)


def _open(request: OpenRequest) -> Open:
    is_at_market = request.kind is OrderKind.MARKET and request.price_e9 == 0
    return Open(
        instrument=request.instrument,
        side=request.side,
        qty_e8=request.qty_e8,
        price_e9=None if is_at_market else request.price_e9,
        tif=_TIFS[request.tif],
        is_post_only=request.is_post_only,
        is_reduce_only=request.is_reduce_only,
        is_mmp=request.is_mmp,
    )
