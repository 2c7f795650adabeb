"""Steps 1 and 2 of [ORD-5]: the order's own fields make sense together."""

from typing import Final

from lockstep_engine.codes import Code, OrderFlag, OrderType, SelfTradeMode, Side, TimeInForce
from lockstep_engine.state import ExchangeCore, Order

_ACCEPTED: Final = int(Code.ACCEPTED)
_BAD_SIDE: Final = int(Code.BAD_SIDE)
_BAD_ORDER_TYPE: Final = int(Code.BAD_ORDER_TYPE)
_BAD_TIME_IN_FORCE: Final = int(Code.BAD_TIME_IN_FORCE)
_BAD_FLAGS: Final = int(Code.BAD_FLAGS)
_BAD_SELF_TRADE_MODE: Final = int(Code.BAD_SELF_TRADE_MODE)
_BAD_EXPIRY: Final = int(Code.BAD_EXPIRY)
_BAD_CLIENT_ID: Final = int(Code.BAD_CLIENT_ID)
_BAD_LINEAGE: Final = int(Code.BAD_LINEAGE)
_BAD_BUILDER: Final = int(Code.BAD_BUILDER)
_SELL: Final = int(Side.SELL)
_MARKET: Final = int(OrderType.MARKET)
_GTD: Final = int(TimeInForce.GTD)
_IOC: Final = int(TimeInForce.IOC)
_FOK: Final = int(TimeInForce.FOK)
_POST_ONLY_ANY: Final = int(OrderFlag.POST_ONLY | OrderFlag.REPRICE)
_FLAGS_MAX: Final = 15
_DECREMENT: Final = int(SelfTradeMode.DECREMENT)
_ALLOW: Final = int(SelfTradeMode.ALLOW)
_LINEAGE_BYTES: Final = 16


def check_shape(core: ExchangeCore, order: Order) -> int:
    """Return the code of the first field that makes no sense, 0 if all do."""
    if order.side < 0 or order.side > _SELL:
        return _BAD_SIDE
    if order.order_type or order.tif or order.flags:
        code = _check_kind(order)
        if code != _ACCEPTED:
            return code
    mode = order.self_trade
    if mode:
        if mode < 0 or mode > _ALLOW:
            return _BAD_SELF_TRADE_MODE
        if mode == _ALLOW and not order.instrument.allows_self_trade:
            return _BAD_SELF_TRADE_MODE
    if order.tif == _GTD:
        if order.expires_ns <= core.now_ns:
            return _BAD_EXPIRY
    elif order.expires_ns:
        return _BAD_EXPIRY
    if order.client_id < 0:
        return _BAD_CLIENT_ID
    if order.lineage and len(order.lineage) != _LINEAGE_BYTES:
        return _BAD_LINEAGE
    if order.builder and order.builder not in core.accounts:
        return _BAD_BUILDER
    return _ACCEPTED


def _check_kind(order: Order) -> int:
    """Check type, time in force and flags of an order that is not plain GTC."""
    if order.order_type < 0 or order.order_type > _MARKET:
        return _BAD_ORDER_TYPE
    tif = order.tif
    if tif < 0 or tif > _FOK or (order.order_type == _MARKET and tif != _IOC):
        return _BAD_TIME_IN_FORCE
    flags = order.flags
    if flags < 0 or flags > _FLAGS_MAX:
        return _BAD_FLAGS
    post_only = flags & _POST_ONLY_ANY
    if post_only == _POST_ONLY_ANY or (post_only and tif >= _IOC):
        return _BAD_FLAGS
    if tif == _FOK and order.self_trade == _DECREMENT:
        return _BAD_FLAGS
    return _ACCEPTED
