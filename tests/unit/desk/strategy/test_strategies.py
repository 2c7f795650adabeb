"""Strategies, hooks and what they are given."""

import pickle
from collections.abc import Callable

import msgspec
import pytest

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.strategy import (
    INTENTS_MAX,
    STRATEGIES,
    Actions,
    Algo,
    BuyWhenFlat,
    Cancel,
    CancelOrders,
    CloseAtMarket,
    CloseOrders,
    Context,
    DoNothing,
    FlatOptions,
    HeikinAshiOptions,
    HeikinAshiTrend,
    Holding,
    MakerOptions,
    MarketMaker,
    MarketTrade,
    MarketView,
    Open,
    Quote,
    RsiOptions,
    RsiReversion,
    SmaCross,
    SmaOptions,
    StrategySpec,
    TimeInForce,
    TradeSignal,
    Working,
    first_view,
    orders_of,
)
from lockstep_desk.types import Side
from tests.unit.desk.strategy.support import (
    BTC,
    E8,
    E9,
    asked,
    candle_of,
    context_of,
    quote_of,
    working,
)


def market_order(side: Side, units: int, *, closes: bool = False) -> Open:
    return Open(BTC, side, units * E8, tif=TimeInForce.IOC, is_reduce_only=closes)


@pytest.mark.desk("FUND-71")
def test_a_callback_gives_at_most_sixteen_intents() -> None:
    actions = Actions()
    intents = [Cancel(BTC, f"{n}") for n in range(INTENTS_MAX + 1)]
    assert [True] * 16 + [False] == [actions.add(intent) for intent in intents]
    assert intents[:16] == list(actions)


@pytest.mark.desk("FUND-71")
def test_an_intent_is_neutralised_in_place() -> None:
    actions = Actions()
    for name in "abc":
        actions.add(Cancel(BTC, name))
    actions.clear_at(1)
    assert [Cancel(BTC, "a"), Cancel(BTC, "c")] == list(actions)
    assert 3 == len(actions)
    with pytest.raises(InvalidValueError, match="one of the 3 intents, found 3"):
        actions.clear_at(3)


def test_a_context_cannot_be_changed() -> None:
    context = context_of()
    for name in ("holding", "orders", "now_ns", "seq_seen", "market"):
        with pytest.raises(AttributeError):
            setattr(context, name, None)


@pytest.mark.desk("PIPE-D3")
def test_no_position_is_a_flat_one_and_the_strategy_is_asked() -> None:
    view = first_view(candle_of(100))
    assert Holding(0, 0) == Context("d", BTC, view, 0, 0).holding
    buyer = BuyWhenFlat(FlatOptions(E8))
    assert [market_order(Side.BUY, 1)] == asked(buyer, Context("d", BTC, view, 0, 0))


@pytest.mark.desk("PIPE-18", "PIPE-D12")
def test_buy_when_flat_buys_with_a_price_no_position_and_no_order() -> None:
    buyer = BuyWhenFlat(FlatOptions(E8))
    assert [] == asked(buyer, context_of(held=1))
    assert [] == asked(buyer, context_of(orders=(working(Side.BUY, is_confirmed=False),)))
    one_sided = Quote(BTC, 0, 100 * E9, E8, 0, 0)
    assert [] == asked(buyer, context_of(one_sided))


