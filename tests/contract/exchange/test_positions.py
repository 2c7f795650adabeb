"""Positions, realised profit, premium and clearing: [POS-1], [POS-2], [POS-3].

Bob never takes part in closing: in every test Alice trades with Bob, so he mirrors her. Fees are
switched off where money is compared.
"""

import pytest

from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    CASH,
    ETH_PERP,
    FUTURE,
    PERP,
    PUT,
    Exchange,
    trades,
)


def fill(market: Exchange, signed_lots: int, price: int, instrument: int = PERP) -> int:
    """Let Alice take these lots from Bob (negative: give); return what she realised."""
    if signed_lots > 0:
        market.ask(BOB, price, signed_lots, instrument)
        events = market.buy(ALICE, price, signed_lots, instrument)
    else:
        market.bid(BOB, price, -signed_lots, instrument)
        events = market.sell(ALICE, price, -signed_lots, instrument)
    (trade,) = trades(events)
    assert market.position(ALICE, instrument) == (trade.taker.position_lots, trade.taker.cost_e6)
    assert market.cash(ALICE) == trade.taker.cash_e6
    realised: int = trade.taker.realised_e6
    return realised


@pytest.mark.rule("POS-1")
@pytest.mark.parametrize("sign", [1, -1])
def test_a_fill_on_the_same_side_adds_its_value_to_the_cost(free: Exchange, sign: int) -> None:
    assert 0 == fill(free, sign * 1, 100)
    assert 0 == fill(free, sign * 2, 101)
    assert (sign * 3, sign * 302_000) == free.position(ALICE)
    assert (-sign * 3, -sign * 302_000) == free.position(BOB)


@pytest.mark.rule("POS-1", "NUM-2")
@pytest.mark.parametrize("sign", [1, -1])
def test_a_partial_close_releases_its_share_of_the_cost_truncated(
    free: Exchange, sign: int
) -> None:
    """302,000 / 3 = 100,666.67: 100,666 released, whatever the sign; the rest stays."""
    fill(free, sign * 1, 100)
    fill(free, sign * 2, 101)
    assert sign * 4_334 == fill(free, -sign * 1, 105)
    assert (sign * 2, sign * 201_334) == free.position(ALICE)
    assert sign * (105_000 * 2 - 201_334) == fill(free, -sign * 2, 105)


@pytest.mark.rule("POS-1")
@pytest.mark.parametrize("sign", [1, -1])
def test_an_exact_close_leaves_nothing(free: Exchange, sign: int) -> None:
    fill(free, sign * 1, 100)
    fill(free, sign * 2, 101)
    assert sign * 13_000 == fill(free, -sign * 3, 105)
    assert None is free.record(10, (ALICE, PERP))
    assert None is free.record(10, (BOB, PERP))


@pytest.mark.rule("POS-1")
@pytest.mark.parametrize("sign", [1, -1])
def test_a_single_lot_is_closed_and_turned(free: Exchange, sign: int) -> None:
    fill(free, sign * 1, 100)
    assert sign * 5_000 == fill(free, -sign * 1, 105)
    assert None is free.record(10, (ALICE, PERP))
    fill(free, sign * 1, 100)
    assert sign * 5_000 == fill(free, -sign * 2, 105)
    assert (-sign * 1, -sign * 105_000) == free.position(ALICE)
    assert 0 == fill(free, -sign * 1, 107)
    assert (-sign * 2, -sign * 212_000) == free.position(ALICE)
    assert sign * 6_000 == fill(free, sign * 1, 100)
    assert (-sign * 1, -sign * 106_000) == free.position(ALICE)


@pytest.mark.rule("POS-1")
@pytest.mark.parametrize("sign", [1, -1])
def test_a_flip_closes_all_and_opens_the_rest_at_the_fill_price(free: Exchange, sign: int) -> None:
    fill(free, sign * 1, 100)
    fill(free, sign * 2, 101)
    assert sign * 13_000 == fill(free, -sign * 5, 105)
    assert (-sign * 2, -sign * 210_000) == free.position(ALICE)


@pytest.mark.rule("POS-1")
def test_a_loss_is_realised_likewise(free: Exchange) -> None:
    fill(free, 10, 100)
    assert -4 * 7_000 == fill(free, -4, 93)
    assert (6, 600_000) == free.position(ALICE)


