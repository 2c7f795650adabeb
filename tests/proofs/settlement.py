"""Averages, settlements and fundings ([SET-1] to [SET-3], [NUM-4]).

Prices, costs and cash are any integers in their range, and so are positions where money is added
up. The times of a window are split into cases, since they are what a sum is divided by; so are
the rates of funding and fees, and the lots that a rounded fee multiplies.
"""

from itertools import product
from typing import Annotated

from lockstep_engine.codes import Code, InstrumentStatus
from lockstep_engine.commands import SettleExpiry
from lockstep_engine.lifecycle.entities import Funding, IndexWindow, Settlement
from lockstep_engine.lifecycle.funding import run_funding
from lockstep_engine.lifecycle.settlement import settle_expiry
from lockstep_engine.risk.marks import mark_settled
from lockstep_engine.state import ExchangeCore, Holding, Instrument
from tests.proofs.contract import Between, Contract, OneOf, each, planted
from tests.proofs.world import (
    CALL,
    FUTURE,
    NO_FEES,
    ONE_E8,
    PERPETUAL,
    PUT,
    money_of,
    new_account,
    new_core,
    new_holding,
    new_instrument,
    set_price,
)

E9, E16, E25 = 10**9, 10**16, 10**25
CASH_MAX_E6 = 2**61
HOUR_S = 3_600
INDEX_E6 = 10**9
EXPIRY_NS = 2**60
STRIKE_E6 = 10**6
OPENED_NS = 7
WAITS_NS = tuple(product((0, 1, 3, 1_800 * 10**9 - 5), (0, 1, 2, 10**9), (1, 4)))
Kind = Annotated[int, OneOf((FUTURE, CALL, PUT))]
Price = Annotated[int, Between(1, 2**50)]
Waits = Annotated[int, each(0, len(WAITS_NS) - 1)]
Held = Annotated[int, Between(-(2**56), 2**56)]
Lots = Annotated[int, Between(1, 2**10)]
HeldCase = Annotated[int, OneOf((-7, -1, 1, 7))]
Size = Annotated[int, Between(1, 2**55)]
Cost = Annotated[int, Between(-(2**60), 2**60)]
Cash = Annotated[int, Between(-(2**61) + 1, 2**61 - 1)]
Rate = Annotated[int, OneOf((-(10**8), -3, 0, 1, 12_345_679))]
Charge = Annotated[int, OneOf((0, 1, 150_001, 10**8))]
Cap = Annotated[int, OneOf((0, 125_000_001, 10**9))]
LotE8 = Annotated[int, OneOf((ONE_E8, 7))]

ENTITIES = "lockstep_engine/lifecycle/entities.py"
FUNDING = "lockstep_engine/lifecycle/funding.py"
SETTLEMENT = "lockstep_engine/lifecycle/settlement.py"
BOUNDS = "lockstep_engine/money/bounds.py"
FEES = "lockstep_engine/money/fees.py"


def _average(prices: tuple[int, int, int], waits: tuple[int, ...]) -> int:
    """Return the average of three prices in force one after the other for so many ns."""
    first_ns = OPENED_NS + waits[0]
    second_ns = first_ns + waits[1]
    window = IndexWindow("BTC", second_ns + waits[2], OPENED_NS)
    window.add(prices[0], first_ns)
    window.add(prices[1], second_ns)
    return window.average_e6(prices[2])


def an_average_lies_between_its_prices(
    first: Price, second: Price, last: Price, waits: Waits
) -> None:
    """It is no less than the least and no more than the highest price that was in force."""
    prices, waits_ns = (first, second, last), WAITS_NS[waits]
    average = _average(prices, waits_ns)
    weighed = [price for price, ns in zip(prices, waits_ns, strict=True) if ns]
    assert min(weighed) <= average <= max(weighed)


def an_average_of_one_price_is_that_price(price: Price, waits: Waits) -> None:
    """Exactly, however often the price is confirmed."""
    assert price == _average((price, price, price), WAITS_NS[waits])


def an_average_is_the_nearest(first: Price, second: Price, waits: Waits) -> None:
    """It is off by one half at most, and even where it is off by one half."""
    wait, more, last = WAITS_NS[waits]
    average = _average((first, second, second), WAITS_NS[waits])
    width = wait + more + last
    twice_off = 2 * (first * wait + second * (more + last) - average * width)
    assert -width <= twice_off <= width
    assert average % 2 == 0 or -width < twice_off < width


