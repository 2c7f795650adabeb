"""Draws order actions: mostly good ones at five ticks, so that they meet, now and then odd ones."""

import msgspec

from lockstep_engine.codes import (
    InstrumentStatus,
    OrderFlag,
    OrderType,
    SelfTradeMode,
    Side,
    TimeInForce,
)
from lockstep_engine.commands import (
    AmendOrder,
    Batch,
    CancelAll,
    CancelByClientId,
    CancelOrder,
    MassQuote,
    OrderAction,
    PlaceOrder,
    Quote,
    ReplaceOrder,
)
from lockstep_engine.lifecycle.expiry import orders_of
from lockstep_engine.state import Order
from tests.property.dice import Dice, one_in, pick
from tests.property.scene import UNKNOWN_ACCOUNT, Scene
from tests.property.world import ACCOUNTS, INSTRUMENTS, MS, SECOND, UNDERLYINGS, first_tick

TICKS = 5
UNKNOWN_INSTRUMENT = 8
LINEAGES = (b"", b"", b"lineage of one..", b"lineage of two..")
CLIENT_IDS = (0, 0, 0, 0, 1, 2, 3)
BUILDERS = (0, 0, 0, 0, *ACCOUNTS)

_GTC, _GTD, _IOC, _FOK = (int(tif) for tif in TimeInForce)
_LIMIT, _MARKET = (int(order_type) for order_type in OrderType)
_POST, _REPRICE, _REDUCE, _MMP = (1, 2, 4, 8)
_STYLES = (
    *((_GTC, _LIMIT, 0),) * 8,
    *((_GTC, _LIMIT, _REDUCE),) * 4,
    *((_GTC, _LIMIT, _MMP),) * 3,
    (_GTC, _LIMIT, _POST),
    (_GTC, _LIMIT, _REPRICE),
    (_GTC, _LIMIT, _POST | _REDUCE),
    (_GTC, _LIMIT, _REPRICE | _REDUCE | _MMP),
    *((_GTD, _LIMIT, 0),) * 3,
    (_GTD, _LIMIT, _REDUCE),
    (_GTD, _LIMIT, _REPRICE | _MMP),
    *((_IOC, _LIMIT, 0),) * 2,
    (_IOC, _LIMIT, _REDUCE),
    (_IOC, _MARKET, 0),
    (_IOC, _MARKET, _REDUCE | _MMP),
    (_IOC, _LIMIT, _MMP),
    (_FOK, _LIMIT, _MMP),
    *((_FOK, _LIMIT, 0),) * 3,
    (_FOK, _LIMIT, _REDUCE),
)
"""(tif, order type, flags)."""

_ODD: tuple[dict[str, int | bytes], ...] = (
    {"instrument": UNKNOWN_INSTRUMENT},
    {"side": 2},
    {"side": -1},
    {"order_type": 2},
    {"order_type": -1},
    {"tif": 4},
    {"tif": -1},
    {"tif": _GTC, "order_type": _MARKET},
    {"flags": 16},
    {"flags": -1},
    {"flags": _POST | _REPRICE},
    {"flags": _POST, "tif": _IOC, "expires_ns": 0},
    {"tif": _FOK, "flags": 0, "self_trade": 3, "expires_ns": 0},
    {"self_trade": 5},
    {"self_trade": -1},
    {"tif": _GTD, "expires_ns": 0},
    {"tif": _GTC, "expires_ns": 2**61},
    {"client_id": -1},
    {"lineage": b"short"},
    {"builder": UNKNOWN_ACCOUNT},
    {"price_ticks": 0},
    {"price_ticks": 401},
    {"price_ticks": 400},
    {"price_ticks": 1},
    {"qty_lots": 0},
    {"qty_lots": 13},
    {"qty_lots": -(2**60)},
)
"""Fields that make an order refused, or nearly so."""

_QUOTE_FLAGS = (0, 0, _POST, _REPRICE, _MMP, _REPRICE | _MMP)
_EXPIRES = (MS, 2 * MS, SECOND, 3 * SECOND, 1, 0)
_SIZES = (2, 1, 3, 4, 5, 6)


def draw_account(dice: Dice, scene: Scene) -> int:
    """Draw who acts."""
    return pick(dice, ACCOUNTS)


