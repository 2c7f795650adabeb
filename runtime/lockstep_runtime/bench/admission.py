"""What admission costs an account with many option positions, in evaluations of `black76`.

One exchange grows from the fewest accounts to the most, and at each size the same account is
measured. What is timed is `apply` of a command that places an order which rests: authority, nonce,
checks, margin, book, events, digest and hash. The order is cancelled again, untimed. The unit is
measured in the same process between any twenty admissions, because the machine's speed changes.
Time is the process's own: nothing here waits, and a call that is longer than a time slice would be
charged with what others did meanwhile.
"""

from collections.abc import Callable, Sequence
from statistics import median
from time import process_time_ns

import msgspec

from lockstep_engine.codes import MarginMode, Side, TimeInForce
from lockstep_engine.commands import (
    Action,
    CancelByClientId,
    PlaceOrder,
    SetMarginMode,
    UpdateIndexPrice,
)
from lockstep_engine.events import CommandRejected, OrderRejected
from lockstep_engine.risk.detmath import black76
from lockstep_engine.views import account as account_view
from lockstep_kernel import Sequenced, apply, check, initial
from lockstep_runtime.bench.measures import quiet
from lockstep_runtime.bench.workload import EXCHANGE, AdmissionWork
from lockstep_runtime.options_venue import (
    FIRST_INDEX_E6,
    FIRST_VOL_E9,
    START_NS,
    UNDERLYING,
    OptionsVenue,
)
from lockstep_runtime.signing import Script, Signer
from lockstep_runtime.venue import Staff, open_account

HELD_PER_EXPIRY = 10
HOLDERS_IN = 20
"""Of so many further accounts two hold positions: two options each, one long and one short."""

FIRST_ACCOUNTS = 10
"""The least number of accounts: the measured one and those that hold the other sides."""

_DEPOSIT_E6 = 10**12
_STRIDE = 7
_CALLS_PER_UNIT = 20
_RESTS = ["OrderAccepted", "BookChanged"]
_BUY, _SELL, _IOC = int(Side.BUY), int(Side.SELL), int(TimeInForce.IOC)


class AdmissionResult(msgspec.Struct, frozen=True):
    """One evaluation in nanoseconds, and admissions as multiples of the evaluations around them.

    Medians: where nothing moved, after an index update, after an update of the option's surface.
    """

    accounts: int
    positions: int
    black76_ns: float
    unmoved: float
    after_index: float
    after_surface: float


class AdmissionResults(msgspec.Struct, frozen=True):
    """The results of all sizes, the smallest first."""

    sizes: list[AdmissionResult]


def measure_admission(work: AdmissionWork) -> AdmissionResults:
    """Measure at every size, in one exchange that grows."""
    exchange = AdmissionExchange(work)
    results: list[AdmissionResult] = []
    for accounts in sorted(work.accounts):
        exchange.grow_to(accounts)
        results.append(exchange.measure(work.calls))
    return AdmissionResults(results)


