"""Fees, rebates and builder shares of a fill: `fees_of` ([FEE-1], [NUM-2]).

Rates, caps and shares are any that [ADM-5] allows, values and the index any integers within
[NUM-4]. Products of the two are products of unknowns; Z3 decides them here.
"""

from typing import Annotated

from lockstep_engine.money.fees import Fees, fees_of
from lockstep_engine.risk.margin import order_fee_e6
from lockstep_engine.state import ExchangeCore
from tests.proofs.contract import Between, Contract, OneOf, planted
from tests.proofs.world import (
    BUY,
    CALL,
    KINDS,
    PERPETUAL,
    SELL,
    new_account,
    new_core,
    new_holding,
    new_instrument,
    new_order,
)

E9, E4 = 10**9, 10**4
Value = Annotated[int, Between(0, 2**56)]
Index = Annotated[int, Between(0, 2**54)]
Kind = Annotated[int, OneOf(KINDS)]
Lots = Annotated[int, Between(1, 2**56)]
Charge = Annotated[int, Between(0, 10**8)]
Rebate = Annotated[int, Between(1, 10**8)]
Rate = Annotated[int, Between(-(10**8), 10**8)]
Cap = Annotated[int, Between(0, 10**9)]
Share = Annotated[int, Between(0, 10**4)]
CAP_E9 = 125_000_000

FILE = "lockstep_engine/money/fees.py"
MARGIN = "lockstep_engine/risk/margin.py"

Rates = tuple[int, int, int, int]
"""(maker rate, taker rate, cap of options, builder share)."""


def _fees(kind: int, rates: Rates, value_e6: int, lots: int = 1, index_e6: int = 0) -> Fees:
    """Return the fees of a fill between two accounts with these rates, both with a builder."""
    maker_rate, taker_rate, cap, share = rates
    core: ExchangeCore = new_core()
    instrument = new_instrument(core, kind)
    instrument.index_lot_e6 = index_e6
    tier = (maker_rate, taker_rate, maker_rate, taker_rate, cap, share)
    maker = new_order(core, new_holding(new_account(core, tier), instrument), SELL, 1, lots)
    taker = new_order(core, new_holding(new_account(core, tier), instrument), BUY, 1, lots)
    maker.builder = taker.builder = 1
    return fees_of(maker, taker, lots, value_e6)


def a_fee_rounds_up(maker_rate: Charge, taker_rate: Charge, value: Value) -> None:
    """rate x value <= fee x 10^9 < rate x value + 10^9, for maker and taker."""
    maker, _, taker, _ = _fees(PERPETUAL, (maker_rate, taker_rate, 0, 0), value)
    assert 0 <= maker * E9 - maker_rate * value < E9
    assert 0 <= taker * E9 - taker_rate * value < E9


def an_option_fee_is_at_most_its_cap(
    rate: Charge, cap: Cap, premium: Value, index: Index, lots: Lots
) -> None:
    """The fee is the smaller of the rate on the index and the cap on the premium, rounded up."""
    maker, _, taker, _ = _fees(CALL, (rate, rate, cap, 0), premium, lots, index)
    by_index, by_premium = rate * index * lots, cap * premium
    for fee in (maker, taker):
        assert (fee - 1) * E9 < by_index and (fee - 1) * E9 < by_premium
        assert fee * E9 >= by_index or fee * E9 >= by_premium


def a_rebate_rounds_down_and_the_other_side_pays_it(
    rate: Rebate, charge: Charge, share: Share, value: Value, is_maker: bool
) -> None:
    """A rebate is what the rate gives, less than one less, or all that the other side left."""
    rates = (-rate, charge, 0, share) if is_maker else (charge, -rate, 0, share)
    maker, maker_builder, taker, taker_builder = _fees(PERPETUAL, rates, value)
    rebate, left = (-maker, taker - taker_builder) if is_maker else (-taker, maker - maker_builder)
    assert 0 <= rebate <= left
    assert rebate * E9 <= rate * value
    assert rebate == left or rate * value < (rebate + 1) * E9


def a_builder_share_rounds_down(rate: Charge, share: Share, value: Value) -> None:
    """share x fee - 10^4 < builder fee x 10^4 <= share x fee, so never more than the fee."""
    maker, maker_builder, taker, taker_builder = _fees(PERPETUAL, (rate, rate, 0, share), value)
    for fee, builder_fee in ((maker, maker_builder), (taker, taker_builder)):
        assert 0 <= share * fee - builder_fee * E4 < E4
        assert 0 <= builder_fee <= fee


def the_exchange_never_pays_for_a_future(
    maker_rate: Rate, taker_rate: Rate, share: Share, value: Value
) -> None:
    """Whatever the rates, both fees less both builder shares are at least 0."""
    rates = (maker_rate, taker_rate, 0, share)
    maker, maker_builder, taker, taker_builder = _fees(PERPETUAL, rates, value)
    assert maker - maker_builder + taker - taker_builder >= 0


def the_exchange_never_pays_for_an_option(
    maker_rate: Rate, taker_rate: Rate, share: Share, premium: Value, index: Index
) -> None:
    """The same with fees and rebates on the index, each capped by the premium."""
    rates = (maker_rate, taker_rate, CAP_E9, share)
    maker, maker_builder, taker, taker_builder = _fees(CALL, rates, premium, 1, index)
    assert maker - maker_builder + taker - taker_builder >= 0