def draw_account_with_orders(dice: Dice, scene: Scene) -> int:
    """Draw who changes an order: mostly somebody who has one."""
    accounts = [number for number in ACCOUNTS if (found := scene.account(number)) and found.orders]
    return pick(dice, accounts) if accounts and not one_in(dice, 16) else pick(dice, ACCOUNTS)


def draw_instrument(dice: Dice, scene: Scene, account: int = 0) -> int:
    """Draw an instrument: mostly one that trades, and where the account, if given, is not flat."""
    trading = [number for number in INSTRUMENTS if is_trading(scene, number)]
    if account:
        trading = [n for n in trading if closing_side(scene, account, n) >= 0] or trading
    if not trading or one_in(dice, 16):
        return pick(dice, INSTRUMENTS)
    return pick(dice, (trading[0], trading[0], *trading))


def is_trading(scene: Scene, number: int) -> bool:
    """Return whether an instrument takes orders that open."""
    found = scene.state.instruments.get(number)
    if found is None or found.status != InstrumentStatus.ACTIVE:
        return False
    if found.is_option and not found.underlying.index_price_e6:
        return False
    return found.fresh_until_ns >= scene.state.now_ns


def draw_price(dice: Dice, scene: Scene, instrument: int) -> int:
    """Draw one of the five ticks at which orders of an instrument meet."""
    return lowest_tick(dice, scene, instrument) + dice.below(TICKS)


