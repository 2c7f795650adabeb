"""A world beyond reason, for what a sane one cannot reach: [NUM-4] and a clock that goes back.

The margin is 0 and the mark jumps between one dollar and the highest price, so one account realises
the largest profit that an instrument allows again and again, against accounts that only owe it.
"""

from datetime import UTC, datetime

from lockstep_engine.commands import (
    AdvanceTime,
    BlockLeg,
    CreateInstrument,
    CreateUnderlying,
    ExchangeParams,
    ExecuteBlock,
    MarginRates,
    OpenAccount,
    SetFeeSchedule,
    SetMarginModel,
    SettleExpiry,
    TradingLimits,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    Withdraw,
)
from lockstep_engine.exchange import exchange_genesis
from lockstep_kernel import Genesis
from lockstep_runtime.signing import Item, Script, Signer
from lockstep_runtime.venue import Staff

_EXPIRY_NS = int(datetime(2026, 3, 27, 8, tzinfo=UTC).timestamp()) * 10**9
_START_NS = _EXPIRY_NS - 600 * 10**9
_HOUR_NS = 3_600 * 10**9
_DOLLAR_E6 = 1_000_000
_LOTS, _HIGH = 100_000, 720_000
"""The most lots, and the highest price in ticks of a dollar: together just within [INS-3]."""

_LIMITS = TradingLimits(max_price_ticks=_HIGH, max_order_lots=_LOTS, max_position_lots=_LOTS)
_PERPETUAL, _FUTURE = 1, 2
_ROUNDS = 32
"""So many times the largest profit is just under 2^61."""

_BUY, _SELL = 0, 1


class Extreme:
    """Writes the commands of that world."""

    def __init__(self) -> None:
        self.staff = Staff("extreme")
        self._script = Script(_START_NS)
        self._winner = Signer("extreme winner", 1)
        self._last_account = 1

    def genesis(self) -> Genesis:
        """Return the genesis."""
        return exchange_genesis(ExchangeParams(self.staff.root.key, _START_NS))

    def items(self) -> list[Item]:
        """Return all commands."""
        add, staff = self._script.add, self.staff
        staff.grant(self._script)
        add(staff.admin, CreateUnderlying("BTC", _HIGH * _DOLLAR_E6, min_samples=1))
        for number, symbol in ((_PERPETUAL, "BTC-PERP"), (_FUTURE, "BTC-27MAR26")):
            create = CreateInstrument(number, symbol, _DOLLAR_E6, 10**8, 10**8, _LIMITS)
            add(staff.admin, create)
        add(staff.admin, SetMarginModel("BTC", MarginRates(0, 0)))
        add(staff.admin, SetFeeSchedule(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        add(staff.admin, OpenAccount(1, self._winner.key))
        for _ in range(_ROUNDS):
            self._trade(_PERPETUAL, _BUY, 1)
            self._trade(_PERPETUAL, _SELL, _HIGH)
        self._skip_a_funding()
        self._refuse_a_settlement()
        self._script.now_ns -= _HOUR_NS
        add(staff.oracle, AdvanceTime())
        return self._script.take()

    def _trade(self, instrument: int, side: int, price_ticks: int) -> None:
        """Let the winner trade the most with somebody new, at the mark."""
        self._last_account += 1
        other = Signer(f"extreme {self._last_account}", self._last_account)
        leg = BlockLeg(instrument, side, price_ticks, _LOTS)
        self._script.add(self.staff.admin, OpenAccount(other.account, other.key))
        mark = UpdateMarkPrice(instrument, price_ticks * _DOLLAR_E6)
        self._script.add(self.staff.oracle, mark)
        nonce = other.next_nonce(self._script.now_ns)
        self._script.add(self._winner, ExecuteBlock(other.account, other.key, nonce, (leg,)))

    def _skip_a_funding(self) -> None:
        """Let a funding be due that would pay the winner more than an account may have."""
        oracle = self.staff.oracle
        self._trade(_PERPETUAL, _SELL, _HIGH)
        self._trade(_FUTURE, _BUY, 1)
        self._script.add(oracle, UpdateIndexPrice("BTC", _HIGH * _DOLLAR_E6))
        self._script.add(oracle, UpdateFundingRate(_PERPETUAL, 10**8, 3_600))
        self._script.advance_to(_EXPIRY_NS + 1)
        self._script.add(oracle, AdvanceTime())

    def _refuse_a_settlement(self) -> None:
        """Let a settlement be refused for the same reason, and pass when there is room."""
        expiry = SettleExpiry("BTC", _EXPIRY_NS)
        self._script.add(self.staff.oracle, expiry)
        self._script.add(self._winner, Withdraw(2**60))
        self._script.add(self.staff.oracle, expiry)
