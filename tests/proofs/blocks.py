"""Blocks: all legs between two accounts, or nothing at all ([CMD-3]).

One leg of a future or two with an option, between accounts that hold positions already. Cash,
costs and prices are any integers in their range; positions, lots and the rate of fees are split
into cases.
"""

from typing import Annotated

from lockstep_engine.codes import Code
from lockstep_engine.commands import BlockLeg, ExecuteBlock
from lockstep_engine.orders.block import execute_block
from lockstep_engine.state import Account, Events, ExchangeCore
from tests.proofs.contract import Between, Contract, OneOf, planted
from tests.proofs.world import (
    BUY,
    CALL,
    PERPETUAL,
    SELL,
    money_of,
    new_account,
    new_core,
    new_holding,
    new_instrument,
    set_price,
)

E9 = 10**9
INDEX_E6 = 10**9
RATE_E9, BOTH_CASH_E6 = 30_000_001, 400
CAP_E9 = 125_000_001
RATES = (0, 0, 0, 0, CAP_E9, 0)
PRICE_TICKS, OPTION_TICKS = 100, 7
Held = Annotated[int, OneOf((-3, 0, 2))]
Lots = Annotated[int, OneOf((1, 5))]
Cost = Annotated[int, Between(-(2**40), 2**40)]
Cash = Annotated[int, Between(-(2**40), 2**40)]
Price = Annotated[int, Between(1, 10**6)]
Rate = Annotated[int, OneOf((0, 30_000_001))]

FILE = "lockstep_engine/orders/block.py"


def _market(rate: int, held: int, costs: tuple[int, int]) -> tuple[ExchangeCore, list[Account]]:
    """Return a perpetual and a call at their marks, and two accounts that hold both."""
    core = new_core()
    perpetual, call = new_instrument(core, PERPETUAL), new_instrument(core, CALL)
    perpetual.underlying.index_price_e6 = INDEX_E6
    set_price(core, perpetual, PRICE_TICKS)
    set_price(core, call, OPTION_TICKS)
    accounts = [new_account(core, RATES, (0, 0, 0, rate)) for _side in range(2)]
    for account, sign, cost_e6 in zip(accounts, (1, -1), costs, strict=True):
        new_holding(account, perpetual, sign * held, cost_e6 if held else 0)
        new_holding(account, call, sign, -cost_e6)
    return core, accounts


def _facts(core: ExchangeCore) -> list[int]:
    """Return everything that a block moves: none of it may be kept from one that is refused."""
    facts = [core.treasury.fees_e6, core.next_trade_id]
    for account in core.accounts.values():
        facts.append(account.cash_e6)
        for holding in account.holdings.values():
            facts += [holding.qty_lots, holding.cost_e6]
    return facts + [instrument.clearing_e6 for instrument in core.instruments.values()]


def _trade(core: ExchangeCore, legs: tuple[BlockLeg, ...]) -> bool:
    """Trade between the two accounts; return whether margin allowed it."""
    events: Events = []
    code = execute_block(core, core.accounts[1], ExecuteBlock(2, bytes(32), 1, legs), events)
    assert code in (Code.ACCEPTED, Code.INSUFFICIENT_MARGIN)
    assert len(events) == (len(legs) if code == Code.ACCEPTED else 0)
    return code == Code.ACCEPTED


def a_refused_block_leaves_nothing_behind(
    held: Held, is_buy: bool, cost: Cost, other_cost: Cost, cash: Cash
) -> None:
    """Cash, positions, costs, clearing, fees and numbers are as before, to the micro-dollar."""
    core, accounts = _market(RATE_E9, held, (cost, other_cost))
    accounts[0].cash_e6, accounts[1].cash_e6 = cash, BOTH_CASH_E6 - cash
    side, before = BUY if is_buy else SELL, _facts(core)
    legs = (BlockLeg(1, side, PRICE_TICKS, 5), BlockLeg(2, side, OPTION_TICKS, 1))
    assert _trade(core, legs) or before == _facts(core)


def a_block_conserves_money_and_positions(
    held: Held, lots: Lots, is_buy: bool, cost: Cost, cash: Cash
) -> None:
    """Its fees go from both to the exchange, its legs from one to the other."""
    core, accounts = _market(RATE_E9, held, (cost, -cost))
    accounts[0].cash_e6, accounts[1].cash_e6 = cash, 2**60
    side, before = BUY if is_buy else SELL, money_of(core)
    legs = (BlockLeg(1, side, PRICE_TICKS, lots), BlockLeg(2, 1 - side, OPTION_TICKS, lots))
    is_traded = _trade(core, legs)
    assert before == money_of(core)
    first, second = ([one.qty_lots for one in each.holdings.values()] for each in accounts)
    assert [-lots for lots in second] == first
    moved = lots if is_buy else -lots
    assert [held, 1] == first or (is_traded and [held + moved, 1 - moved] == first)


