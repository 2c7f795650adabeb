"""One seeded run: a desk trades through a faulty broker, and after each sweep all must hold.

What is checked after every sweep stands in `check_sweep`, what is checked at the end in `finish`.
"""

from collections import Counter
from typing import NamedTuple

import msgspec

from lockstep_desk import Fill, Side
from lockstep_desk.recon import (
    CASE_OF,
    Adoption,
    AdoptRefusal,
    BrokerPages,
    Draws,
    Fault,
    FaultyBroker,
    Kind,
    Life,
    MemoryBroker,
    NewOrder,
    Outcome,
    Page,
    SweepConfig,
    payload_hash,
)
from tests.desk_recon.books import totals
from tests.desk_recon.host import Desk
from tests.desk_recon.machine import MachineDesk

E8, E9, SECOND_NS = 10**8, 10**9, 10**9
INSTRUMENTS = ("BTC-PERP", "ETH-PERP")
PRICE_E9 = {"BTC-PERP": 100 * E9, "ETH-PERP": 10 * E9}
STEPS = 24
DESKS: dict[str, type[Desk] | type[MachineDesk]] = {"machine": MachineDesk, "thin": Desk}

RATES = {
    Fault.DROP: 150_000,
    Fault.DELAY: 100_000,
    Fault.DUPLICATE: 100_000,
    Fault.REORDER: 200_000,
    Fault.NATIVE_STOP: 60_000,
    Fault.MANUAL_CLOSE: 60_000,
    Fault.MANUAL_OPEN: 15_000,
    Fault.UNREACHABLE: 10_000,
    Fault.HALF_PAGE: 10_000,
    Fault.LOST_REQUEST: 40_000,
    Fault.LOST_REPLY: 40_000,
    Fault.SHORT_HISTORY: 60_000,
    Fault.LEFT_OUT: 80_000,
    Fault.STALE_PAGE: 30_000,
}


class RunFailed(Exception):
    """Something that must hold did not."""


class Counted(NamedTuple):
    """What one run counted, and a digest of all that it booked and told."""

    kinds: Counter[Kind]
    faults: dict[Fault, int]
    counts: Counter[str]
    digest: str


