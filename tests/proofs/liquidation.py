"""Liquidation, deleveraging, the insurance fund and debt ([LIQ-1], [LIQ-2], [AUT-5]).

Marks, costs, cash, shares and the fund are any integers in their range. The lots that a cost is
divided by are split into cases where Z3 does not decide them; so is the rate of the fee.
"""

from typing import Annotated

from lockstep_engine.codes import CashReason, Code
from lockstep_engine.commands import Deposit, Liquidate, Transfer
from lockstep_engine.events import AutoDeleveraged, CashMoved
from lockstep_engine.lifecycle.deleveraging import (
    bankruptcy_lot_e6,
    bearable_lot_e6,
    cover_deficit,
    deleverage,
)
from lockstep_engine.lifecycle.liquidation import liquidate
from lockstep_engine.operations.funds import deposit, transfer
from lockstep_engine.state import Account, Events, ExchangeCore, Holding
from tests.proofs.contract import Between, Contract, OneOf, each, planted
from tests.proofs.world import (
    BUY,
    NO_FEES,
    PERPETUAL,
    money_of,
    new_account,
    new_core,
    new_holding,
    new_instrument,
    new_order,
    rest_in_book,
    set_price,
)

E4, E9 = 10**4, 10**9
MAX_TICKS = 10**6
INSURANCE = int(CashReason.INSURANCE)
MARK_E6 = 100
HELD = (1, 3, 2**20 + 1)
"""Lots that a cost is divided by."""
Held = Annotated[int, each(0, len(HELD) - 1)]
Lots = Annotated[int, Between(1, 2**56)]
Price = Annotated[int, Between(0, 2**50)]
Share = Annotated[int, Between(-(2**60), 2**60)]
Money = Annotated[int, Between(-(2**60), 2**60)]
Positive = Annotated[int, Between(0, 2**60)]
Amount = Annotated[int, Between(1, 2**60 - 1)]
BidTicks = Annotated[int, OneOf((1, 90, 100, 104))]
Mark = Annotated[int, OneOf((100, 104))]
Cost = Annotated[int, Between(0, 2**40)]
Cash = Annotated[int, Between(-(2**40), 2**40)]
Fund = Annotated[int, Between(0, 2**40)]
Rate = Annotated[int, OneOf((0, 5_000_001, 10**8))]

DELEVERAGING = "lockstep_engine/lifecycle/deleveraging.py"
LIQUIDATION = "lockstep_engine/lifecycle/liquidation.py"
FUNDS = "lockstep_engine/operations/funds.py"


def _holding(qty_lots: int, tick_e6: int, mark_e6: int) -> tuple[ExchangeCore, Holding]:
    core = new_core()
    instrument = new_instrument(core, PERPETUAL, tick_e6)
    set_price(core, instrument, mark_e6)
    return core, new_holding(new_account(core), instrument, qty_lots)


def a_bankruptcy_price_takes_the_share_of_the_account(
    lots: Lots, is_long: bool, mark: Price, share: Share
) -> None:
    """A position loses its share at it, or up to n - 1 less; it is between 0 and the highest.

    Where there is no such price the loss lies beyond the share on the side of the cut.
    """
    _core, holding = _holding(lots if is_long else -lots, 10**8, mark)
    lot = bankruptcy_lot_e6(holding, share)
    highest = MAX_TICKS * holding.instrument.value_e6
    lost = (mark - lot) * (lots if is_long else -lots)
    assert 0 <= lot <= highest
    assert lost <= share or lot == (highest if is_long else 0)
    assert lost > share - lots or lot == (0 if is_long else highest)


def a_counterparty_loses_no_more_than_it_has_won(
    size: Held, is_long: bool, mark: Price, cost: Positive, lot: Price
) -> None:
    """Asked to close at a price it does so, or at a better one that takes all its profit, rounded.

    Closed there it has lost, against the mark, at most what the position had won.
    """
    lots, sign = HELD[size], 1 if is_long else -1
    _core, holding = _holding(sign * lots, 1, mark)
    holding.cost_e6 = sign * cost
    price = bearable_lot_e6(holding, lot)
    won = max(0, sign * (lots * mark - cost))
    lost = sign * lots * (mark - price)
    assert lost <= won
    assert price == lot or (sign * (price - lot) > 0 and lost > won - lots)