def the_fee_of_a_block_is_rounded_up_for_each_side(
    lots: Lots, is_buy: bool, price: Price, is_option: bool, rate: Rate
) -> None:
    """Each pays the rate on the value, for an option on the index and no more than its cap."""
    core, accounts = _market(rate, 0, (0, 0))
    instrument = core.instruments[2 if is_option else 1]
    set_price(core, instrument, price)
    accounts[0].cash_e6 = accounts[1].cash_e6 = 2**60
    side, value = BUY if is_buy else SELL, lots * price
    assert _trade(core, (BlockLeg(instrument.instrument, side, price, lots),))
    exact_e9 = min(rate * INDEX_E6 * lots, CAP_E9 * value) if is_option else rate * value
    fee = core.treasury.fees_e6 // 2
    assert 2 * fee == core.treasury.fees_e6
    assert exact_e9 <= fee * E9 < exact_e9 + E9
    if is_option:
        paid = value if is_buy else -value
        assert (2**60 - fee - paid, 2**60 - fee + paid) == (
            *(accounts[0].cash_e6, accounts[1].cash_e6),
        )


CONTRACTS = (
    Contract(
        a_refused_block_leaves_nothing_behind,
        ("CMD-3",),
        (
            planted(
                FILE,
                "the fees of a refused block stay",
                ("        core.treasury.fees_e6 = fees\n", ""),
                {"held": 2, "is_buy": 1, "cost": 0, "other_cost": 0, "cash": -163},
            ),
            planted(
                FILE,
                "clearing keeps a refused block",
                (
                    "found.instrument.clearing_e6 += holding.cost_e6 - trade.cost_e6",
                    "found.instrument.clearing_e6 += holding.cost_e6",
                ),
                {"held": 2, "is_buy": 1, "cost": -1, "other_cost": 0, "cash": 0},
            ),
            planted(
                FILE,
                "the cash of the second party keeps a refused block",
                (
                    "    for party in (first, second):\n        party.account.cash_e6",
                    "    for party in (first,):\n        party.account.cash_e6",
                ),
                {"held": 2, "is_buy": 1, "cost": 0, "other_cost": 0, "cash": -163},
            ),
            planted(
                FILE,
                "the position of the second party keeps a refused block",
                (
                    "        for trade in (found.first, found.second):\n",
                    "        for trade in (found.first,):\n",
                ),
                {"held": 2, "is_buy": 1, "cost": 0, "other_cost": 0, "cash": -163},
            ),
        ),
    ),
    Contract(
        a_block_conserves_money_and_positions,
        ("CMD-3", "POS-3"),
        (
            planted(
                FILE,
                "the fee of the second party is not paid out",
                ("    core.treasury.fees_e6 += fee\n", "    core.treasury.fees_e6 = fee\n"),
                {"held": -3, "lots": 5, "is_buy": 0, "cost": -372, "cash": 0},
            ),
            planted(
                FILE,
                "both parties buy",
                ("    if trade.side != _BUY:\n", "    if leg.side != _BUY:\n"),
                {"held": -3, "lots": 5, "is_buy": 0, "cost": -372, "cash": 0},
            ),
        ),
    ),
    Contract(
        the_fee_of_a_block_is_rounded_up_for_each_side,
        ("CMD-3", "FEE-1", "NUM-2"),
        (
            planted(
                "lockstep_engine/money/fees.py",
                "the fee of a block is rounded down",
                (
                    "return div_ceil(_charge(instrument, fees, rate_e9, qty_lots, value_e6), _E9)",
                    "return _charge(instrument, fees, rate_e9, qty_lots, value_e6) // _E9",
                ),
                {"lots": 5, "is_buy": 1, "price": 1, "is_option": 0, "rate": 30000001},
            ),
            planted(
                FILE,
                "a block pays the rate of takers of options",
                ("fees, fees.block_e9, lots, value)", "fees, fees.option_cap_e9, lots, value)"),
                {"lots": 5, "is_buy": 1, "price": 2, "is_option": 0, "rate": 30000001},
            ),
        ),
    ),
)
