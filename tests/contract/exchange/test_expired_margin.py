"""What expired positions need in every mode: [MRG-2] and the end of [MRG-3].

All options here are calls and puts at 100; a lot is a thousandth of the underlying. The fee of
settlement is 1.5 bps of the index, so 16.5 a lot at 110; all others are 0.
"""

import pytest

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    AdvanceTime,
    Liquidate,
    MarginRates,
    SetFeeSchedule,
    SetFeeTier,
    SetMarginMode,
    SetMarginModel,
    SetPortfolioModel,
    SetSettlementPrice,
    SettleExpiry,
)
from lockstep_kernel import dump, load
from tests.contract.exchange.liquidations import liquidate
from tests.support.exchange import (
    ALICE,
    BOB,
    CALL,
    FUTURE,
    MARKET_EXPIRY_NS,
    PERP,
    PUT,
    Exchange,
)
from tests.support.margins import MODEL, PORTFOLIO, SPREAD, choose, leave, requirement, sharpen

E = MARKET_EXPIRY_NS
C80 = 50
MODES = pytest.mark.parametrize("mode", [0, SPREAD, PORTFOLIO])


@pytest.fixture
def modelled(free: Exchange) -> Exchange:
    """The market without fees, where an account may choose PORTFOLIO."""
    free.do(SetPortfolioModel("BTC", MODEL))
    sharpen(free, 100)
    return free


def expire_at(market: Exchange, price: int) -> None:
    """Let the dated instruments expire at an average that is not final."""
    market.index(price)
    market.do(AdvanceTime(), at=E)


def settle_at(market: Exchange, price: int) -> None:
    """Make a price final."""
    market.do(SetSettlementPrice("BTC", E, price * 10**6))


def restart(market: Exchange) -> Exchange:
    """Return a copy that was restored from a snapshot."""
    twin = market.fork()
    twin.state = load(twin.state.machine, twin.state.genesis, dump(twin.state))
    return twin


def assert_frees(market: Exchange, amount_e6: int) -> None:
    """Check what Alice may withdraw, here and after a restart."""
    market.assert_can_withdraw(ALICE, amount_e6)
    restart(market).assert_can_withdraw(ALICE, amount_e6)


# The fee


@MODES
@pytest.mark.rule("MRG-2", "SET-2")
def test_a_final_position_keeps_the_fee_that_settling_it_will_take(
    modelled: Exchange, mode: int
) -> None:
    """Ten calls sold pay 100,000 at 110, and 165 of fees: no deficit is left when all else went."""
    choose(modelled, ALICE, mode)
    modelled.trade(BOB, ALICE, 5, 10, CALL)
    leave(modelled, ALICE, 1_000_000)
    expire_at(modelled, 110)
    settle_at(modelled, 110)
    assert_frees(modelled, 1_000_000 - 100_165)
    leave(modelled, ALICE, 100_165)
    modelled.do(SettleExpiry("BTC", E))
    assert 0 == modelled.cash(ALICE)
    assert Code.ACCOUNT_HEALTHY == modelled.refusal(Liquidate(ALICE))


@MODES
@pytest.mark.rule("MRG-2", "SET-2")
def test_the_fee_is_of_initial_and_of_maintenance_margin_and_of_long_positions_too(
    modelled: Exchange, mode: int
) -> None:
    choose(modelled, ALICE, mode)
    modelled.trade(ALICE, BOB, 5, 1, CALL)
    modelled.trade(BOB, ALICE, 100, 1, FUTURE)
    expire_at(modelled, 110)
    settle_at(modelled, 110)
    assert (34, 34) == requirement(modelled, ALICE)


@pytest.mark.rule("MRG-2", "SET-2")
def test_no_spread_caps_the_fee(free: Exchange) -> None:
    """A call at 80 under a short one at 100 never loses; at 120 both pay 18 a lot for it."""
    free.create(C80, "BTC-20261225-80-C")
    free.mark(24, C80)
    choose(free, ALICE, SPREAD)
    free.trade(ALICE, BOB, 24, 1, C80)
    free.trade(BOB, ALICE, 5, 1, CALL)
    expire_at(free, 120)
    assert (0, 0) == requirement(free, ALICE)
    settle_at(free, 120)
    assert (36, 36) == requirement(free, ALICE)


