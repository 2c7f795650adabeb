"""What an account is held to: its drawdown, one direction of each asset, and only reducing then."""

from collections.abc import Callable

import msgspec
import pytest

from lockstep_desk.core.codes import Origin, Refusal, Scope, TradingState
from lockstep_desk.core.commands import (
    NO_ACCOUNT_LIMITS,
    AccountLimits,
    FeeReport,
    FundingReport,
    Halt,
    OpenRequest,
    RecordFee,
    RecordFunding,
    RecordTrade,
    RegisterAccount,
    RegisterInstrument,
    SendOpenRequests,
    SetAccountLimits,
    SetQuarantine,
    SetTradingState,
)
from lockstep_desk.core.events import (
    AccountLimitsSet,
    AlertCleared,
    AlertRaised,
    CommandRefused,
    EquityChanged,
    OrderRefused,
    OrderRequested,
    PositionExited,
)
from lockstep_desk.types import HaltAction, Side
from tests.support.desk import ACCOUNT, BTC, E8, E9, ETH, VENUE, Desk, limit_buy, limit_sell, of

DATED = "btc_dated"
"""Another instrument of the same underlying."""

TENTH = AccountLimits("usdt", 1_000 * E9, max_drawdown_bps=1_000)
ONE_SIDE = AccountLimits(is_one_directional=True)


def limit(trading, limits: AccountLimits) -> None:
    assert AccountLimitsSet(ACCOUNT, limits) == trading.desk.one(SetAccountLimits(ACCOUNT, limits))


def long_at(trading, price: int, qty: int = E8) -> OrderRequested:
    """Let the deployment buy at a price."""
    order = trading.desk.resting(trading.alpha, limit_buy(qty, price))
    trading.desk.fill(order, qty, price)
    return order


def outcome(desk: Desk, deployment: str, request: OpenRequest) -> str:
    """Return "sent", or why an order was refused."""
    (event,) = desk.want(deployment, request)
    return event.code.name if isinstance(event, OrderRefused) else "sent"


# The drawdown


@pytest.mark.desk("RECON-25")
def test_after_a_trade_profit_equity_and_drawdown_are_kept_from_real_fills(trading) -> None:
    desk = trading.desk
    limit(trading, TENTH)
    bought = desk.resting(trading.alpha, limit_buy(E8, 10_000))
    (opened,) = of(EquityChanged, desk.fill(bought, E8, 10_000, fee=2))
    assert EquityChanged(ACCOUNT, 998 * E9, 1_000 * E9, 20, False) == opened
    desk.price(BTC, 10_102)
    sold = desk.resting(trading.alpha, limit_sell(E8, 10_050))
    events = desk.fill(sold, E8, 10_050, fee=3)
    (exited,), (closed,) = of(PositionExited, events), of(EquityChanged, events)
    assert 45 * E9 == exited.realised_e9
    assert EquityChanged(ACCOUNT, 1_045 * E9, 1_100 * E9, 500, False) == closed


@pytest.mark.desk("RECON-21", "RECON-26")
def test_beyond_the_drawdown_nothing_opens_and_exactly_at_it_everything_does(trading) -> None:
    desk = trading.desk
    limit(trading, TENTH)
    long_at(trading, 10_000)
    desk.price(BTC, 9_900)
    assert "sent" == outcome(desk, trading.alpha, limit_buy(E8, 9_800))
    events = desk.send(RecordTrade(BTC, 9_900 * E9 - 1, E8, Side.BUY, desk.now_ns + 1))
    (alert,) = of(AlertRaised, events)
    assert ("DRAWDOWN", f"drawdown|{ACCOUNT}") == (alert.code, alert.dedup_key)
    assert [True] == [one.is_blocked for one in of(EquityChanged, events)]
    assert "DRAWDOWN" == outcome(desk, trading.alpha, limit_buy(E8, 9_800))
    assert "sent" == outcome(desk, trading.alpha, limit_sell(E8, 9_800))