@pytest.mark.desk("PIPE-04", "PIPE-05", "PIPE-D10", "PIPE-D12")
@pytest.mark.parametrize(
    ("signal", "held", "orders"),
    [
        (TradeSignal.LONG, 0, [market_order(Side.BUY, 2)]),
        (TradeSignal.SHORT, 0, [market_order(Side.SELL, 2)]),
        (TradeSignal.CLOSE, 0, []),
        (TradeSignal.LONG, 3, []),
        (TradeSignal.CLOSE, 3, [market_order(Side.SELL, 3, closes=True)]),
        (TradeSignal.CLOSE, -3, [market_order(Side.BUY, 3, closes=True)]),
        (
            TradeSignal.SHORT,
            3,
            [market_order(Side.SELL, 3, closes=True), market_order(Side.SELL, 2)],
        ),
        (None, 3, []),
    ],
)
def test_a_signal_becomes_orders_and_a_turn_is_a_close_and_an_opening(
    signal: TradeSignal | None, held: int, orders: list[Open]
) -> None:
    assert orders == orders_of(signal, context_of(held=held), 2 * E8)
    in_flight = (working(Side.BUY, is_confirmed=False),)
    assert [] == orders_of(signal, context_of(held=held, orders=in_flight), 2 * E8)


def signals(algo: Algo, closes: list[int], held: int = 0) -> list[str]:
    """Return what a strategy does at each close: B, S or nothing."""
    found: list[str] = []
    for close in closes:
        opens = [i for i in asked(algo, context_of(candle_of(close), held)) if isinstance(i, Open)]
        found.append("".join(order.side.name[0] for order in opens))
    return found


@pytest.mark.desk("PIPE-18", "PIPE-D6")
def test_rsi_reversion_goes_long_when_low_and_short_when_high() -> None:
    options = RsiOptions(E8, period=2)
    assert ["", "", "B"] == signals(RsiReversion(options), [3, 2, 1])
    assert ["", "", "S"] == signals(RsiReversion(options), [1, 2, 3])
    assert ["", "", ""] == signals(RsiReversion(options), [2, 2, 2])
    # From long, high: close and open.
    assert ["", "", "SS"] == signals(RsiReversion(options), [1, 2, 3], held=1)


def test_rsi_reversion_looks_at_candles_only() -> None:
    algo = RsiReversion(RsiOptions(E8, period=2))
    for close in (3, 2):
        asked(algo, context_of(candle_of(close)))
        asked(algo, context_of(quote_of(900, 1000)))
    assert [market_order(Side.BUY, 1)] == asked(algo, context_of(candle_of(1)))


def test_sma_cross_acts_on_the_crossing_alone() -> None:
    algo = SmaCross(SmaOptions(E8, fast=1, slow=2))
    assert ["", "", "", "B", "", "S", ""] == signals(algo, [3, 2, 1, 2, 3, 2, 1])


def test_sma_cross_remembers_the_side_it_was_on_over_an_equal_one() -> None:
    algo = SmaCross(SmaOptions(E8, fast=1, slow=2))
    assert ["", "", "", "B"] == signals(algo, [3, 2, 2, 3])


def test_heikin_ashi_trend_is_long_while_averaged_candles_rise_and_short_while_they_fall() -> None:
    algo = HeikinAshiTrend(HeikinAshiOptions(E8))
    # The first bar stands still; each later one is compared with the middle of the bar before.
    assert ["", "B", "B", "S", "S"] == signals(algo, [5, 6, 7, 4, 3])
    assert ["", ""] == signals(HeikinAshiTrend(HeikinAshiOptions(E8)), [5, 5])


MAKER = MakerOptions(E8, E9, half_spread_bps=100, skew_bps=100, inventory_max_e8=2 * E8)


def maker_quote(side: Side, price: int) -> Open:
    return Open(BTC, side, E8, price * E9, is_post_only=True, is_mmp=True)


def test_a_maker_quotes_both_sides_under_protection() -> None:
    # 1 % of 1000 to each side.
    found = asked(MarketMaker(MAKER), context_of(quote_of(999, 1001)))
    assert [maker_quote(Side.BUY, 990), maker_quote(Side.SELL, 1010)] == found


def test_a_maker_moves_its_quotes_against_its_inventory() -> None:
    # Half the bound is held, so both sides move down by half of 1 %.
    found = asked(MarketMaker(MAKER), context_of(quote_of(999, 1001), held=1))
    assert [maker_quote(Side.BUY, 985), maker_quote(Side.SELL, 1005)] == found