def the_fund_pays_what_it_has_and_no_more_than_is_missing(
    cash: Money, debt: Positive, fund: Positive
) -> None:
    """Cash less debt and the fund stay the same together; debt grows only by what no fund pays."""
    core = new_core()
    account = new_account(core)
    account.cash_e6, account.debt_e6, core.treasury.insurance_e6 = cash, debt, fund
    before = money_of(core)
    cover_deficit(core, account, [])
    paid = fund - core.treasury.insurance_e6
    assert before == money_of(core)
    assert 0 <= paid <= max(0, -cash)
    assert core.treasury.insurance_e6 >= 0
    assert max(0, cash) == account.cash_e6
    assert account.debt_e6 == debt or (account.debt_e6 > debt and paid == fund)


def a_position_keeps_the_fund_away(cash: Money, fund: Positive) -> None:
    """Nothing is paid or owed for an account that still has a position."""
    core, holding = _holding(1, 1, 0)
    holding.account.cash_e6, core.treasury.insurance_e6 = cash, fund
    cover_deficit(core, holding.account, [])
    assert (cash, 0, fund) == (
        *(holding.account.cash_e6, holding.account.debt_e6),
        core.treasury.insurance_e6,
    )


def _repays(account: Account, before: tuple[int, int], amount: int) -> None:
    cash, debt = before
    assert cash - debt + amount == account.cash_e6 - account.debt_e6
    assert 0 <= account.debt_e6 <= debt
    assert account.cash_e6 >= 0
    assert account.debt_e6 == 0 or account.cash_e6 == 0


def a_deposit_repays_debt(cash: Positive, debt: Positive, amount: Amount) -> None:
    """Cash less debt grows by the amount; as long as there is debt there is no cash."""
    core = new_core()
    account = new_account(core)
    account.cash_e6, account.debt_e6 = cash, debt
    assert Code.ACCEPTED == deposit(core, Deposit(account.account, amount), [])
    assert amount == core.treasury.net_deposits_e6
    _repays(account, (cash, debt), amount)


def a_transfer_repays_debt_of_its_receiver(
    cash: Positive, debt: Positive, sent: Positive, amount: Amount
) -> None:
    """The same for what another account sends, which can send no more than it has."""
    core = new_core()
    sender, receiver = new_account(core), new_account(core)
    sender.cash_e6, receiver.cash_e6, receiver.debt_e6 = sent, cash, debt
    before = money_of(core)
    code = transfer(core, sender, Transfer(receiver.account, amount), [])
    assert (code == Code.ACCEPTED) == (amount <= sent)
    assert before == money_of(core)
    if code == Code.ACCEPTED:
        assert sent - amount == sender.cash_e6
        _repays(receiver, (cash, debt), amount)


def _liquidated(bid: int, money: tuple[int, int, int], rate: int) -> tuple[ExchangeCore, Holding]:
    """Return a long of two lots that is to be liquidated into a bid for both.

    `money` is its cash, its cost and the fund; rates ask for margin of all of the value.
    """
    core = new_core()
    instrument = new_instrument(core, PERPETUAL)
    underlying = instrument.underlying
    underlying.future_initial_e9 = underlying.future_maintenance_e9 = E9
    underlying.penalty_bps = E4
    set_price(core, instrument, MARK_E6)
    account = new_account(core, NO_FEES, (0, 0, rate, 0))
    account.cash_e6, cost, core.treasury.insurance_e6 = money
    holding = new_holding(account, instrument, 2, cost)
    maker = new_holding(new_account(core), instrument, -2, -cost)
    rest_in_book(core, new_order(core, maker, BUY, bid, 2))
    return core, holding


def a_liquidation_conserves_money(
    bid: BidTicks, cash: Cash, cost: Cost, fund: Fund, rate: Rate
) -> None:
    """Cash less debt, clearing, fees and the fund stay the same together, and the fund is >= 0."""
    core, holding = _liquidated(bid, (cash, cost, fund), rate)
    before, account = money_of(core), holding.account
    liquidate(core, Liquidate(account.account), [])
    assert before == money_of(core)
    assert core.treasury.insurance_e6 >= 0
    assert account.debt_e6 >= 0
    assert 0 == sum(one.holdings[1].qty_lots for one in core.accounts.values())
    assert 0 == account.debt_e6 or 0 == account.cash_e6 == holding.qty_lots