@pytest.mark.desk("RECON-21")
def test_a_recovered_account_opens_again_and_its_peak_stays(trading) -> None:
    desk = trading.desk
    limit(trading, TENTH)
    long_at(trading, 10_000)
    desk.price(BTC, 10_500)
    desk.price(BTC, 10_349)
    assert "DRAWDOWN" == outcome(desk, trading.alpha, limit_buy())
    (cleared,) = of(AlertCleared, desk.price(BTC, 10_350))
    assert f"drawdown|{ACCOUNT}" == cleared.dedup_key
    assert "sent" == outcome(desk, trading.alpha, limit_buy(price=10_000))
    equity = desk.view.equity(ACCOUNT)
    assert equity is not None
    assert (1_500, 1_000, False) == (
        *(equity.peak_e17 // E8 // E9, equity.drawdown_bps, equity.is_blocked),
    )


@pytest.mark.desk("RECON-21", "RECON-25")
def test_funding_that_is_paid_lowers_the_equity_and_may_block(trading) -> None:
    desk = trading.desk
    limit(trading, TENTH)
    long_at(trading, 10_000)
    events = desk.send(RecordFunding(ACCOUNT, FundingReport("f", BTC, E8, -100 * E9, 1_000)))
    assert [EquityChanged(ACCOUNT, 900 * E9, 1_000 * E9, 1_000, False)] == of(EquityChanged, events)
    events = desk.send(RecordFunding(ACCOUNT, FundingReport("g", BTC, E8, -E9, 1_000)))
    assert [EquityChanged(ACCOUNT, 899 * E9, 1_000 * E9, 1_010, True)] == of(EquityChanged, events)
    assert "DRAWDOWN" == outcome(desk, trading.alpha, limit_buy())
    desk.send(RecordFunding(ACCOUNT, FundingReport("h", BTC, E8, 2 * E9, 1_000)))
    assert "sent" == outcome(desk, trading.alpha, limit_buy())
    limit(trading, TENTH)
    desk.send(RecordFunding(ACCOUNT, FundingReport("i", BTC, E8, -100 * E9, 1_000)))
    assert "sent" == outcome(desk, trading.alpha, limit_buy())


@pytest.mark.desk("RECON-21", "DESK-D18")
def test_a_fee_lowers_the_equity_of_its_own_asset_only(trading) -> None:
    desk = trading.desk
    limit(trading, TENTH)
    order = long_at(trading, 10_000)
    for asset, fill_id in (("bnb", "a"), ("usdt", "b")):
        assert "sent" == outcome(desk, trading.alpha, limit_buy())
        fee = FeeReport(fill_id, order.client_order_id, asset, 101 * E9, 1_000)
        desk.send(RecordFee(ACCOUNT, fee))
    equity = desk.view.equity(ACCOUNT)
    assert equity is not None
    assert (899 * E9 * E8, True) == (equity.equity_e17, equity.is_blocked)
    assert "DRAWDOWN" == outcome(desk, trading.alpha, limit_buy())


def test_a_price_that_stays_within_the_limit_tells_nothing(trading) -> None:
    limit(trading, TENTH)
    long_at(trading, 10_000)
    assert [] == trading.desk.price(BTC, 9_950)


def test_a_flat_account_stays_blocked_until_its_limits_are_set_anew(trading) -> None:
    desk = trading.desk
    limit(trading, TENTH)
    long_at(trading, 10_000)
    sold = desk.resting(trading.alpha, limit_sell(E8, 9_800))
    desk.fill(sold, E8, 9_800)
    desk.price(BTC, 12_000)
    assert "DRAWDOWN" == outcome(desk, trading.alpha, limit_buy())
    events = desk.send(SetAccountLimits(ACCOUNT, msgspec.structs.replace(TENTH, equity_e9=E9)))
    assert [f"drawdown|{ACCOUNT}"] == [one.dedup_key for one in of(AlertCleared, events)]
    assert "sent" == outcome(desk, trading.alpha, limit_buy())
    equity = desk.view.equity(ACCOUNT)
    assert equity is not None
    assert (E9 * E8, E9 * E8) == (equity.equity_e17, equity.peak_e17)


@pytest.mark.desk("RECON-21")
def test_a_drawdown_is_one_accounts_own(trading) -> None:
    desk = trading.desk
    desk.send(RegisterAccount("other", VENUE))
    limit(trading, TENTH)
    long_at(trading, 10_000)
    desk.price(BTC, 9_000)
    elsewhere = msgspec.structs.replace(limit_buy(price=9_000), account="other")
    assert "sent" == outcome(desk, trading.alpha, elsewhere)
    assert "DRAWDOWN" == outcome(desk, trading.alpha, limit_buy(price=9_000))


def test_profit_in_another_quote_is_not_in_the_equity(trading) -> None:
    desk = trading.desk
    limit(trading, TENTH)
    desk.price(ETH, 100)
    order = desk.resting(trading.alpha, limit_buy(E8, 100, ETH))
    desk.fill(order, E8, 100)
    desk.price(ETH, 1)
    assert "sent" == outcome(desk, trading.alpha, limit_buy())


def test_without_limits_an_account_is_as_it_was(trading) -> None:
    desk = trading.desk
    before = desk.state.digest
    limit(trading, TENTH)
    assert before != desk.state.digest
    limit(trading, NO_ACCOUNT_LIMITS)
    assert before == desk.state.digest
    assert desk.view.equity(ACCOUNT) is None


@pytest.mark.parametrize(
    ("account", "limits", "code", "what"),
    [
        ("nobody", TENTH, "UNKNOWN_ACCOUNT", "nobody"),
        (ACCOUNT, AccountLimits("usdt", E9, 0), "BAD_VALUE", "max_drawdown_bps: expected 1 to"),
        (ACCOUNT, AccountLimits("usdt", E9, 10_000), "BAD_VALUE", "found 10000"),
        (ACCOUNT, AccountLimits("usdt", 0, 500), "BAD_VALUE", "equity_e9: expected more than 0"),
        (
            ACCOUNT,
            AccountLimits("usd", E9, 500),
            "BAD_VALUE",
            "quote of an instrument, found 'usd'",
        ),
        (ACCOUNT, AccountLimits("usdt", E9), "BAD_VALUE", "expected max_drawdown_bps beside"),
    ],
)
def test_bad_limits_are_refused_and_change_nothing(
    trading, account: str, limits: AccountLimits, code: str, what: str
) -> None:
    before = trading.desk.state.digest
    event = trading.desk.one(SetAccountLimits(account, limits))
    assert isinstance(event, CommandRefused)
    assert code == event.code.name
    assert what in event.what
    assert before == trading.desk.state.digest


# One direction


@pytest.fixture
def beta(trading) -> str:
    """Return a second deployment, in an account that holds one direction of each asset."""
    desk = trading.desk
    desk.send(RegisterInstrument(DATED, VENUE, "btc", "usdt", 10**7, 10**4))
    desk.price(DATED, 10_000)
    desk.price(ETH, 10_000)
    limit(trading, ONE_SIDE)
    return desk.deploy("beta")


@pytest.mark.desk("RECON-20")
def test_of_an_asset_an_account_holds_one_direction(trading, beta: str) -> None:
    desk = trading.desk
    long_at(trading, 10_000)
    for instrument in (BTC, DATED):
        assert "DIRECTION" == outcome(desk, beta, limit_sell(instrument=instrument))
        assert "sent" == outcome(desk, beta, limit_buy(instrument=instrument))
    assert "DIRECTION" == outcome(desk, trading.alpha, limit_sell(instrument=DATED))
    assert "sent" == outcome(desk, beta, limit_sell(instrument=ETH))


@pytest.mark.desk("RECON-20")
def test_an_order_that_works_counts_as_if_it_was_filled(trading, beta: str) -> None:
    desk = trading.desk
    order = desk.resting(trading.alpha, limit_buy())
    assert "DIRECTION" == outcome(desk, beta, limit_sell())
    desk.fill(order, E8, 10_000)
    closing = desk.resting(trading.alpha, limit_sell())
    desk.fill(closing, E8, 10_000)
    assert "sent" == outcome(desk, beta, limit_sell())


@pytest.mark.desk("RECON-20", "RECON-22")
def test_a_position_is_closed_and_turned_by_its_own_holder(trading, beta: str) -> None:
    desk = trading.desk
    long_at(trading, 10_000)
    assert "sent" == outcome(desk, trading.alpha, limit_sell(E8))
    turning = desk.resting(trading.alpha, limit_sell(2 * E8))
    assert "DIRECTION" == outcome(desk, beta, limit_buy())
    assert turning.side is Side.SELL


def test_orders_by_hand_are_held_to_it_too(trading, beta: str) -> None:
    desk = trading.desk
    desk.allow_manual()
    long_at(trading, 10_000)
    (event,) = desk.send(SendOpenRequests((limit_sell(),)))
    assert isinstance(event, OrderRefused)
    assert (Origin.OPERATOR, Refusal.DIRECTION) == (event.origin, event.code)


# Blocked is reduce-only


def block_by_drawdown(desk: Desk, alpha: str) -> None:
    desk.send(SetAccountLimits(ACCOUNT, TENTH))
    desk.price(BTC, 9_000)


def block_by_direction(desk: Desk, alpha: str) -> None:
    desk.send(SetAccountLimits(ACCOUNT, ONE_SIDE))
    other = desk.resting(desk.deploy("gamma"), limit_buy())
    desk.fill(other, E8, 10_000)


BLOCKS: dict[str, Callable[[Desk, str], object]] = {
    "DRAWDOWN": block_by_drawdown,
    "DIRECTION": block_by_direction,
    "GATE": lambda desk, alpha: desk.send(Halt(alpha, HaltAction.LIQUIDATE)),
    "TRADING_DISABLED": lambda desk, alpha: desk.send(SetTradingState(TradingState.DISABLED)),
    "QUARANTINED": lambda desk, alpha: desk.send(SetQuarantine(Scope.VENUES, VENUE, True)),
}


@pytest.mark.desk("RECON-27", "RECON-22")
@pytest.mark.parametrize("code", BLOCKS)
def test_who_is_blocked_may_reduce_and_nothing_else(trading, code: str) -> None:
    desk = trading.desk
    long_at(trading, 10_000)
    BLOCKS[code](desk, trading.alpha)
    assert code == outcome(desk, trading.alpha, limit_sell(2 * E8, 9_000))
    (reducing,) = desk.want(trading.alpha, limit_sell(E8, 9_000))
    assert isinstance(reducing, OrderRequested)
    assert reducing.is_reduce_only


@pytest.mark.desk("RECON-27")
def test_who_is_not_blocked_sends_orders_as_they_are(trading) -> None:
    desk = trading.desk
    long_at(trading, 10_000)
    (event,) = desk.want(trading.alpha, limit_sell(E8, 9_000))
    assert not event.is_reduce_only


def test_where_deployments_hold_both_sides_the_venue_is_not_asked_to_reduce(trading) -> None:
    desk, beta = trading.desk, trading.desk.deploy("beta")
    long_at(trading, 10_000)
    desk.fill(desk.resting(beta, limit_sell(E8 // 2)), E8 // 2, 10_000)
    desk.send(Halt(trading.alpha))
    (event,) = desk.want(trading.alpha, limit_sell())
    assert isinstance(event, OrderRequested)
    assert not event.is_reduce_only