@pytest.mark.rule("POS-1")
def test_cost_value_and_realised_always_balance(free: Exchange) -> None:
    """old cost + signed value of the fill = new cost - realised."""
    fills = [(3, 97), (1, 101), (1, 99), (-4, 103), (-1, 88), (7, 99), (-13, 107), (-1, 95)]
    fills += [(1, 94), (2, 95), (-6, 111), (20, 90), (-1, 89), (1, 93), (-11, 91), (1, 90)]
    for signed_lots, price in fills:
        _qty, cost = free.position(ALICE)
        realised = fill(free, signed_lots, price)
        expected = cost + signed_lots * price * 1_000
        qty, cost = free.position(ALICE)
        assert expected == cost - realised
        assert (qty > 0) - (qty < 0) == (cost > 0) - (cost < 0)


@pytest.mark.rule("POS-2")
@pytest.mark.parametrize("instrument", [PERP, FUTURE, ETH_PERP])
def test_a_future_moves_only_realised_profit(free: Exchange, instrument: int) -> None:
    fill(free, 10, 100, instrument)
    assert (CASH, CASH) == (free.cash(ALICE), free.cash(BOB))
    fill(free, -4, 105, instrument)
    assert (CASH + 20_000, CASH - 20_000) == (free.cash(ALICE), free.cash(BOB))
    fill(free, -6, 95, instrument)
    assert (CASH - 10_000, CASH + 10_000) == (free.cash(ALICE), free.cash(BOB))


@pytest.mark.rule("POS-2", "POS-3")
def test_the_clearing_account_holds_minus_the_cost_of_all_positions(free: Exchange) -> None:
    """Alice realises 20,000 from Carol, who has only just entered: the clearing account owes it."""
    fill(free, 10, 100)
    free.bid(CAROL, 105, 4)
    free.sell(ALICE, 105, 4)
    cash = free.cash(ALICE) + free.cash(BOB) + free.cash(CAROL)
    costs = [free.position(account)[1] for account in (ALICE, BOB, CAROL)]
    assert [600_000, -1_000_000, 420_000] == costs
    assert 3 * CASH + sum(costs) == cash
    assert 3 * CASH + 20_000 == cash


@pytest.mark.rule("POS-2")
@pytest.mark.parametrize("instrument", [CALL, PUT])
def test_an_option_moves_its_premium(free: Exchange, instrument: int) -> None:
    assert 0 == fill(free, 10, 5, instrument)
    assert (CASH - 50_000, CASH + 50_000) == (free.cash(ALICE), free.cash(BOB))
    assert (10, 50_000) == free.position(ALICE, instrument)


@pytest.mark.rule("POS-2")
@pytest.mark.parametrize("instrument", [CALL, PUT])
def test_the_realised_profit_of_an_option_is_information(free: Exchange, instrument: int) -> None:
    fill(free, 10, 5, instrument)
    assert 4 * 2_000 == fill(free, -4, 7, instrument)
    assert CASH - 50_000 + 28_000 == free.cash(ALICE)
    assert (6, 30_000) == free.position(ALICE, instrument)
    assert -6 * 1_000 == fill(free, -6, 4, instrument)
    assert CASH - 50_000 + 28_000 + 24_000 == free.cash(ALICE)
    assert CASH + 50_000 - 28_000 - 24_000 == free.cash(BOB)


@pytest.mark.rule("POS-1", "POS-2")
def test_an_option_position_flips_too(free: Exchange) -> None:
    fill(free, 2, 5, CALL)
    assert 2 * 1_000 == fill(free, -5, 6, CALL)
    assert (-3, -18_000) == free.position(ALICE, CALL)
    assert CASH - 10_000 + 30_000 == free.cash(ALICE)


@pytest.mark.rule("POS-3", "FEE-1")
def test_both_sides_are_settled_with_their_fees(market: Exchange) -> None:
    """Alice takes 10 lots at 100 and gives 10 at 110: profit 100,000; fees 500 and 550."""
    market.trade(ALICE, BOB, 100, 10)
    market.bid(BOB, 110, 10)
    (trade,) = trades(market.sell(ALICE, 110, 10))
    assert (100_000, -100_000) == (trade.taker.realised_e6, trade.maker.realised_e6)
    assert CASH - 500 + 100_000 - 550 == market.cash(ALICE)
    assert CASH - 200 - 100_000 - 220 == market.cash(BOB)
    assert (500 + 200 + 550 + 220, 7 * CASH) == market.treasury()


@pytest.mark.rule("POS-1")
def test_positions_in_instruments_are_apart(free: Exchange) -> None:
    fill(free, 3, 100, PERP)
    fill(free, -2, 100, FUTURE)
    assert (3, 300_000) == free.position(ALICE, PERP)
    assert (-2, -200_000) == free.position(ALICE, FUTURE)
