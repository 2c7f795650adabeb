"""Position and cost of one fill: `settle_side` ([POS-1], [POS-2]).

Nothing is split into cases: lots are any number that [INS-3] allows, costs, prices and fees any
integer within [NUM-4]. That Z3 decides the divisions by an unknown number of lots is luck; were it
to stop doing so, a contract would be searched and no longer confirmed.
"""

from typing import Annotated

from lockstep_engine.money.settle import settle_side
from lockstep_engine.state import ExchangeCore, Holding
from tests.proofs.contract import Between, Contract, planted
from tests.proofs.world import CALL, PERPETUAL, new_account, new_core, new_holding, new_instrument

Held = Annotated[int, Between(-(2**56), 2**56)]
Lots = Annotated[int, Between(1, 2**56)]
Filled = Annotated[int, Between(-(2**56), 2**56, False)]
Money = Annotated[int, Between(-(2**62), 2**62)]
Price = Annotated[int, Between(0, 2**56)]
Positive = Annotated[int, Between(0, 2**62)]

FILE = "lockstep_engine/money/settle.py"


def _holding(qty_lots: int, cost_e6: int, kind: int = PERPETUAL) -> tuple[ExchangeCore, Holding]:
    core = new_core()
    return core, new_holding(new_account(core), new_instrument(core, kind), qty_lots, cost_e6)


def a_fill_conserves_cost(held: Held, cost: Money, is_buy: bool, lots: Lots, price: Price) -> None:
    """Old cost + signed value = new cost - realised, whatever was held and filled."""
    core, holding = _holding(held, cost)
    signed = lots if is_buy else -lots
    realised = settle_side(core, holding, signed, signed * price, 0)
    assert cost + signed * price == holding.cost_e6 - realised
    assert held + signed == holding.qty_lots


def released_cost_truncates(held: Lots, rest: Lots, is_long: bool, cost: Money) -> None:
    """Closing a part releases its share of the cost, cut towards zero and by less than one."""
    core, holding = _holding(held + rest if is_long else -held - rest, cost)
    settle_side(core, holding, -held if is_long else held, 0, 0)
    released, share = cost - holding.cost_e6, cost * held
    assert abs(released) * (held + rest) <= abs(share) < (abs(released) + 1) * (held + rest)
    assert released * cost >= 0 or released == 0


def a_closed_position_has_no_cost(held: Lots, is_long: bool, cost: Money, price: Price) -> None:
    """Closing all lots releases all of the cost: realised is the value less the cost."""
    core, holding = _holding(held if is_long else -held, cost)
    signed = -held if is_long else held
    realised = settle_side(core, holding, signed, signed * price, 0)
    assert (0, 0) == (holding.qty_lots, holding.cost_e6)
    assert -signed * price - cost == realised


def what_turns_over_opens_at_the_fill_price(
    held: Lots, more: Lots, is_long: bool, cost: Money, price: Price
) -> None:
    """A fill beyond the position closes it, and the rest costs what it was filled at."""
    core, holding = _holding(held if is_long else -held, cost)
    sign = -1 if is_long else 1
    settle_side(core, holding, sign * (held + more), sign * (held + more) * price, 0)
    assert sign * more == holding.qty_lots
    assert sign * more * price == holding.cost_e6