@MODES
@pytest.mark.rule("MRG-2", "FEE-1", "ADM-5", "ADM-6")
def test_the_fee_follows_the_tier_and_its_rates(modelled: Exchange, mode: int) -> None:
    """1.5 bps, then 3 bps, then 12.5 % of what a lot pays, then nothing."""
    choose(modelled, ALICE, mode)
    modelled.trade(BOB, ALICE, 5, 10, CALL)
    leave(modelled, ALICE, 1_000_000)
    expire_at(modelled, 110)
    settle_at(modelled, 110)
    assert_frees(modelled, 900_000 - 165)
    modelled.do(SetFeeSchedule(3, *(0,) * 6, 300_000, 125_000_000))
    assert_frees(modelled, 900_000 - 165)
    modelled.do(SetFeeTier(ALICE, 3))
    assert_frees(modelled, 900_000 - 330)
    modelled.do(SetFeeSchedule(3, *(0,) * 6, 100_000_000, 125_000_000))
    assert_frees(modelled, 900_000 - 12_500)
    modelled.do(SetFeeSchedule(0, *(0,) * 6, 7, 1))
    assert_frees(modelled, 900_000 - 12_500)
    modelled.do(SetFeeSchedule(3, *(0,) * 6, 0, 125_000_000))
    assert_frees(modelled, 900_000)


@pytest.mark.rule("MRG-2", "LIQ-1")
def test_who_cannot_pay_the_fee_any_more_is_liquidated(modelled: Exchange) -> None:
    """Ten calls pay 100,000 and fees of 165: that is enough until the rate is 1.6 bps."""
    modelled.trade(BOB, ALICE, 5, 10, CALL)
    leave(modelled, ALICE, 300_000)
    expire_at(modelled, 110)
    settle_at(modelled, 110)
    leave(modelled, ALICE, 100_165)
    assert Code.ACCOUNT_HEALTHY == modelled.refusal(Liquidate(ALICE))
    modelled.do(SetFeeSchedule(0, *(0,) * 6, 160_000, 125_000_000))
    assert (100_176, 100_176) == requirement(modelled, ALICE)
    liquidate(modelled)


# PORTFOLIO


@pytest.mark.rule("MRG-3", "SET-1")
def test_an_expired_position_of_a_portfolio_needs_what_the_standard_mode_asks(
    modelled: Exchange,
) -> None:
    """At 120 a future needs 2,400 and 1,200; a short call 38,000 and 29,000 less its mark, 20,000.

    A short put that is 20 out of the money needs a tenth of 120, and 7.5 % to stay. What is long
    needs nothing.
    """
    choose(modelled, ALICE, PORTFOLIO)
    expected = {
        (FUTURE, 10): (24_000, 12_000),
        (FUTURE, -10): (24_000, 12_000),
        (CALL, -10): (180_000, 90_000),
        (CALL, 10): (0, 0),
        (PUT, -10): (120_000, 90_000),
        (PUT, 10): (0, 0),
    }
    found = {}
    for number, lots in expected:
        world = modelled.fork()
        price = 100 if number == FUTURE else 5
        buyer, seller = (ALICE, BOB) if lots > 0 else (BOB, ALICE)
        world.trade(buyer, seller, price, abs(lots), number)
        expire_at(world, 120)
        found[number, lots] = requirement(world, ALICE)
    assert expected == found


@pytest.mark.rule("MRG-3", "MRG-6")
def test_live_positions_of_a_portfolio_are_not_offset_by_expired_ones(modelled: Exchange) -> None:
    """A perpetual against a future needs less than alone, until the future has expired."""
    choose(modelled, ALICE, PORTFOLIO)
    modelled.trade(ALICE, BOB, 100, 10, PERP)
    alone = requirement(modelled, ALICE)
    modelled.trade(BOB, ALICE, 100, 10, FUTURE)
    both = requirement(modelled, ALICE)
    assert both[0] < alone[0]
    modelled.do(AdvanceTime(), at=E)
    assert (alone[0] + 20_000, alone[1] + 10_000) == requirement(modelled, ALICE)