def test_a_maker_does_not_quote_the_side_that_would_pass_its_bound() -> None:
    found = asked(MarketMaker(MAKER), context_of(quote_of(999, 1001), held=2))
    assert [maker_quote(Side.SELL, 1000)] == found
    found = asked(MarketMaker(MAKER), context_of(quote_of(999, 1001), held=-2))
    assert [maker_quote(Side.BUY, 1000)] == found


def test_a_maker_rounds_away_from_the_middle() -> None:
    # 1 % of 1005 is 10.05: the bid at 994.95 goes down, the ask at 1015.05 up.
    found = asked(MarketMaker(MAKER), context_of(quote_of(1004, 1006)))
    assert [maker_quote(Side.BUY, 994), maker_quote(Side.SELL, 1016)] == found


def test_a_maker_leaves_a_quote_that_is_near_and_cancels_one_that_is_off() -> None:
    near = working(Side.BUY, 991)
    off = working(Side.SELL, 1012)
    found = asked(MarketMaker(MAKER), context_of(quote_of(999, 1001), orders=(near, off)))
    assert [Cancel(BTC, off.client_order_id)] == found


@pytest.mark.desk("PIPE-D12")
def test_a_maker_waits_for_what_is_in_flight() -> None:
    flying = working(Side.BUY, 900, is_confirmed=False)
    ending = Working("x", Side.SELL, E8, 2000 * E9, True, True)
    orders = (flying, ending)
    assert [] == asked(MarketMaker(MAKER), context_of(quote_of(999, 1001), orders=orders))


def test_a_maker_without_a_price_cancels_and_quotes_nothing() -> None:
    one_sided = Quote(BTC, 0, 100 * E9, E8, 0, 0)
    assert [] == asked(MarketMaker(MAKER), context_of(one_sided))
    resting = (working(Side.BUY, 90),)
    assert [Cancel(BTC, "order-BUY")] == asked(
        MarketMaker(MAKER), context_of(one_sided, orders=resting)
    )


@pytest.mark.desk("DESK-24", "DESK-16")
def test_positions_are_closed_by_cancels_and_an_opposite_market_order() -> None:
    contexts = [context_of(held=2, orders=(working(Side.BUY, 90),)), context_of(held=-1)]
    assert [
        Cancel(BTC, "order-BUY"),
        market_order(Side.SELL, 2, closes=True),
        market_order(Side.BUY, 1, closes=True),
    ] == CloseAtMarket().close_positions(contexts)


@pytest.mark.desk("DESK-24")
def test_an_instrument_without_a_price_is_not_closed() -> None:
    one_sided = Quote(BTC, 0, 100 * E9, E8, 0, 0)
    assert [] == CloseAtMarket().close_positions([context_of(one_sided, held=2)])


@pytest.mark.desk("DESK-23")
def test_hooks_cancel_close_or_leave_alone() -> None:
    contexts = [context_of(held=2, orders=(working(Side.BUY, 90),))]
    cancel = Cancel(BTC, "order-BUY")
    assert [cancel] == CancelOrders().on_disconnect("venue", contexts)
    assert [cancel] == CancelOrders().on_trading_disabled(contexts)
    assert [cancel, market_order(Side.SELL, 2, closes=True)] == CloseOrders().on_trading_disabled(
        contexts
    )
    assert [[], []] == [
        DoNothing().on_disconnect("venue", contexts),
        DoNothing().on_trading_disabled(contexts),
    ]


@pytest.mark.desk("DESK-15")
def test_an_order_that_is_being_cancelled_is_not_cancelled_again() -> None:
    ending = Working("x", Side.SELL, E8, 2000 * E9, True, True)
    assert [] == CancelOrders().on_disconnect("venue", [context_of(orders=(ending,))])