class Run:
    """A run and what it counted."""

    def __init__(self, seed: int, desk_type: type[Desk] | type[MachineDesk] = Desk) -> None:
        self.seed = seed
        self.draws = Draws(seed * 2 + 1)
        self.inner = MemoryBroker("acc", cash_e9=10**15)
        self.inner.page_size = self.draws.below(4)
        self.broker = FaultyBroker(self.inner, self.inner, seed, RATES)
        self.desk = desk_type(self.broker, SweepConfig(in_flight_ns=5 * SECOND_NS))
        self.kinds: Counter[Kind] = Counter()
        self.counts: Counter[str] = Counter()

    def play(self) -> None:
        """Trade, fail and sweep, then put everything right and look at the end."""
        for _ in range(STEPS):
            self.step()
        self.sweep()
        self.finish()

    def need(self, holds: bool, sentence: str) -> None:
        if not holds:
            raise RunFailed(f"seed {self.seed}: {sentence}")

    def counted(self) -> Counted:
        """Return what the run counted."""
        digest = payload_hash((self.desk.told, self.desk.log()))
        return Counted(self.kinds, self.broker.counts, self.counts, digest)

    # A step

    def step(self) -> None:
        self.pass_time(1 + self.draws.below(3))
        instrument = self.draws.pick(INSTRUMENTS)
        self.quote(instrument)
        choice = self.draws.below(10)
        if choice < 4:
            self.trade(instrument)
        elif choice < 6:
            self.exit_one()
        elif choice == 6:
            self.operate()
        elif choice == 7:
            self.repeat_one()
        elif choice == 8:
            self.desk.restart()
            self.counts["restart"] += 1
        self.broker.stir(PRICE_E9)
        self.desk.take(self.broker.deliver())
        if self.draws.below(4) == 0:
            self.sweep()

    def pass_time(self, seconds: int) -> None:
        self.inner.advance(seconds * SECOND_NS)
        self.desk.now_ns = self.inner.now_ns

    def price(self, instrument: str) -> int:
        return PRICE_E9[instrument] + self.draws.below(21) * E9 // 10 - E9

    def quote(self, instrument: str) -> None:
        """Let the crowd offer some on both sides, so that orders fill in parts."""
        price = self.price(instrument)
        for side, off in ((Side.BUY, -E9 // 10), (Side.SELL, E9 // 10)):
            order = NewOrder(
                client_order_id="",
                instrument=instrument,
                side=side,
                qty_e8=(1 + self.draws.below(3)) * E8,
                price_e9=price + off,
                life=Life.GTC,
            )
            self.inner.place(order, "crowd")

    def trade(self, instrument: str) -> None:
        side = Side(self.draws.below(2))
        limit = self.price(instrument) + side.sign * E9
        qty_e8 = (1 + self.draws.below(6)) * E8
        self.desk.send(self.draws.pick(self.desk.deployments), instrument, side, qty_e8, limit)

    def exit_one(self) -> None:
        held = self.desk.positions()
        if held:
            position = self.draws.pick(held)
            away = position.side.opposite.sign * 5 * E9
            price_e9 = PRICE_E9[position.instrument] + away
            is_sent = self.desk.exit(position.position_id, price_e9, 1 + self.draws.below(2))
            self.counts["exit sent" if is_sent else "exit deferred"] += 1

    def repeat_one(self) -> None:
        """Deliver a message of an exit again: it must have no effect (I7)."""
        if self.desk.messages:
            message, exiting = self.draws.pick(self.desk.messages)
            self.need(not self.desk.deliver(message, exiting), f"a repeat had an effect: {message}")
            self.counts["message repeated"] += 1

    def operate(self) -> None:
        """Let an operator adopt something that stands."""
        standing = list(self.desk.standing.values())
        if standing and self.draws.below(2):
            self.adopt_one(self.draws.pick(standing).divergence_id)

    def adopt_one(self, divergence_id: str) -> None:
        record = self.desk.standing[divergence_id]
        owner = self.draws.pick((*self.desk.deployments, None))
        adopted = self.desk.adopt(Adoption(divergence_id, owner))
        if adopted is AdoptRefusal.PRICE_NEEDED:
            price_e9 = PRICE_E9[record.instrument]
            adopted = self.desk.adopt(Adoption(divergence_id, owner, price_e9))
        self.counts["refused" if isinstance(adopted, AdoptRefusal) else "adopted"] += 1

    # A sweep

    def sweep(self) -> Outcome:
        before = (self.inner.seq, sum(self.broker.placed.values()))
        pages, outcome = self.desk.sweep()
        self.check_sweep(pages, outcome)
        again = self.desk.reconcile(pages)
        self.need(again.is_quiet, f"the second sweep was not quiet: {again}")
        after = (self.inner.seq, sum(self.broker.placed.values()))
        self.need(before == after, "a sweep did something at the broker")
        self.need(max(self.broker.placed.values(), default=0) <= 1, "an order was sent twice")
        return outcome

    def check_sweep(self, pages: BrokerPages, outcome: Outcome) -> None:
        for record in outcome.opened:
            self.kinds[record.kind] += 1
        desk = self.desk
        for record in desk.standing.values():
            self.need(desk.has_critical(record), f"nobody was called for {record}")
        told = {record.instrument for record in desk.standing.values()}
        is_unknown = any(r.kind is Kind.UNREACHABLE for r in desk.standing.values())
        if not isinstance(pages.positions, Page) or not isinstance(pages.fills, Page):
            self.need(is_unknown, "the broker did not answer, and nobody was told")
            self.need(not outcome.repairs, "something was repaired on an unknown answer")
            return
        seq = pages.positions.as_of_seq
        for instrument in INSTRUMENTS:
            books_e8 = self.books_at(instrument, seq)
            truth_e8 = sum(f.signed_qty_e8 for f in self.history(instrument) if f.seq <= seq)
            self.need(
                books_e8 == truth_e8 or instrument in told or is_unknown,
                f"{instrument}: the broker has {truth_e8}, the books {books_e8}, nobody was told",
            )

    def history(self, instrument: str) -> list[Fill]:
        return [fill for fill in self.inner.history if fill.instrument == instrument]

    def books_at(self, instrument: str, seq: int) -> int:
        """Return what the books had at a moment of the broker."""
        later = (f for f in self.desk.booked if f.instrument == instrument and f.seq > seq)
        return self.desk.held_e8(instrument) - sum(f.signed_qty_e8 for f in later)

    # The end

    def finish(self) -> None:
        """Without faults and with an operator who decides, the books come to equal the broker."""
        self.broker.rates = {}
        self.broker.old = {}
        self.pass_time(60)
        self.desk.take(self.broker.deliver())
        for _ in range(8):
            self.sweep()
            if not self.desk.standing:
                break
            for name in list(self.desk.standing):
                self.adopt_one(name)
        self.need(not self.desk.standing, f"stands for ever: {self.desk.standing}")
        self.need(not self.desk.deferred, f"deferred for ever: {self.desk.deferred}")
        for instrument in INSTRUMENTS:
            held = (self.desk.held_e8(instrument), self.inner.position_e8(instrument))
            self.need(held[0] == held[1], f"{instrument}: books and broker end at {held}")
        self.desk.check()
        self.check_money()
        self.check_orders()
        sent = len(self.broker.placed)
        self.need(sent == self.desk.ordinal, f"{self.desk.ordinal} orders, {sent} on the wire")

    def check_money(self) -> None:
        """Every fill of the broker is in the books once, with its fee, if no one adjusted."""
        if self.desk.is_adjusted():
            self.counts["adjusted runs"] += 1
            return
        self.counts["exact runs"] += 1
        books, broker = totals(self.desk.log()), totals(self.inner.history)
        self.need(books == broker, f"money: books {books}, broker {broker}")
        self.need(self.desk.cash_e9() == self.inner.cash_e9, "the balance is not the broker's")

    def check_orders(self) -> None:
        open_there = {
            o.asked.client_order_id for o in self.inner.orders if not o.status.is_terminal
        }
        self.need(open_there == set(self.desk.orders), "orders differ at the end")


def play(seed: int, desk_type: type[Desk] | type[MachineDesk] = Desk) -> Run:
    """Play a run and return it; raise `RunFailed` if something did not hold."""
    run = Run(seed, desk_type)
    run.play()
    return run


class Tally(msgspec.Struct):
    """What many runs counted."""

    runs: int = 0
    kinds: Counter[Kind] = msgspec.field(default_factory=Counter)
    faults: Counter[Fault] = msgspec.field(default_factory=Counter)
    counts: Counter[str] = msgspec.field(default_factory=Counter)
    digest: str = ""

    def add(self, run: Counted) -> None:
        """Count a run."""
        self.runs += 1
        self.kinds.update(run.kinds)
        self.faults.update(run.faults)
        self.counts.update(run.counts)
        self.digest = payload_hash((self.digest, run.digest))

    def cases(self) -> dict[str, int]:
        """Return how often each case of [RECON-34] was reached."""
        found = dict.fromkeys("abcdefg", 0)
        for kind, case in CASE_OF.items():
            found[case] += self.kinds[kind]
        return found

    def missing(self) -> list[str]:
        """Return the faults and cases that no run reached."""
        cases = [f"case ({case})" for case, count in self.cases().items() if not count]
        return cases + [fault.name for fault in Fault if not self.faults[fault]]