@pytest.mark.rule("MRG-3", "MRG-6", "SET-1", "SET-2")
def test_what_is_free_of_a_portfolio_follows_expiry_rates_price_and_settlement(
    modelled: Exchange,
) -> None:
    """Ten calls sold, 1,000,000 of cash. Collateral is the cash less their marks.

    At 110 they are worth 10 and need 15 % of 110; at 120, by hand, 20 and the fee of 18.
    """
    choose(modelled, ALICE, PORTFOLIO)
    modelled.trade(BOB, ALICE, 5, 10, CALL)
    leave(modelled, ALICE, 1_000_000)
    expire_at(modelled, 110)
    assert_frees(modelled, 1_000_000 - 100_000 - 165_000)
    modelled.index(500)
    assert_frees(modelled, 1_000_000 - 100_000 - 165_000)
    modelled.do(SetMarginModel("BTC", MarginRates(option_initial_e9=200_000_000)))
    assert_frees(modelled, 1_000_000 - 100_000 - 220_000)
    modelled.do(SetPortfolioModel("BTC", MODEL))
    assert_frees(modelled, 1_000_000 - 100_000 - 220_000)
    settle_at(modelled, 120)
    assert_frees(modelled, 1_000_000 - 200_000 - 180)
    modelled.do(SettleExpiry("BTC", E))
    assert_frees(modelled, 1_000_000 - 200_000 - 180)
    modelled.do(SetFeeSchedule(0, *(0,) * 6, 10**8, 10**9))
    assert_frees(modelled, 1_000_000 - 200_000 - 180)


@pytest.mark.rule("MRG-7", "MRG-3")
def test_no_change_of_mode_frees_what_an_expired_position_needs(modelled: Exchange) -> None:
    """Twenty calls sold at 100 expire at the money: 15 % of 100 each, in either mode."""
    modelled.trade(BOB, ALICE, 1, 20, CALL)
    leave(modelled, ALICE, 400_000)
    expire_at(modelled, 100)
    assert_frees(modelled, 100_000)
    choose(modelled, ALICE, PORTFOLIO)
    assert (300_000, 150_000) == requirement(modelled, ALICE)
    assert_frees(modelled, 100_000)
    choose(modelled, ALICE, SPREAD)
    assert_frees(modelled, 100_000)


@pytest.mark.rule("MRG-7", "MRG-3")
def test_who_is_short_of_margin_for_an_expired_position_cannot_choose_portfolio(
    modelled: Exchange,
) -> None:
    """At 120 each of twenty calls pays 20 and needs 18 beside: 360,000 against nothing."""
    modelled.trade(BOB, ALICE, 1, 20, CALL)
    leave(modelled, ALICE, 400_000)
    expire_at(modelled, 120)
    assert Code.INSUFFICIENT_MARGIN == modelled.refusal(SetMarginMode(PORTFOLIO), ALICE)


@pytest.mark.rule("LIQ-1", "MRG-3")
def test_a_portfolio_is_liquidated_for_what_has_expired(modelled: Exchange) -> None:
    """At 120 ten short calls need 9 a lot to stay; after 200,000 for their marks 50,000 are left.

    One perpetual goes, and it is not enough: the calls wait for their price.
    """
    choose(modelled, ALICE, PORTFOLIO)
    modelled.trade(BOB, ALICE, 5, 10, CALL)
    modelled.trade(ALICE, BOB, 100, 1, PERP)
    leave(modelled, ALICE, 250_000)
    expire_at(modelled, 120)
    liquidate(modelled)
    assert (0, -10) == (modelled.position(ALICE)[0], modelled.position(ALICE, CALL)[0])
