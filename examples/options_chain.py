"""An options chain inside your own program: quotes under protection, a spread, and its margin.

A maker quotes the calls and puts of one expiry around their marks. A taker under portfolio margin
asks what an order would do before it sends it, and reads afterwards what its margin is made of.
"""

from collections.abc import Sequence

from lockstep_engine import (
    Code,
    Command,
    ExchangeParams,
    MarginMode,
    OrderFlag,
    Role,
    Side,
    TradingLimits,
    VolRule,
)
from lockstep_engine import commands as do
from lockstep_engine import events as did
from lockstep_engine.exchange import MACHINE, best, exchange_genesis, margin_report, preview
from lockstep_kernel import State, apply, initial, verify
from lockstep_runtime.presets import load_preset

ROOT, MAKER, TAKER = (name.ljust(32, b".") for name in (b"root", b"maker", b"taker"))
MAKERS, TAKERS = 1, 2  # the accounts of the two
NOW_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC: time is an input, the core reads no clock
EXPIRY_NS = 1_774_598_400 * 10**9  # 2026-03-27 08:00 UTC, when expiries of this underlying are
USD = 10**6  # amounts and prices are micro-dollars
TICK = 5 * USD  # prices of orders count in these, their sizes in lots of 0.01 BTC
STRIKES = (56_000, 58_000, 60_000, 62_000, 64_000)
VOLS_E9 = (620_000_000, 605_000_000, 600_000_000, 606_000_000, 618_000_000)  # 10^9 is 100 % a year
CALLS = {strike: 1 + 2 * place for place, strike in enumerate(STRIKES)}  # numbers of instruments
PUTS = {strike: 1 + number for strike, number in CALLS.items()}
SYMBOLS = {
    number: f"BTC-20260327-{strike}-{kind}"
    for kind, numbers in (("C", CALLS), ("P", PUTS))
    for strike, number in numbers.items()
}


