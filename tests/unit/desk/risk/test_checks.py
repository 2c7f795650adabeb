"""Risk checks: equality passes, what cannot be known refuses, cancels always pass."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_desk.errors import InvalidValueError
from lockstep_desk.risk import (
    CheckHigherThan,
    Contract,
    Decision,
    Input,
    KnownContract,
    NotionalCap,
    PriceDeviation,
    RiskCheck,
    RiskManager,
    deviation_bps,
    notional_e9,
    signed_delta_e8,
)
from lockstep_desk.strategy import Cancel, Context, Open, Quote
from lockstep_desk.types import Side
from tests.unit.desk.strategy.support import BTC, E8, E9, candle_of, context_of, quote_of

NO_PRICE = Quote(BTC, 0, 100 * E9, E8, 0, 0)
BUY = Open(BTC, Side.BUY, E8, 100 * E9)
AT_MARKET = Open(BTC, Side.BUY, E8)


def decided(rule: RiskCheck, wanted: Open, context: Context | None = None) -> str:
    """Return why one rule refuses an order, "" if it passes."""
    manager = RiskManager([rule], {BTC: Contract()})
    decision = manager.check(context or context_of(candle_of(100)), [], [wanted])
    return decision.refused_opens[0].reason if decision.refused_opens else ""


@pytest.mark.desk("DESK-51")
def test_what_is_at_most_the_limit_passes() -> None:
    bound = CheckHigherThan(10)
    assert [True, True, False] == [bound.check(value) for value in (9, 10, 11)]


@pytest.mark.desk("DESK-50")
def test_a_decision_keeps_the_order_in_which_intents_came() -> None:
    manager = RiskManager([NotionalCap(100 * E9)], {BTC: Contract()})
    small, large = BUY, Open(BTC, Side.SELL, 2 * E8, 100 * E9)
    cancels = [Cancel(BTC, "b"), Cancel(BTC, "a")]
    decision = manager.check(context_of(), cancels, [large, small, large])
    assert (tuple(cancels), (small,), ()) == decision[:3]
    assert [large, large] == [refused.item for refused in decision.refused_opens]


@pytest.mark.desk("DESK-50", "DESK-53")
def test_cancels_always_pass_even_where_nothing_is_known() -> None:
    cancel = Cancel("nothing", "x")
    decision = RiskManager([KnownContract()], {}).check(context_of(NO_PRICE), [cancel], [])
    assert Decision((cancel,), (), (), ()) == decision


@pytest.mark.desk("DESK-53")
def test_an_order_is_bounded_by_its_value() -> None:
    assert "" == decided(NotionalCap(100 * E9), BUY)
    assert "order notional: expected a value of at most 99999999999 e-9, found 100000000000" == (
        decided(NotionalCap(100 * E9 - 1), BUY)
    )
    assert "" == decided(NotionalCap(100 * E9), AT_MARKET)


@pytest.mark.desk("DESK-53")
@pytest.mark.parametrize("rule", [NotionalCap(10**18), PriceDeviation(10_000)])
def test_without_a_price_a_market_order_is_refused(rule: RiskCheck) -> None:
    reason = decided(rule, AT_MARKET, context_of(NO_PRICE))
    assert f"{rule.name()}: expected a price of BTC-PERP, found none" == reason


@pytest.mark.desk("DESK-53")
def test_a_price_too_far_from_the_market_is_refused() -> None:
    def at(price: int) -> str:
        return decided(PriceDeviation(100), Open(BTC, Side.BUY, E8, price * E9))

    assert ["", "", ""] == [at(99), at(100), at(101)]
    assert "price deviation: expected a price within 100 bps of 100000000000, found 200 bps" == (
        at(102)
    )
    assert "found 200 bps" in at(98)


@pytest.mark.desk("DESK-53")
def test_a_market_order_is_measured_by_the_side_that_it_would_meet() -> None:
    thin = context_of(quote_of(100, 200, bid_lots=1, ask_lots=99))
    assert "found 9802 bps" in decided(PriceDeviation(500), AT_MARKET, thin)
    assert "" == decided(PriceDeviation(500), Open(BTC, Side.SELL, E8), thin)


@pytest.mark.desk("DESK-53")
def test_unknown_instruments_and_options_are_refused() -> None:
    manager = RiskManager([KnownContract()], {"OPT": Contract(is_option=True)})
    (refused,) = manager.check(context_of(), [], [BUY]).refused_opens
    assert "contract: expected a known instrument, found BTC-PERP" == refused.reason
    manager = RiskManager([KnownContract()], {BTC: Contract(is_option=True)})
    (refused,) = manager.check(context_of(), [], [BUY]).refused_opens
    assert "contract: expected no option, found BTC-PERP" == refused.reason


class Broken:
    def name(self) -> str:
        return "broken"

    def check(self, wanted: Input) -> str | None:
        raise ZeroDivisionError("by nothing")


@pytest.mark.desk("DESK-53")
def test_a_check_that_raises_refuses() -> None:
    assert "broken: the check failed: ZeroDivisionError('by nothing')" == decided(Broken(), BUY)


def test_an_order_in_an_instrument_that_the_context_does_not_show_is_refused() -> None:
    reason = decided(NotionalCap(10**18), Open("ETH-PERP", Side.BUY, E8, E9))
    assert reason.startswith("instrument: expected BTC-PERP, the one the strategy sees, found ETH")


@pytest.mark.desk("DESK-52")
def test_notional_takes_the_contract_size_and_rounds_up() -> None:
    assert 20 * E9 == notional_e9(2 * E8, 100 * E9, E8 // 10)
    assert 1 == notional_e9(1, 1, 1)
    found = decided(NotionalCap(10 * E9), BUY)
    assert found
    manager = RiskManager([NotionalCap(10 * E9)], {BTC: Contract(size_e8=E8 // 10)})
    assert () == manager.check(context_of(), [], [BUY]).refused_opens


@pytest.mark.desk("DESK-52")
@given(st.integers(1, 10**15), st.integers(1, 10**15))
def test_deviation_is_never_less_than_it_is(price: int, reference: int) -> None:
    found = deviation_bps(price, reference)
    assert found * reference >= abs(price - reference) * 10_000 > (found - 1) * reference


@pytest.mark.desk("DESK-52")
def test_delta_is_signed_by_the_side() -> None:
    assert (E8, -E8) == (
        signed_delta_e8(Side.BUY, 2 * E8, E9 // 2),
        signed_delta_e8(Side.SELL, 2 * E8, E9 // 2),
    )


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda: deviation_bps(1, 0), "reference: expected a price above zero, found 0"),
        (lambda: NotionalCap(-1), "limit: expected an integer from 0"),
    ],
)
def test_bad_input_is_named(bad: Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        bad()