@pytest.mark.desk("DESK-2B")
def test_the_price_is_the_weighted_middle_else_the_last_trade_else_the_close() -> None:
    # (100 x 3 + 104 x 1) / 4: the larger ask pulls the price to the bid.
    view = first_view(quote_of(100, 104, bid_lots=1, ask_lots=3))
    assert 101 * E9 == view.price_e9
    view = view.after(MarketTrade(BTC, 1, 90 * E9, E8, Side.BUY))
    assert 101 * E9 == view.price_e9
    view = view.after(Quote(BTC, 2, 100 * E9, E8, 0, 0))
    assert 90 * E9 == view.price_e9
    assert 80 * E9 == first_view(candle_of(80)).price_e9
    assert MarketView(BTC, candle_of(80)).price_e9 is None


@pytest.mark.desk("DESK-2B")
def test_a_quote_of_nothing_on_both_sides_divides_by_nothing() -> None:
    assert first_view(Quote(BTC, 0, 0, 0, 0, 0)).price_e9 is None


def test_a_view_keeps_the_newest_of_each_kind() -> None:
    view = first_view(candle_of(80, ts_ns=5)).after(candle_of(70, ts_ns=4))
    assert 80 * E9 == view.price_e9
    assert 60 * E9 == view.after(candle_of(60, ts_ns=5)).price_e9


OPTIONS: dict[str, tuple[tuple[str, int], ...]] = {
    "buy_when_flat": (("qty_e8", E8),),
    "heikin_ashi": (("qty_e8", E8),),
    "market_maker": (("qty_e8", E8), ("tick_e9", E9)),
    "rsi": (("qty_e8", E8), ("period", 3)),
    "sma_cross": (("qty_e8", E8), ("fast", 2), ("slow", 3)),
}


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_a_strategy_that_was_pickled_goes_on_as_if_it_was_not(name: str) -> None:
    spec = StrategySpec(name, OPTIONS[name])
    whole, moved = spec.build(), spec.build()
    for close in (5, 4, 3, 6, 8, 7, 2, 1):
        moved = pickle.loads(pickle.dumps(moved))  # noqa: S301  # it was written here, just now
        context = context_of(candle_of(close))
        assert asked(whole, context) == asked(moved, context)


def test_contexts_and_intents_survive_the_wire() -> None:
    context = context_of(quote_of(1, 2), held=3, orders=(working(Side.BUY, 1),))
    assert context == msgspec.msgpack.decode(msgspec.msgpack.encode(context), type=Context)
    intents = [market_order(Side.SELL, 1), Cancel(BTC, "x"), maker_quote(Side.BUY, 3)]
    assert intents == msgspec.msgpack.decode(
        msgspec.msgpack.encode(intents), type=list[Open | Cancel]
    )


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda: Open(BTC, Side.BUY, 0), "qty_e8: expected an integer from 1"),
        (lambda: Open(BTC, Side.BUY, -1), "qty_e8: expected an integer from 1"),
        (lambda: Open(BTC, 1, 1), "side: expected Side.BUY or Side.SELL, found 1"),
        (lambda: Open(BTC, Side.BUY, 1, 0), "price_e9: expected an integer from 1"),
        (lambda: Open(BTC, Side.BUY, 1, is_post_only=True), "expected a price for a post-only"),
        (lambda: SmaOptions(1, 5, 5), "slow: expected more than fast, which is 5, found 5"),
        (lambda: RsiOptions(1, low_e6=5, high_e6=5), "high_e6: expected an integer from 6"),
        (lambda: MakerOptions(5, 1, inventory_max_e8=4), "inventory_max_e8: expected an integer"),
        (lambda: StrategySpec("rsj", ()).build(), "expected one of buy_when_flat, .*found 'rsj'"),
        (lambda: StrategySpec("rsi", (("x", 1),)).build(), "options of strategy 'rsi': .*'x'"),
    ],
)
def test_bad_input_is_named(bad: Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        bad()