def the_fee_of_a_liquidation_is_no_more_than_what_is_left(
    bid: BidTicks, cash: Cash, cost: Cost, rate: Rate
) -> None:
    """It is its rate on what traded, rounded up, or all that the account is worth; never debt."""
    core, holding = _liquidated(bid, (cash, cost, 2**41), rate)
    account = holding.account
    worth = cash + 2 * bid - cost
    events: Events = []
    if liquidate(core, Liquidate(account.account), events) != Code.ACCEPTED:
        return
    if any(type(one) is AutoDeleveraged for one in events):
        return  # No book took it, so there is no fee, and others bear what is missing.
    is_covered = any(type(one) is CashMoved and one.reason == INSURANCE for one in events)
    assert is_covered == (worth < 0)
    fee = core.treasury.insurance_e6 - 2**41 + max(0, -worth)
    exact_e9 = rate * 2 * bid
    assert 0 <= fee <= max(0, worth)
    assert fee * E9 < exact_e9 + E9
    assert fee * E9 >= exact_e9 or fee == max(0, worth)
    assert max(0, worth) - fee == account.cash_e6


def the_fullest_profit_is_deleveraged_first(
    cost: Cost, other: Cost, cash: Fund, more: Fund, mark: Mark
) -> None:
    """Of two shorts of one lot the higher profit per collateral goes first, then the lower number.

    Compared by cross-multiplying what the rule divides.
    """
    core, holding = _holding(1, 1, mark)
    instrument, account = holding.instrument, holding.account
    account.cash_e6 = -mark - 1
    shorts = [
        new_holding(new_account(core), instrument, -1, -cost),
        new_holding(new_account(core), instrument, -1, -other),
    ]
    shorts[0].account.cash_e6, shorts[1].account.cash_e6 = cash, more
    profits = (cost - mark, other - mark)
    collaterals = (max(1, cash + profits[0]), max(1, more + profits[1]))
    events: Events = []
    deleverage(core, account, events)
    first, second = profits[0] * collaterals[1], profits[1] * collaterals[0]
    assert (0, -1) == tuple(
        one.qty_lots for one in (shorts if first >= second else reversed(shorts))
    )
    assert 0 == holding.qty_lots