def _fund(instrument: Instrument, core: ExchangeCore, rate_e9: int, mark_e6: int) -> None:
    set_price(core, instrument, mark_e6)
    funding = core.fundings[instrument.instrument] = Funding(
        instrument.instrument, rate_e9, HOUR_S, core.now_ns
    )
    run_funding(core, funding, [])


def funding_moves_money_between_holders_only(
    rate: Rate, mark: Price, first: Held, second: Held, cash: Cash
) -> None:
    """All cash together stays, and no one's leaves the bounds: else nobody pays at all."""
    core = new_core()
    instrument = new_instrument(core, PERPETUAL)
    lots = (first, second, -first - second)
    accounts = [new_holding(new_account(core), instrument, qty).account for qty in lots]
    accounts[0].cash_e6 = cash
    _fund(instrument, core, rate, mark)
    moved = [accounts[0].cash_e6 - cash, accounts[1].cash_e6, accounts[2].cash_e6]
    assert 0 == sum(moved)
    assert 0 == instrument.clearing_e6
    for account, qty, amount in zip(accounts, lots, moved, strict=True):
        assert -CASH_MAX_E6 < account.cash_e6 < CASH_MAX_E6
        assert amount * qty * rate <= 0


def funding_is_rounded_half_even_per_lot(rate: Rate, mark: Price, lot: LotE8, lots: Lots) -> None:
    """A short gets its lots times what a long of one lot pays; that is rounded once."""
    core = new_core()
    instrument = new_instrument(core, PERPETUAL, 10**8, lot)
    long = new_holding(new_account(core), instrument, 1).account
    short = new_holding(new_account(core), instrument, -lots).account
    _fund(instrument, core, rate, mark)
    per_lot = -long.cash_e6
    assert lots * per_lot == short.cash_e6
    twice_off = 2 * (rate * mark * instrument.unit_e16 - per_lot * E25)
    assert -E25 <= twice_off <= E25
    assert per_lot % 2 == 0 or -E25 < twice_off < E25


def _expiry(kind: int, price_e6: int) -> tuple[ExchangeCore, Instrument]:
    """Return an instrument that expired at a price that is final."""
    core = new_core()
    instrument = new_instrument(core, kind)
    key = ("BTC", EXPIRY_NS)
    core.now_ns = EXPIRY_NS
    core.expiries[key] = [instrument]
    settlement = core.settlements[key] = Settlement("BTC", EXPIRY_NS, price_e6, 1, True)
    instrument.status = int(InstrumentStatus.EXPIRED_PENDING_PRICE)
    mark_settled(core, instrument, settlement, EXPIRY_NS)
    return core, instrument


def _settle(core: ExchangeCore) -> bool:
    """Settle the expiry; return whether it was not refused for the bounds of cash."""
    code = settle_expiry(core, SettleExpiry("BTC", EXPIRY_NS), [])
    assert code in (Code.ACCEPTED, Code.AMOUNT_ABOVE_LIMIT)
    return code == Code.ACCEPTED


def _facts(core: ExchangeCore, holdings: list[Holding]) -> list[int]:
    facts = [core.treasury.fees_e6]
    for one in holdings:
        facts += [one.account.cash_e6, one.qty_lots, one.cost_e6, one.instrument.clearing_e6]
    return facts


def a_settlement_conserves_money(
    kind: Kind, price: Price, held: HeldCase, more: Size, cost: Cost
) -> None:
    """Positions that sum to zero pay each other and fees; nothing is left of them."""
    core, instrument = _expiry(kind, price)
    charges = (150_001, 125_000_001, 0, 0)
    other = more if held > 0 else -more
    holdings = [
        new_holding(new_account(core, NO_FEES, charges), instrument, held, cost),
        new_holding(new_account(core), instrument, other, -7 * cost),
        new_holding(new_account(core), instrument, -held - other, 3 - cost),
    ]
    before, money = _facts(core, holdings), money_of(core)
    if not _settle(core):
        assert before == _facts(core, holdings)
        return
    assert money == money_of(core)
    assert core.treasury.fees_e6 >= 0
    assert 0 == instrument.clearing_e6
    assert all(one.qty_lots == one.cost_e6 == 0 for one in holdings)


def a_settlement_keeps_cash_in_bounds(kind: Kind, price: Price, held: Held, cash: Cash) -> None:
    """Whoever settles has less than 2^61 after it and owes less, or nothing was settled."""
    core, instrument = _expiry(kind, price)
    holding = new_holding(new_account(core), instrument, held)
    other = new_holding(new_account(core), instrument, -held)
    holding.account.cash_e6 = cash
    is_settled = _settle(core)
    assert -CASH_MAX_E6 < holding.account.cash_e6 < CASH_MAX_E6
    assert is_settled or (held, -held, cash) == (
        *(holding.qty_lots, other.qty_lots),
        holding.account.cash_e6,
    )