class Venue:
    """The exchange, its clock, and what was sent to it."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        genesis = exchange_genesis(ExchangeParams(ROOT, NOW_MS * 10**6))
        self.state: State = initial(MACHINE, genesis)

    def send(self, signer: bytes, action: do.Action, account: int = 0) -> Sequence[object]:
        """Apply one command a millisecond later; its events are all that followed from it."""
        self.now_ms += 1
        command = Command(signer, nonce=self.now_ms, action=action, account=account)
        sequenced = MACHINE.codec.sequence(self.now_ms * 10**6, command)
        self.state, events, _hash = apply(self.state, sequenced)
        for event in events:  # a refusal is an event too
            if isinstance(event, did.CommandRejected | did.OrderRejected):
                raise SystemExit(f"{Code(event.code).name}: {action}")
        return events


def list_chain(venue: Venue) -> None:
    """Create the underlying with its portfolio model, and a call and a put at every strike."""
    venue.send(ROOT, do.GrantRole(ROOT, Role.ADMIN | Role.ORACLE | Role.TREASURY))
    venue.send(ROOT, do.CreateUnderlying("BTC", max_index_price_e6=1_000_000 * USD))
    venue.send(ROOT, do.SetPortfolioModel("BTC", load_preset("deribit9x3").model))
    for number, symbol in SYMBOLS.items():
        venue.send(ROOT, do.CreateInstrument(number, symbol, TICK, 10**6, 10**8, TradingLimits()))


def open_accounts(venue: Venue) -> None:
    """Open both accounts with cash and portfolio margin."""
    for account, owner, cash in ((MAKERS, MAKER, 1_000_000), (TAKERS, TAKER, 20_000)):
        venue.send(ROOT, do.OpenAccount(account, owner))
        venue.send(ROOT, do.Deposit(account, cash * USD))
        venue.send(owner, do.SetMarginMode(MarginMode.PORTFOLIO), account)


def mark(venue: Venue) -> dict[int, did.InstrumentMark]:
    """Set index and surface; every option of the expiry has a mark and greeks from then on."""
    venue.send(ROOT, do.UpdateIndexPrice("BTC", 60_000 * USD))
    points = tuple((strike * USD, vol) for strike, vol in zip(STRIKES, VOLS_E9, strict=True))
    surface = do.UpdateVolSurface("BTC", EXPIRY_NS, forward_e6=60_300 * USD, points=points)
    updated = [e for e in venue.send(ROOT, surface) if isinstance(e, did.MarksUpdated)]
    return {one.instrument: one for event in updated for one in event.marks}


def quote(venue: Venue, marks: dict[int, did.InstrumentMark]) -> None:
    """Quote 25 lots on both sides of every mark; fills above 0.35 BTC in a second end them all."""
    protection = do.SetMmpConfig("BTC", interval_ms=1_000, frozen_ms=5_000, qty_limit_e8=35 * 10**6)
    venue.send(MAKER, protection, MAKERS)
    quotes: list[do.Quote] = []
    for number, one in sorted(marks.items()):
        fair = one.price_e6 // TICK
        width = 1 + fair // 100
        quotes.append(do.Quote(number, fair - width, 25, fair + width, 25))
    venue.send(MAKER, do.MassQuote(1, tuple(quotes), flags=OrderFlag.MMP), MAKERS)


def trade(venue: Venue, order: do.PlaceOrder) -> None:
    """Say what an order would do, send it, and say what happened."""
    seen = preview(venue.state, TAKERS, order)
    print(f"\n{Side(order.side).name} {order.qty_lots} {SYMBOLS[order.instrument]}", end="")
    print(f" at {usd(order.price_ticks * TICK)}: {Code(seen.code).name}, fee {usd(seen.fee_e6)}")
    if seen.filled is not None:
        print(f"  initial margin {usd(seen.before.initial_e6)} -> {usd(seen.filled.initial_e6)}")
        print(f"  free           {usd(seen.before.free_e6)} -> {usd(seen.filled.free_e6)}")
    for event in venue.send(TAKER, order, TAKERS):
        if isinstance(event, did.Trade):
            print(f"  traded {event.qty_lots} lots at {usd(event.price_ticks * TICK)}")
        elif isinstance(event, did.MmpTriggered):
            print(f"  the maker of account {event.account} is protected: its quotes are gone")


def show_chain(venue: Venue, marks: dict[int, did.InstrumentMark]) -> None:
    """Print bid, mark and ask of every option, and the delta of a call."""
    print(f"{'calls: bid':>12}{'mark':>12}{'ask':>12}{'delta':>8}{'strike':>10}", end="")
    print(f"{'puts: bid':>12}{'mark':>12}{'ask':>12}")
    for strike in STRIKES:
        cells: list[str] = []
        for number in (CALLS[strike], PUTS[strike]):
            bid, ask = best(venue.state, number)
            prices = (bid * TICK, marks[number].price_e6, ask * TICK)
            cells.append("".join(f"{usd(price):>12}" for price in prices))
        delta = marks[CALLS[strike]].delta_e9 / 10**9
        print(f"{cells[0]}{delta:>8.2f}{strike:>10,}{cells[1]}")


def show_margin(venue: Venue, account: int) -> None:
    """Print what an account has, what it holds, and which scenario makes its margin."""
    report = margin_report(venue.state, account)
    totals = report.totals
    print(f"\naccount {account}: cash {usd(report.cash_e6)}, options {usd(report.option_value_e6)}")
    print(f"  collateral {usd(totals.collateral_e6)}, free {usd(totals.free_e6)}")
    print(f"  margin initial {usd(totals.initial_e6)}, maintenance {usd(totals.maintenance_e6)}")
    for row in report.positions:
        print(f"  {row.symbol:<22}{row.qty_lots:>5} lots, value {usd(row.value_e6):>10}")
    for portfolio in report.portfolios:
        for scenario in portfolio.scenarios:
            if scenario.is_worst:
                moved = f"index x {scenario.spot_e9 / 10**9:.2f}"
                rule = VolRule(scenario.vol_rule).name
                print(f"  worst is {moved} with volatility {rule}: {usd(scenario.result_e6)}")
        print(f"  charge for naked short options {usd(portfolio.initial_charge_e6)}")


def usd(amount_e6: int) -> str:
    """Return micro-dollars as people read them."""
    return f"{amount_e6 / USD:,.2f}"


def main() -> None:
    """List, mark, quote, trade a call spread, and look at it."""
    venue = Venue()
    list_chain(venue)
    open_accounts(venue)
    marks = mark(venue)
    quote(venue, marks)
    show_chain(venue, marks)
    for strike, side in ((60_000, Side.SELL), (64_000, Side.BUY)):
        bid, ask = best(venue.state, CALLS[strike])
        price = bid if side == Side.SELL else ask
        trade(venue, do.PlaceOrder(CALLS[strike], side, price, qty_lots=20))
    show_margin(venue, TAKERS)
    verify(venue.state)  # rehashes everything, rebuilds everything derived, checks every invariant


if __name__ == "__main__":
    main()