CONTRACTS = (
    Contract(
        a_bankruptcy_price_takes_the_share_of_the_account,
        ("LIQ-2", "NUM-2"),
        (
            planted(
                DELEVERAGING,
                "a long is closed a fraction too low",
                ("div_ceil(marked - share_e6, qty)", "div_floor(marked - share_e6, qty)"),
                {"lots": 2, "is_long": 1, "mark": 24, "share": 47},
            ),
            planted(
                DELEVERAGING,
                "a short is closed a fraction too high",
                ("div_floor(marked + share_e6, -qty)", "div_ceil(marked + share_e6, -qty)"),
                {"lots": 72057594037916407, "is_long": 0, "mark": 0, "share": 2},
            ),
            planted(
                DELEVERAGING,
                "a bankruptcy price has no least",
                ("min(max(lot, 0), instrument", "min(lot, instrument"),
                {"lots": 1, "is_long": 1, "mark": 1, "share": 2},
            ),
        ),
    ),
    Contract(
        a_counterparty_loses_no_more_than_it_has_won,
        ("LIQ-2", "NUM-2"),
        (
            planted(
                DELEVERAGING,
                "a short pays whatever it is asked for",
                (
                    "min(lot_e6, max(marked, div_floor(-holding.cost_e6, -qty)))",
                    "max(lot_e6, max(marked, div_floor(-holding.cost_e6, -qty)))",
                ),
                {"size": 0, "is_long": 0, "mark": 0, "cost": 0, "lot": 1},
            ),
            planted(
                DELEVERAGING,
                "a short is deleveraged a fraction beyond its profit",
                ("div_floor(-holding.cost_e6, -qty)", "div_ceil(-holding.cost_e6, -qty)"),
                {"size": 1, "is_long": 0, "mark": 0, "cost": 1, "lot": 1},
            ),
            planted(
                DELEVERAGING,
                "a long is deleveraged a fraction beyond its profit",
                ("div_ceil(holding.cost_e6, qty)", "div_floor(holding.cost_e6, qty)"),
                {"size": 1, "is_long": 1, "mark": 1, "cost": 1, "lot": 0},
            ),
            planted(
                DELEVERAGING,
                "a long that lost is deleveraged at its entry",
                (
                    "max(lot_e6, min(marked, div_ceil(holding.cost_e6, qty)))",
                    "max(lot_e6, div_ceil(holding.cost_e6, qty))",
                ),
                {"size": 0, "is_long": 1, "mark": 0, "cost": 1, "lot": 0},
            ),
        ),
    ),
    Contract(
        the_fund_pays_what_it_has_and_no_more_than_is_missing,
        ("LIQ-2",),
        (
            planted(
                DELEVERAGING,
                "the fund pays all that is missing",
                (
                    "paid = min(core.treasury.insurance_e6, -account.cash_e6)",
                    "paid = -account.cash_e6",
                ),
                {"cash": -1, "debt": 0, "fund": 0},
            ),
            planted(
                DELEVERAGING,
                "debt forgets what was owed before",
                ("account.debt_e6 += missing", "account.debt_e6 = missing"),
                {"cash": -1, "debt": 1, "fund": 0},
            ),
            planted(
                DELEVERAGING,
                "the fund pays and keeps what it paid",
                ("        core.treasury.insurance_e6 -= paid\n", ""),
                {"cash": -1, "debt": 0, "fund": 1},
            ),
        ),
    ),
    Contract(
        a_position_keeps_the_fund_away,
        ("LIQ-2",),
        (
            planted(
                DELEVERAGING,
                "the fund pays before all positions are closed",
                (
                    (
                        "    if any(holding.qty_lots for holding in account.holdings.values()):\n"
                        "        return\n    paid"
                    ),
                    "    paid",
                ),
                {"cash": -1, "fund": 0},
            ),
        ),
    ),
    Contract(
        a_deposit_repays_debt,
        ("AUT-5",),
        (
            planted(
                FUNDS,
                "debt is repaid with more than is owed",
                ("repaid = min(account.debt_e6, account.cash_e6)", "repaid = account.cash_e6"),
                {"cash": 0, "debt": 0, "amount": 1},
            ),
            planted(
                FUNDS,
                "debt is repaid with cash that is not there",
                ("repaid = min(account.debt_e6, account.cash_e6)", "repaid = account.debt_e6"),
                {"cash": 0, "debt": 2, "amount": 1},
            ),
            planted(
                FUNDS,
                "debt that is repaid stays",
                ("        account.debt_e6 -= repaid\n", ""),
                {"cash": 0, "debt": 1, "amount": 1},
            ),
        ),
    ),
    Contract(
        a_transfer_repays_debt_of_its_receiver,
        ("AUT-5", "AUT-3"),
        (
            planted(
                FUNDS,
                "a transfer leaves debt as it is",
                ("        _repay(core, receiver, events)\n", ""),
                {"cash": 0, "debt": 1, "sent": 1, "amount": 1},
            ),
            planted(
                FUNDS,
                "a transfer repays the debt of its sender",
                ("_repay(core, receiver, events)", "_repay(core, account, events)"),
                {"cash": 0, "debt": 1, "sent": 1, "amount": 1},
            ),
        ),
    ),
    Contract(
        a_liquidation_conserves_money,
        ("LIQ-1", "LIQ-2", "POS-3"),
        (
            planted(
                LIQUIDATION,
                "the fee of a liquidation goes to nobody",
                ("        core.treasury.insurance_e6 += fee\n", ""),
                {"bid": 104, "cash": -1, "cost": 0, "fund": 1, "rate": 100000000},
            ),
            planted(
                DELEVERAGING,
                "the other side of a deleveraging gets the mark",
                (
                    "_settled(core, other, -signed, -value)",
                    "_settled(core, other, -signed, -signed * other.instrument.mark_lot_e6)",
                ),
                {"bid": 104, "cash": 1500, "cost": 2000, "fund": 0, "rate": 0},
            ),
        ),
    ),
    Contract(
        the_fee_of_a_liquidation_is_no_more_than_what_is_left,
        ("LIQ-1", "FEE-1"),
        (
            planted(
                LIQUIDATION,
                "the fee of a liquidation may leave a deficit",
                ("    fee = min(fee, standing_of(core, account).value_e6)\n", ""),
                {"bid": 104, "cash": -188, "cost": 0, "rate": 100000000},
            ),
            planted(
                LIQUIDATION,
                "the fee of a liquidation is on the last trade's lots only",
                ("            value += event.qty_lots * event", "            value += event"),
                {"bid": 100, "cash": 0, "cost": 1, "rate": 100000000},
            ),
        ),
    ),
    Contract(
        the_fullest_profit_is_deleveraged_first,
        ("LIQ-2",),
        (
            planted(
                DELEVERAGING,
                "the least profit is deleveraged first",
                (
                    "other.score * one.collateral_e6 - one.score * other.collateral_e6",
                    "one.score * other.collateral_e6 - other.score * one.collateral_e6",
                ),
                {"cost": 105, "other": 105, "cash": 0, "more": 2, "mark": 104},
            ),
            planted(
                DELEVERAGING,
                "ranks are compared rounded down",
                (
                    "other.score * one.collateral_e6 - one.score * other.collateral_e6",
                    "other.score // other.collateral_e6 - one.score // one.collateral_e6",
                ),
                {"cost": 99, "other": 0, "cash": 0, "more": 201, "mark": 100},
            ),
        ),
    ),
)