def what_expires_pays_what_it_is_worth(kind: Kind, price: Price, lots: Lots, is_long: bool) -> None:
    """A future its price, a call max(0, S - K), a put max(0, K - S), to the long from the short."""
    core, instrument = _expiry(kind, price)
    held = lots if is_long else -lots
    holding = new_holding(new_account(core), instrument, held)
    new_holding(new_account(core), instrument, -held)
    assert _settle(core)
    above = price - STRIKE_E6
    worth = {FUTURE: price, CALL: max(0, above), PUT: max(0, -above)}[kind]
    assert held * worth == holding.account.cash_e6


def the_fee_of_a_settlement_is_rounded_up_below_its_cap(
    kind: Kind, price: Price, lots: Lots, charge: Charge, cap: Cap
) -> None:
    """It is the lower of its share of the index and that of the payoff, and less than one more."""
    core, instrument = _expiry(kind, price)
    holding = new_holding(new_account(core, NO_FEES, (charge, cap, 0, 0)), instrument, -lots)
    new_holding(new_account(core), instrument, lots)
    assert _settle(core)
    fee, worth = core.treasury.fees_e6, instrument.mark_lot_e6
    exact_e9 = min(charge * price, cap * worth) * lots
    assert exact_e9 <= fee * E9 < exact_e9 + E9
    assert -lots * worth - fee == holding.account.cash_e6


