"""The exchange core as a broker to be compared with, and the check that its key only trades.

Owns `ExchangeView`, a `BrokerView` over the projection of one account: fills are numbered from one
in the order in which they happened, and the moment of a page is the number of the last one. What a
key may do is asked of the exchange's own access rules.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from lockstep_desk.adapters.exchange.account import CASH, ExchangeAccount, Logged
from lockstep_desk.adapters.exchange.units import E9_PER_E6
from lockstep_desk.core.commands import FillReport
from lockstep_desk.oms.states import OrderState
from lockstep_desk.recon.broker import BrokerUnreachableError
from lockstep_desk.recon.credentials import KeyScope, TradeCredentials, need_scopes
from lockstep_desk.recon.pages import (
    BrokerBalance,
    BrokerOrder,
    BrokerPosition,
    Moment,
    OrderStatus,
    Page,
    make_page,
)
from lockstep_desk.types import Fill
from lockstep_engine.access.authority import account_code
from lockstep_engine.commands import PlaceOrder, Transfer, Withdraw
from lockstep_engine.state import ExchangeCore

_STATUSES: Final = {
    OrderState.OPEN: OrderStatus.OPEN,
    OrderState.FULLY_FILLED: OrderStatus.FILLED,
    OrderState.CANCELLED: OrderStatus.CANCELLED,
    OrderState.OPEN_FAILED: OrderStatus.REJECTED,
    OrderState.EXPIRED: OrderStatus.EXPIRED,
}
_SCOPES: Final[tuple[tuple[KeyScope, type[msgspec.Struct]], ...]] = (
    (KeyScope.TRADE, PlaceOrder),
    (KeyScope.TRANSFER, Transfer),
    (KeyScope.WITHDRAW, Withdraw),
)


class ExchangeView:
    """One account of the exchange, to look at; a page holds `page_size` items, or all if that is 0.

    `is_reachable` says whether the link to the exchange is there.
    """

    def __init__(
        self,
        venue: str,
        projection: ExchangeAccount,
        is_reachable: Callable[[], bool] = lambda: True,
        page_size: int = 0,
    ) -> None:
        self.venue = venue
        self.account = projection.name
        self._projection = projection
        self._is_reachable = is_reachable
        self._page_size = page_size

    def positions(self, cursor: int) -> Page[BrokerPosition]:
        """Return what the account holds, by the exchange's own count."""
        reports = self._reached().position_reports()
        held = [BrokerPosition(report.instrument, report.qty_e8) for report in reports]
        return make_page(held, self._moment(), cursor, self._page_size)

    def fills(self, since_seq: int, cursor: int) -> Page[Fill]:
        """Return the account's fills after a number; the history has all of them."""
        reports = self._reached().fills[since_seq:]
        found = [_fill(self.account, report) for report in reports]
        return make_page(found, self._moment(), cursor, self._page_size)

    def open_orders(self, cursor: int) -> Page[BrokerOrder]:
        """Return the account's working orders."""
        live = self._reached().live.values()
        found = [self._order(order) for order in live]
        return make_page(found, self._moment(), cursor, self._page_size)

    def order(self, client_order_id: str) -> Page[BrokerOrder]:
        """Return the order of a client order id, or an empty page."""
        projection = self._reached()
        found = [
            self._order(order)
            for order in projection.of_client.values()
            if projection.name_of(order.client_id, order.order_id) == client_order_id
        ]
        return make_page(found, self._moment())

    def balances(self, cursor: int) -> Page[BrokerBalance]:
        """Return the account's cash; what of it is free only the exchange's margin knows."""
        total_e9 = self._reached().cash_e6 * E9_PER_E6
        cash = BrokerBalance(CASH, total_e9, total_e9)
        return make_page([cash], self._moment(), cursor, self._page_size)

    def _reached(self) -> ExchangeAccount:
        if not self._is_reachable():
            raise BrokerUnreachableError(f"no link to {self.venue}")
        return self._projection

    def _moment(self) -> Moment:
        return Moment(len(self._projection.fills), self._projection.time_ns)

    def _order(self, order: Logged) -> BrokerOrder:
        projection = self._projection
        units = projection.units[order.instrument]
        return BrokerOrder(
            str(order.order_id),
            projection.name_of(order.client_id, order.order_id),
            units.name,
            order.side,
            units.qty_e8(order.qty_lots),
            units.qty_e8(order.qty_lots - order.remaining_lots),
            _STATUSES[order.state],
            order.time_ns,
        )


def scopes_of(core: ExchangeCore, number: int, signer: bytes) -> KeyScope:
    """Return what the exchange lets a key do for an account, by its own rules of access."""
    account = core.accounts.get(number)
    found = KeyScope.READ
    if account is not None:
        for scope, kind in _SCOPES:
            if account_code(account, signer, kind) == 0:
                found |= scope
    if signer == core.params.operator_root or signer in core.roles:
        found |= KeyScope.ADMIN
    return found


def trade_credentials(
    core: ExchangeCore,
    venue: str,
    account: tuple[str, int],
    signer: bytes,
    sign: Callable[[bytes], bytes],
) -> TradeCredentials:
    """Return credentials of an agent's key; raise `InvalidValueError` if it may do more than trade.

    `account` is the desk's name of the account and the exchange's number of it.
    """
    name, number = account
    need_scopes(venue, scopes_of(core, number, signer))
    return TradeCredentials(venue, name, signer, sign)


def _fill(account: str, report: FillReport) -> Fill:
    return Fill(
        fill_id=report.fill_id,
        order_id=report.order_id,
        client_order_id=report.client_order_id,
        account=account,
        instrument=report.instrument,
        side=report.side,
        qty_e8=report.qty_e8,
        price_e9=report.price_e9,
        fee_e9=report.fee_e9,
        liquidity=report.liquidity,
        ts_ns=report.ts_ns,
        seq=report.seq,
        deployment_id=report.deployment,
        broker_closed_pnl_e9=report.broker_closed_pnl_e9,
    )