def the_fee_reserved_is_the_higher_fee_charged(
    kind: Kind, maker_rate: Rate, taker_rate: Rate, value: Value, index: Index
) -> None:
    """What an order reserves as its fee is what it pays as maker or taker, the more ([MRG-4])."""
    core = new_core()
    instrument = new_instrument(core, kind)
    instrument.index_lot_e6 = index
    tier = (maker_rate, taker_rate, maker_rate, taker_rate, CAP_E9, 0)
    reserved = order_fee_e6(new_account(core, tier), instrument, 3, value)
    fees = _fees(kind, (maker_rate, taker_rate, CAP_E9, 0), value, 3, index)
    assert reserved == max(fees[0], fees[2], 0)


_MAKER = "maker_fee = -(-_charge(instrument, maker_fees, maker_rate, qty_lots, value_e6) // _E9)"
_TAKER = "taker_fee = -(-_charge(instrument, taker_fees, taker_rate, qty_lots, value_e6) // _E9)"

CONTRACTS = (
    Contract(
        a_fee_rounds_up,
        ("FEE-1", "NUM-2"),
        (
            planted(
                FILE,
                "the maker's fee is rounded down",
                (_MAKER, _MAKER.replace("-(-", "").replace("_E9)", "_E9")),
                {"maker_rate": 100000000, "taker_rate": 0, "value": 72057594037927936},
            ),
            planted(
                FILE,
                "the taker pays at the maker's rate",
                (_TAKER, _TAKER.replace("taker_rate", "maker_rate")),
                {"maker_rate": 0, "taker_rate": 1, "value": 1},
            ),
        ),
    ),
    Contract(
        an_option_fee_is_at_most_its_cap,
        ("FEE-1",),
        (
            planted(
                FILE,
                "the cap of option fees is ignored",
                ("return numerator if numerator < capped else capped", "return numerator"),
                {"rate": 1, "cap": 0, "premium": 0, "index": 1, "lots": 1},
            ),
            planted(
                FILE,
                "the cap is on the premium of a lot",
                ("fees.option_cap_e9 * value_e6", "fees.option_cap_e9 * value_e6 // qty_lots"),
                {
                    "rate": 100000000,
                    "cap": 1,
                    "premium": 72057594037927935,
                    "index": 18014398509481984,
                    "lots": 72057594037927936,
                },
            ),
        ),
    ),
    Contract(
        a_rebate_rounds_down_and_the_other_side_pays_it,
        ("FEE-1", "NUM-2"),
        (
            planted(
                FILE,
                "a rebate is paid from the builder's share",
                (
                    "maker_fee = -min(rebate, taker_fee - taker_builder)",
                    "maker_fee = -min(rebate, taker_fee)",
                ),
                {
                    "rate": 100000000,
                    "charge": 99609375,
                    "share": 1,
                    "value": 72057594037927936,
                    "is_maker": 1,
                },
            ),
            planted(
                FILE,
                "a taker's rebate is one more than it gives",
                (
                    "-taker_rate, qty_lots, value_e6) // _E9",
                    "-taker_rate, qty_lots, value_e6) // _E9 + 1",
                ),
                {"rate": 1, "charge": 1, "share": 0, "value": 1, "is_maker": 0},
            ),
        ),
    ),
    Contract(
        a_builder_share_rounds_down,
        ("FEE-1", "NUM-2"),
        (
            planted(
                FILE,
                "the maker's builder share is rounded up",
                (
                    "maker_builder = maker_fee * maker_fees.builder_share_bps // _E4",
                    "maker_builder = -(-maker_fee * maker_fees.builder_share_bps // _E4)",
                ),
                {"rate": 1, "share": 9999, "value": 1},
            ),
        ),
    ),
    Contract(
        the_exchange_never_pays_for_a_future,
        ("FEE-1",),
        (
            planted(
                FILE,
                "a rebate is paid from what the builder gets",
                (
                    "taker_fee = -min(rebate, max(0, maker_fee) - maker_builder)",
                    "taker_fee = -min(rebate, max(0, maker_fee))",
                ),
                {
                    "maker_rate": 10001,
                    "taker_rate": -99999999,
                    "share": 9999,
                    "value": 72057594037927936,
                },
            ),
        ),
    ),
    Contract(
        the_exchange_never_pays_for_an_option,
        ("FEE-1",),
        (
            planted(
                FILE,
                "a taker's rebate knows no bound",
                (
                    "taker_fee = -min(rebate, max(0, maker_fee) - maker_builder)",
                    "taker_fee = -rebate",
                ),
                {"maker_rate": 0, "taker_rate": -1, "share": 0, "premium": 9, "index": 1000000000},
            ),
        ),
    ),
    Contract(
        the_fee_reserved_is_the_higher_fee_charged,
        ("FEE-1", "MRG-4"),
        (
            planted(
                MARGIN,
                "the fee reserved is rounded down",
                ("return -(-rate * value_e6 // _E9)", "return rate * value_e6 // _E9"),
                {"kind": 1, "maker_rate": 1, "taker_rate": 1, "value": 1, "index": 0},
            ),
            planted(
                MARGIN,
                "the fee reserved for an option is that of one lot",
                (
                    "numerator = rate * instrument.index_lot_e6 * qty_lots",
                    "numerator = rate * instrument.index_lot_e6",
                ),
                {"kind": 3, "maker_rate": 0, "taker_rate": 1, "value": 9, "index": 375000000},
            ),
            planted(
                MARGIN,
                "the fee reserved is that of takers",
                ("if fees.future_maker_e9 > rate:", "if fees.future_maker_e9 < rate < 0:"),
                {"kind": 1, "maker_rate": 1, "taker_rate": 0, "value": 1, "index": 0},
            ),
        ),
    ),
)