CONTRACTS = (
    Contract(
        an_average_lies_between_its_prices,
        ("SET-1",),
        (
            planted(
                ENTITIES,
                "the last price weighs from the start of the window",
                (
                    "price_e6 * (self.expiry_ns - self.since_ns)",
                    "price_e6 * (self.expiry_ns - self.open_ns)",
                ),
                {"first": 1, "second": 2, "last": 2, "waits": 2},
            ),
            planted(
                ENTITIES,
                "an update leaves the time of the one before",
                ("        self.since_ns = now_ns\n", ""),
                {"first": 1, "second": 2, "last": 2, "waits": 2},
            ),
        ),
    ),
    Contract(
        an_average_of_one_price_is_that_price,
        ("SET-1",),
        (
            planted(
                ENTITIES,
                "an average is over one nanosecond too many",
                (
                    "return div_half_even(weighed, self.expiry_ns - self.open_ns)",
                    "return div_half_even(weighed, self.expiry_ns - self.open_ns + 1)",
                ),
                {"price": 3, "waits": 4},
            ),
        ),
    ),
    Contract(
        an_average_is_the_nearest,
        ("SET-1", "NUM-2"),
        (
            planted(
                ENTITIES,
                "an average is rounded down",
                (
                    "return div_half_even(weighed, self.expiry_ns - self.open_ns)",
                    "return weighed // (self.expiry_ns - self.open_ns)",
                ),
                {"first": 3, "second": 1, "waits": 17},
            ),
            planted(
                ENTITIES,
                "ties of an average are rounded up",
                (
                    "return div_half_even(weighed, self.expiry_ns - self.open_ns)",
                    (
                        "width = self.expiry_ns - self.open_ns\n"
                        "        return (2 * weighed + width) // (2 * width)"
                    ),
                ),
                {"first": 1500000004, "second": 1, "waits": 14},
            ),
        ),
    ),
    Contract(
        funding_moves_money_between_holders_only,
        ("SET-3", "NUM-4"),
        (
            planted(
                FUNDING,
                "longs pay and shorts get nothing",
                (
                    "        account.cash_e6 -= qty * lot\n",
                    "        account.cash_e6 -= max(0, qty) * lot\n",
                ),
                {"rate": 12345679, "mark": 1000000000, "first": 0, "second": 1, "cash": 0},
            ),
            planted(
                FUNDING,
                "the bounds are those of the cash before",
                (
                    "is_cash_in_bounds(holding.account.cash_e6 - holding.qty_lots * lot)",
                    "is_cash_in_bounds(holding.account.cash_e6)",
                ),
                {
                    "rate": 12345679,
                    "mark": 1125899000000000,
                    "first": 0,
                    "second": -165889,
                    "cash": 0,
                },
            ),
            planted(
                FUNDING,
                "shorts pay longs",
                (
                    "numerator = funding.rate_e9 * instrument",
                    "numerator = -funding.rate_e9 * instrument",
                ),
                {"rate": 12345679, "mark": 500000081, "first": 0, "second": 1, "cash": 0},
            ),
        ),
    ),
    Contract(
        funding_is_rounded_half_even_per_lot,
        ("SET-3", "NUM-2"),
        (
            planted(
                FUNDING,
                "funding is rounded down",
                ("div_half_even(numerator, _E25)", "numerator // _E25"),
                {"rate": 12345679, "mark": 122, "lot": 100000000, "lots": 1},
            ),
            planted(
                FUNDING,
                "funding is rounded per position",
                (
                    "        account.cash_e6 -= qty * lot\n",
                    "        account.cash_e6 -= div_half_even(qty * numerator, _E25)\n",
                ),
                {"rate": 12345679, "mark": 1125898500000081, "lot": 100000000, "lots": 1024},
            ),
        ),
    ),
    Contract(
        a_settlement_conserves_money,
        ("SET-2", "POS-3"),
        (
            planted(
                SETTLEMENT,
                "the cost of a settled future stays in clearing",
                (
                    "        instrument.clearing_e6 += cost\n",
                    "        instrument.clearing_e6 += amount\n",
                ),
                {"kind": 2, "price": 1000000000, "held": -7, "more": 1, "cost": 0},
            ),
            planted(
                SETTLEMENT,
                "the cost of an option counts in its settlement",
                (
                    "    if not instrument.is_option:\n        amount -= holding.cost_e6\n",
                    "    amount -= holding.cost_e6\n",
                ),
                {"kind": 4, "price": 1000001, "held": -7, "more": 1, "cost": 0},
            ),
            planted(
                SETTLEMENT,
                "the fee of a settlement goes to nobody",
                ("    core.treasury.fees_e6 += fee\n", ""),
                {"kind": 4, "price": 1, "held": -7, "more": 1, "cost": 0},
            ),
        ),
    ),
    Contract(
        a_settlement_keeps_cash_in_bounds,
        ("SET-2", "NUM-4"),
        (
            planted(
                BOUNDS,
                "cash may reach its bound",
                ("-CASH_MAX_E6 < cash_e6 < CASH_MAX_E6", "abs(cash_e6) <= CASH_MAX_E6"),
                {"kind": 4, "price": 1, "held": -1, "cash": -2305843009212693953},
            ),
            planted(
                BOUNDS,
                "what an account owes has no bound",
                ("-CASH_MAX_E6 < cash_e6 < CASH_MAX_E6", "cash_e6 < CASH_MAX_E6"),
                {"kind": 4, "price": 999999, "held": -1, "cash": -2305843009213693951},
            ),
            planted(
                SETTLEMENT,
                "bounds leave the cash before out",
                (
                    "cash.get(account.account, account.cash_e6)",
                    "cash.get(account.account, 0)",
                ),
                {"kind": 4, "price": 999999, "held": -1, "cash": -2305843009213693951},
            ),
        ),
    ),
    Contract(
        what_expires_pays_what_it_is_worth,
        ("SET-1", "SET-2"),
        (
            planted(
                "lockstep_engine/risk/marks.py",
                "a put pays like a call",
                ("            price = -price\n", "            pass\n"),
                {"kind": 4, "price": 1000001, "lots": 1, "is_long": 1},
            ),
            planted(
                SETTLEMENT,
                "shorts pay nothing",
                ("    amount = qty * instrument", "    amount = max(0, qty) * instrument"),
                {"kind": 4, "price": 1, "lots": 1, "is_long": 0},
            ),
        ),
    ),
    Contract(
        the_fee_of_a_settlement_is_rounded_up_below_its_cap,
        ("SET-2", "NUM-2"),
        (
            planted(
                FEES,
                "the fee of a settlement is rounded down",
                ("div_ceil(charge * abs(qty_lots), _E9)", "charge * abs(qty_lots) // _E9"),
                {"kind": 4, "price": 1, "lots": 1, "charge": 1, "cap": 1000000000},
            ),
            planted(
                FEES,
                "the fee of a settlement is rounded per lot",
                ("div_ceil(charge * abs(qty_lots), _E9)", "div_ceil(charge, _E9) * abs(qty_lots)"),
                {"kind": 4, "price": 2, "lots": 2, "charge": 1, "cap": 1000000000},
            ),
            planted(
                FEES,
                "the fee of a settlement is the higher of both",
                ("    charge = min(\n", "    charge = max(\n"),
                {"kind": 2, "price": 1, "lots": 1, "charge": 150001, "cap": 0},
            ),
        ),
    ),
)