def a_long_sold_above_its_entry_gains(
    held: Lots, lots: Lots, entry: Positive, above: Price
) -> None:
    """The price is at least the average entry: realised >= 0, exactly.

    `entry` is the cost of the whole position; the price is the average of it, rounded up, or more.
    """
    core, holding = _holding(held, entry)
    price = -(-entry // held) + above
    assert settle_side(core, holding, -lots, -lots * price, 0) >= 0


def a_long_sold_below_its_entry_loses(
    held: Lots, lots: Lots, entry: Positive, below: Price
) -> None:
    """The price is at most the average entry: realised <= 0, exactly."""
    core, holding = _holding(held, entry)
    price = entry // held - below
    assert settle_side(core, holding, -lots, -lots * price, 0) <= 0


def a_short_bought_below_its_entry_gains(
    held: Lots, lots: Lots, entry: Positive, below: Price
) -> None:
    """The price is at most the average entry: realised >= 0, exactly."""
    core, holding = _holding(-held, -entry)
    price = entry // held - below
    assert settle_side(core, holding, lots, lots * price, 0) >= 0


def a_short_bought_above_its_entry_loses(
    held: Lots, lots: Lots, entry: Positive, above: Price
) -> None:
    """The price is at least the average entry: realised <= 0, exactly."""
    core, holding = _holding(-held, -entry)
    price = -(-entry // held) + above
    assert settle_side(core, holding, lots, lots * price, 0) <= 0


def cost_has_the_sign_of_the_position(
    held: Held, entry: Positive, is_buy: bool, lots: Lots, price: Price
) -> None:
    """No fill at a price that exists makes a long cost less than nothing, or a short more."""
    core, holding = _holding(held, entry if held > 0 else -entry if held < 0 else 0)
    signed = lots if is_buy else -lots
    settle_side(core, holding, signed, signed * price, 0)
    assert holding.qty_lots <= 0 or holding.cost_e6 >= 0
    assert holding.qty_lots >= 0 or holding.cost_e6 <= 0
    assert holding.qty_lots != 0 or holding.cost_e6 == 0


def a_future_moves_cash_against_clearing(
    held: Held, cost: Money, filled: Filled, price: Price, fee: Money
) -> None:
    """Cash moves by realised less the fee; with clearing cash and the fee, by the value."""
    core, holding = _holding(held, cost)
    account, instrument = holding.account, holding.instrument
    before = instrument.clearing_e6
    realised = settle_side(core, holding, filled, filled * price, fee)
    assert realised - fee == account.cash_e6
    assert -filled * price == account.cash_e6 + instrument.clearing_e6 - before + fee
    assert -holding.cost_e6 == instrument.clearing_e6


def an_option_moves_its_premium_in_cash(
    held: Held, cost: Money, filled: Filled, price: Price, fee: Money
) -> None:
    """Cash moves by the premium and the fee, whatever was realised; there is no clearing."""
    core, holding = _holding(held, cost, CALL)
    settle_side(core, holding, filled, filled * price, fee)
    assert -filled * price - fee == holding.account.cash_e6
    assert 0 == holding.instrument.clearing_e6


CONTRACTS = (
    Contract(
        a_fill_conserves_cost,
        ("POS-1",),
        (
            planted(
                FILE,
                "the part of a fill that turns over costs nothing",
                (
                    "new_cost = cost - released + signed_value_e6 - closed_value",
                    "new_cost = cost - released",
                ),
                {"held": -1, "cost": 0, "is_buy": 1, "lots": 2, "price": 1},
            ),
            planted(
                FILE,
                "realised profit counts no released cost",
                ("realised = -released - closed_value", "realised = -closed_value"),
                {"held": -1, "cost": -1, "is_buy": 1, "lots": 1, "price": 1},
            ),
            planted(
                FILE,
                "a buy does not add to a short that it closes in part",
                (
                    "holding.qty_lots = qty + signed_lots",
                    "holding.qty_lots = qty + signed_lots if realised == 0 else 0",
                ),
                {"held": -1, "cost": -2, "is_buy": 1, "lots": 2, "price": 1},
            ),
        ),
    ),
    Contract(
        released_cost_truncates,
        ("POS-1", "NUM-2"),
        (
            planted(
                FILE,
                "released cost is rounded to minus infinity",
                ("div_trunc(cost * closed, held)", "cost * closed // held"),
                {"held": 1, "rest": 1, "is_long": 1, "cost": -1},
            ),
        ),
    ),
    Contract(
        a_closed_position_has_no_cost,
        ("POS-1",),
        (
            planted(
                FILE,
                "a whole close releases by average price per lot",
                (
                    "released = cost if closed == held else div_trunc(cost * closed, held)",
                    "released = div_trunc(cost, held) * closed",
                ),
                {
                    "held": 72057594037927936,
                    "is_long": 1,
                    "cost": -4539628424389459969,
                    "price": 72057594037927936,
                },
            ),
        ),
    ),
    Contract(
        what_turns_over_opens_at_the_fill_price,
        ("POS-1",),
        (
            planted(
                FILE,
                "a fill that turns over closes all its lots",
                ("closed = lots if lots < held else held", "closed = lots"),
                {"held": 1, "more": 1, "is_long": 1, "cost": -1, "price": 1},
            ),
        ),
    ),
    Contract(
        a_long_sold_above_its_entry_gains,
        ("POS-1",),
        (
            planted(
                FILE,
                "released cost is rounded up",
                ("div_trunc(cost * closed, held)", "-(-cost * closed // held) + 1"),
                {"held": 2, "lots": 1, "entry": 1, "above": 0},
            ),
        ),
    ),
    Contract(
        a_long_sold_below_its_entry_loses,
        ("POS-1",),
        (
            planted(
                FILE,
                "realised profit counts the lots that turn over",
                (
                    "closed_value = signed_value_e6 * closed // lots",
                    "closed_value = signed_value_e6",
                ),
                {"held": 1, "lots": 63, "entry": 4611686018427387904, "below": 72057594037927935},
            ),
        ),
    ),
    Contract(
        a_short_bought_below_its_entry_gains,
        ("POS-1",),
        (
            planted(
                FILE,
                "realised profit has the sign of a long",
                (
                    "realised = -released - closed_value",
                    "realised = abs(closed_value) - abs(released)",
                ),
                {"held": 2, "lots": 3, "entry": 4, "below": 3},
            ),
        ),
    ),
    Contract(
        a_short_bought_above_its_entry_loses,
        ("POS-1",),
        (
            planted(
                FILE,
                "a short releases the cost of one lot too many",
                (
                    "div_trunc(cost * closed, held)",
                    "div_trunc(cost * (closed + 1 if qty < 0 else closed), held)",
                ),
                {"held": 4, "lots": 2, "entry": 12, "above": 1},
            ),
        ),
    ),
    Contract(
        cost_has_the_sign_of_the_position,
        ("POS-1",),
        (
            planted(
                FILE,
                "released cost is rounded away from zero",
                (
                    "div_trunc(cost * closed, held)",
                    "div_trunc(cost * closed, held) + (1 if cost > 0 else -1)",
                ),
                {"held": -2, "entry": 0, "is_buy": 1, "lots": 1, "price": 0},
            ),
        ),
    ),
    Contract(
        a_future_moves_cash_against_clearing,
        ("POS-2", "POS-3"),
        (
            planted(
                FILE,
                "clearing cash ignores released cost",
                (
                    "instrument.clearing_e6 -= new_cost - cost",
                    "instrument.clearing_e6 -= signed_value_e6",
                ),
                {"held": 1, "cost": -1, "filled": -1, "price": 0, "fee": 0},
            ),
        ),
    ),
    Contract(
        an_option_moves_its_premium_in_cash,
        ("POS-2",),
        (
            planted(
                FILE,
                "an option pays realised profit, not its premium",
                (
                    "account.cash_e6 -= signed_value_e6 + fee_e6",
                    "account.cash_e6 -= fee_e6 - realised",
                ),
                {"held": 0, "cost": 0, "filled": -1, "price": 1, "fee": 0},
            ),
        ),
    ),
)