def lowest_tick(dice: Dice, scene: Scene, instrument: int) -> int:
    """Return the lowest of the five ticks; once the mark is far from them, mostly around it."""
    symbol = scene.world.symbols[(instrument - 1) % len(INSTRUMENTS)]
    lowest = first_tick(symbol)
    found = scene.state.instruments.get(instrument)
    mark_tick = 0 if found is None else found.mark.price_e6 // found.tick_e6
    if mark_tick <= TICKS or lowest - 3 < mark_tick < lowest + TICKS + 3 or one_in(dice, 3):
        return lowest
    return min(mark_tick - TICKS // 2 - dice.below(3) + 1, 395)


def closing_side(scene: Scene, account: int, instrument: int) -> int:
    """Return the side that closes the account's position, -1 if it is flat."""
    found = scene.account(account)
    holding = found.holdings.get(instrument) if found is not None else None
    if holding is None or holding.qty_lots == 0:
        return -1
    return int(Side.SELL if holding.qty_lots > 0 else Side.BUY)


def place(dice: Dice, scene: Scene, ts_ns: int, account: int) -> PlaceOrder:
    """Draw a new order of an account."""
    tif, order_type, flags = pick(dice, _STYLES)
    instrument = draw_instrument(dice, scene, account if flags & _REDUCE else 0)
    side = closing_side(scene, account, instrument) if flags & _REDUCE else dice.below(2)
    if side < 0:
        flags -= _REDUCE if dice.below(4) else 0
        side = dice.below(2)
    flags = draw_protection(dice, scene, account, instrument, flags)
    order = PlaceOrder(
        instrument,
        side,
        draw_price(dice, scene, instrument),
        pick(dice, _SIZES),
        tif,
        order_type,
        flags,
        draw_mode(dice, scene, instrument),
        pick(dice, CLIENT_IDS),
        pick(dice, LINEAGES),
        ts_ns + pick(dice, _EXPIRES) if tif == _GTD else 0,
        pick(dice, BUILDERS),
    )
    if one_in(dice, 10):
        order = msgspec.structs.replace(order, **pick(dice, _ODD))
    return order


def take(dice: Dice, scene: Scene, ts_ns: int, account: int) -> PlaceOrder:
    """Draw an order that crosses what rests."""
    instrument = draw_instrument(dice, scene)
    found = scene.state.instruments.get(instrument)
    side = dice.below(2)
    if found is not None and not (found.bids if side else found.asks).levels:
        side = 1 - side
    price = lowest_tick(dice, scene, instrument) + (TICKS - 1 if side == Side.BUY else 0)
    tif = pick(dice, (_GTC, _IOC, _FOK, _FOK))
    mode = draw_mode(dice, scene, instrument)
    mode = mode if tif != _FOK or mode != SelfTradeMode.DECREMENT else 1
    flags = draw_protection(dice, scene, account, instrument, 0)
    return PlaceOrder(instrument, side, price, pick(dice, _SIZES), tif, 0, flags, mode)


def draw_protection(dice: Dice, scene: Scene, account: int, instrument: int, flags: int) -> int:
    """Draw whether an order has the flag MMP: mostly where it passes, seldom elsewhere."""
    is_good = scene.is_protected(account, instrument)
    if is_good:
        return flags | _MMP if dice.below(4) else flags
    return flags if one_in(dice, 4 if is_good is None else 12) else flags & ~_MMP


def reduce(dice: Dice, scene: Scene, ts_ns: int, account: int) -> PlaceOrder:
    """Draw an order on the closing side: passive and reduce-only or not, or crossing."""
    instrument = draw_instrument(dice, scene, account)
    side = closing_side(scene, account, instrument)
    if side < 0:
        return place(dice, scene, ts_ns, account)
    lowest = lowest_tick(dice, scene, instrument)
    size = pick(dice, _SIZES)
    choice = dice.below(4)
    if choice == 3:
        highest = lowest + TICKS - 1
        return PlaceOrder(instrument, side, lowest if side else highest, size, self_trade=1)
    passive = lowest + (TICKS - 1 - dice.below(2) if side else dice.below(2))
    flags = 0 if choice == 2 else _REDUCE
    return PlaceOrder(instrument, side, passive, size, flags=flags, client_id=dice.below(4))


def sweep(dice: Dice, scene: Scene, ts_ns: int, account: int) -> PlaceOrder:
    """Draw a FOK of about what others have on the other side: it just fills, or just not."""
    instrument = draw_instrument(dice, scene)
    side = dice.below(2)
    makers = _resting(scene, instrument, 1 - side)
    if not makers:
        side, makers = 1 - side, _resting(scene, instrument, side)
    others = [maker.remaining_lots for maker in makers if maker.account.account != account]
    if not others:
        return place(dice, scene, ts_ns, account)
    count = len(others) if dice.below(2) else 1 + dice.below(len(others))
    lots = sum(others[:count]) + pick(dice, (0, 0, -1, -2, 1))
    lowest = lowest_tick(dice, scene, instrument)
    price = lowest if side else lowest + TICKS - 1
    mode = pick(dice, (1, 0, 1, 2))
    if scene.world.allows_self_trade[instrument - 1] and not dice.below(4):
        mode = int(SelfTradeMode.ALLOW)
    flags = draw_protection(dice, scene, account, instrument, 0)
    return PlaceOrder(instrument, side, price, max(1, lots), _FOK, 0, flags, mode)


def _resting(scene: Scene, instrument: int, side: int) -> list[Order]:
    """Return the orders that rest on one side of a book."""
    found = scene.state.instruments.get(instrument)
    return [] if found is None else orders_of(found.bids if side == Side.BUY else found.asks)


def draw_mode(dice: Dice, scene: Scene, instrument: int) -> int:
    """Draw a self-trade mode; ALLOW mostly where it is allowed."""
    mode = int(pick(dice, tuple(SelfTradeMode)))
    if mode == SelfTradeMode.ALLOW and not scene.world.allows_self_trade[instrument - 1]:
        return mode if one_in(dice, 8) else int(SelfTradeMode.CANCEL_MAKER)
    return mode


def cancel(dice: Dice, scene: Scene, ts_ns: int, account: int) -> CancelOrder | CancelByClientId:
    """Draw a cancel by either identifier."""
    if one_in(dice, 4):
        return CancelByClientId(pick(dice, (1, 2, 3, 0)))
    return CancelOrder(draw_order(dice, scene, account))


def cancel_all(dice: Dice, scene: Scene, ts_ns: int, account: int) -> CancelAll:
    """Draw a scope."""
    return CancelAll(
        pick(dice, (0, 0, *INSTRUMENTS, UNKNOWN_INSTRUMENT, -1)),
        pick(dice, ("", "", "", "", *UNDERLYINGS, "DOGE")),
        pick(dice, (-1, -1, -1, 0, 1, 0, 1, 2)),
        dice.below(4) == 3,
        pick(dice, (b"", b"", b"", *LINEAGES, b"x")),
    )


def amend(dice: Dice, scene: Scene, ts_ns: int, account: int) -> AmendOrder:
    """Draw a new price and total size for an order."""
    number = draw_order(dice, scene, account)
    found = scene.account(account)
    order = None if found is None else found.orders.get(number)
    if order is None:
        return AmendOrder(number, 100, pick(dice, _SIZES))
    filled = order.qty_lots - order.remaining_lots
    qty = order.qty_lots
    price = order.price_ticks
    if one_in(dice, 2):
        price = draw_price(dice, scene, order.instrument.instrument)
    qty = pick(dice, (qty, qty - 1, qty + 1, filled + 1, qty + 3, 1, filled, 0, qty - 2))
    return AmendOrder(number, price if not one_in(dice, 16) else 0, qty)


def replace(dice: Dice, scene: Scene, ts_ns: int, account: int) -> ReplaceOrder:
    """Draw an order for another."""
    number = draw_order(dice, scene, account)
    return ReplaceOrder(number, place(dice, scene, ts_ns, account), dice.below(2) == 1)


_IN_BATCH = (place, place, take, cancel, amend, replace, cancel_all)


def batch(dice: Dice, scene: Scene, ts_ns: int, account: int) -> Batch:
    """Draw up to four order actions, or a number that is refused."""
    size = dice.below(24)
    if size >= 22:
        return Batch((CancelOrder(0),) * (0 if size == 22 else 51))
    actions: list[OrderAction] = [
        pick(dice, _IN_BATCH)(dice, scene, ts_ns, account) for _ in range(size % 4 + 1)
    ]
    return Batch(tuple(actions))


def mass_quote(dice: Dice, scene: Scene, ts_ns: int, account: int) -> MassQuote:
    """Draw a quote set: another one, or the standing one with small changes."""
    quote_set = 1 + dice.below(2)
    count = 1 + dice.below(len(INSTRUMENTS))
    first = dice.below(len(INSTRUMENTS))
    numbers = [(first + place) % len(INSTRUMENTS) + 1 for place in range(count)]
    quotes = [_quote(dice, scene, account, quote_set, number) for number in numbers]
    flags = draw_protection(dice, scene, account, numbers[0], pick(dice, _QUOTE_FLAGS))
    mode = pick(dice, tuple(SelfTradeMode))
    action = MassQuote(quote_set, tuple(quotes), flags, int(mode), pick(dice, LINEAGES))
    return _odd_quote(dice, action) if one_in(dice, 16) else action


def _quote(dice: Dice, scene: Scene, account: int, quote_set: int, number: int) -> Quote:
    """Draw both sides of a quote; half of the time near the standing order of a side."""
    lowest = draw_price(dice, scene, number)
    quote = Quote(number, lowest - dice.below(2), dice.below(5), lowest + 1, dice.below(5))
    if one_in(dice, 2):
        bid = _standing(dice, scene, account, quote_set, 2 * number)
        ask = _standing(dice, scene, account, quote_set, 2 * number + 1)
        bid = bid or (quote.bid_price_ticks, quote.bid_qty_lots)
        ask = ask or (quote.ask_price_ticks, quote.ask_qty_lots)
        return Quote(number, bid[0], bid[1], ask[0], ask[1])
    return quote


def _standing(
    dice: Dice, scene: Scene, account: int, quote_set: int, place: int
) -> tuple[int, int] | None:
    """Return (price, size) near the order that stands on a side of the set."""
    found = scene.account(account)
    order = None if found is None else found.quote_sets.get(quote_set, {}).get(place)
    if order is None:
        return None
    return order.price_ticks, order.remaining_lots + pick(dice, (0, 0, -1, 1))


def _odd_quote(dice: Dice, action: MassQuote) -> MassQuote:
    first = action.quotes[0]
    odd: tuple[dict[str, object], ...] = (
        {"quote_set": 0},
        {"quotes": ()},
        {"quotes": (first, first)},
        {"quotes": (first,) * 51},
        {"flags": int(OrderFlag.REDUCE_ONLY)},
        {"flags": -1},
        {"flags": _POST | _REPRICE},
        {"self_trade": 5},
        {"self_trade": -1},
        {"lineage": b"short"},
        {"quotes": (msgspec.structs.replace(first, ask_qty_lots=-1),)},
        {"quotes": (msgspec.structs.replace(first, instrument=UNKNOWN_INSTRUMENT),)},
    )
    return msgspec.structs.replace(action, **pick(dice, odd))


def draw_order(dice: Dice, scene: Scene, account: int) -> int:
    """Draw a live order of the account, now and then any number that was given out or not."""
    found = scene.account(account)
    live = sorted(found.orders) if found is not None else []
    if not live or one_in(dice, 12):
        return dice.below(min(scene.state.next_order_id + 2, 100))
    return pick(dice, live)