class AdmissionExchange:
    """An exchange of options in memory. Account 1 is measured; 2 to 10 hold its other sides.

    It is long a call and a put of one strike, short those of the next, and so on.
    """

    def __init__(self, work: AdmissionWork) -> None:
        self._staff = Staff("admission")
        self._script = Script(START_NS)
        self._venue = OptionsVenue(work.expiries, work.strikes)
        self.state = initial(EXCHANGE, self._staff.genesis(START_NS))
        self._accounts = 0
        self._client_id = 0
        self._traders = [self._trader(n) for n in range(1, FIRST_ACCOUNTS + 1)]
        self._held = _held_options(self._venue)
        self._staff.grant(self._script)
        self._venue.list_all(self._script, self._staff)
        self._open(self._traders)
        for trader in self._traders:
            self._script.add(trader, SetMarginMode(int(MarginMode.PORTFOLIO)))
        for number, option in enumerate(self._held):
            other = self._traders[1 + number % (FIRST_ACCOUNTS - 1)]
            self._trade(self._traders[0], other, option, number // 2 % 2)
        self._run()

    def grow_to(self, accounts: int) -> None:
        """Open accounts until there are so many."""
        while self._accounts < accounts:
            first = self._accounts + 1
            count = min(HOLDERS_IN, accounts - self._accounts)
            traders = [self._trader(n) for n in range(first, first + count)]
            self._open(traders)
            if count == HOLDERS_IN:
                for trader in traders[:2]:
                    self._script.add(trader, SetMarginMode(int(MarginMode.PORTFOLIO)))
                for side in (_BUY, _SELL):
                    option = self._held[(first + side) % len(self._held)]
                    self._trade(traders[0], traders[1], option, side)
            self._run()

    def measure(self, calls: int) -> AdmissionResult:
        """Time so many admissions after each kind of move.

        Every option is asked for before, on both sides: what is kept until a price moves is there.
        """
        for option in self._held:
            for side in (_BUY, _SELL):
                self._place_and_cancel(option, side)
        unit, unmoved = self._times(calls, lambda option: None)
        index_unit, after_index = self._times(calls, self._move_index)
        surface_unit, after_surface = self._times(calls, self._move_surface)
        return AdmissionResult(
            self._accounts,
            len(account_view(self.state, self._traders[0].account).positions),
            median((unit, index_unit, surface_unit)),
            unmoved / unit,
            after_index / index_unit,
            after_surface / surface_unit,
        )

    def _times(self, calls: int, move: Callable[[int], None]) -> tuple[float, float]:
        """Return the time of one evaluation and of one admission after a move, in nanoseconds."""
        quiet()
        units: list[float] = []
        taken: list[int] = []
        for call in range(calls):
            if call % _CALLS_PER_UNIT == 0:
                units.append(self._evaluation_ns())
            option = self._held[call * _STRIDE % len(self._held)]
            move(option)
            taken.append(self._place_and_cancel(option, call // 2 % 2))
        return median(units), median(taken)

    def _place_and_cancel(self, option: int, side: int) -> int:
        """Place an order that rests, and cancel it; return how long it took to place it."""
        trader = self._traders[0]
        fair = max(1, self._venue.fair_ticks(option))
        price = max(1, fair // 2) if side == _BUY else 2 * fair
        self._client_id += 1
        order = PlaceOrder(option, side, price, 1, client_id=self._client_id)
        self._script.add(trader, order)
        ((ts_ns, command),) = self._script.take()
        sequenced = EXCHANGE.codec.sequence(ts_ns, command)
        start_ns = process_time_ns()
        self.state, events, _hash = apply(self.state, sequenced)
        taken_ns = process_time_ns() - start_ns
        found = [type(event).__name__ for event in events]
        check(found == _RESTS, f"expected an order that rests, found {found}")
        self._script.add(trader, CancelByClientId(self._client_id))
        self._run()
        return taken_ns

    def _move_index(self, option: int) -> None:
        """Move the index to and fro by a dollar or two."""
        venue = self._venue
        venue.index_e6 = FIRST_INDEX_E6 + (1 + self._client_id % 3) * 1_000_000
        self._do(UpdateIndexPrice(UNDERLYING, venue.index_e6))

    def _move_surface(self, option: int) -> None:
        """Give the option's expiry another volatility."""
        vol = FIRST_VOL_E9 + (1 + self._client_id % 3) * 1_000_000
        expiry = self._venue.place_of(option)[0]
        self._do(self._venue.surface(expiry, vol, self._script.now_ns))

    def _evaluation_ns(self) -> float:
        """Return the time of one `black76`, over all that the measured account holds."""
        inputs = [self._venue.inputs_of(option, self._script.now_ns) for option in self._held]
        start_ns = process_time_ns()
        for is_call, forward, strike, to_expiry_ns, vol in inputs:
            black76(is_call, forward, strike, to_expiry_ns, vol)
        return (process_time_ns() - start_ns) / len(inputs)

    def _trader(self, account: int) -> Signer:
        return Signer(f"admission trader {account}", account)

    def _open(self, traders: Sequence[Signer]) -> None:
        for trader in traders:
            open_account(self._script, self._staff, trader, _DEPOSIT_E6)
        self._accounts += len(traders)

    def _trade(self, one: Signer, other: Signer, option: int, side: int) -> None:
        """Let one buy a lot from the other, or sell it."""
        price = max(1, self._venue.fair_ticks(option))
        self._script.add(other, PlaceOrder(option, 1 - side, price, 1))
        self._script.add(one, PlaceOrder(option, side, price, 1, _IOC))

    def _do(self, action: Action) -> None:
        self._script.add(self._staff.oracle, action)
        self._run()

    def _run(self) -> None:
        """Apply what was written; nothing of it may be refused."""
        for ts_ns, command in self._script.take():
            self._apply(EXCHANGE.codec.sequence(ts_ns, command))

    def _apply(self, command: Sequenced) -> Sequence[msgspec.Struct]:
        self.state, events, _hash = apply(self.state, command)
        refused = [event for event in events if type(event) in (CommandRejected, OrderRejected)]
        check(not refused, f"expected no refusal, found {refused}")
        return events


def _held_options(venue: OptionsVenue) -> list[int]:
    """Return the ten options nearest to the money of every expiry, a call and a put by turns."""
    middle, pairs = len(venue.strikes) // 2, HELD_PER_EXPIRY // 2
    return [
        venue.option(expiry, strike, is_put)
        for expiry in range(len(venue.expiries_ns))
        for strike in range(middle - pairs // 2, middle - pairs // 2 + pairs)
        for is_put in (False, True)
    ]
