"""A venue of options on one underlying: its instruments, its surfaces, and what an option is worth.

Strikes lie a thousand dollars apart around the first index, expiries ever further apart from two
days on; each strike of each expiry has a call and a put, and a perpetual serves as hedge. Whole
numbers only. It follows the prices that it wrote into commands, never the exchange's events.
"""

from datetime import UTC, datetime

from lockstep_engine.commands import (
    CreateInstrument,
    CreateUnderlying,
    SetPortfolioModel,
    TradingLimits,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
)
from lockstep_engine.risk.detmath import black76
from lockstep_runtime.presets import load_preset
from lockstep_runtime.signing import Script
from lockstep_runtime.venue import Contract, Staff

UNDERLYING = "BTC"
MODEL = "deribit9x3"
PERPETUAL = 1
START_NS = 1_717_200_000_000_000_000  # 2024-06-01 00:00 UTC
FIRST_INDEX_E6 = 60_000_000_000
FIRST_VOL_E9 = 600_000_000
STRIKE_STEP = 1_000
OPTION_CONTRACT = Contract(tick_e6=5_000_000, lot_e8=1_000_000)
PERPETUAL_CONTRACT = Contract(tick_e6=500_000, lot_e8=1_000_000)

_MAX_INDEX_E6 = 10**12
_EXPIRY_TIME_S = 28_800
_DAY_S, _NS_PER_S = 86_400, 10**9
_SMILE_E9 = 2_000_000
_E6, _E9 = 10**6, 10**9


class OptionsVenue:
    """So many expiries and strikes, the index, and of each surface what its calls are worth."""

    def __init__(self, expiries: int, strikes: int) -> None:
        first = FIRST_INDEX_E6 // _E6 - strikes // 2 * STRIKE_STEP
        self.strikes = [first + number * STRIKE_STEP for number in range(strikes)]
        self.expiries_ns = [_expiry_ns(number) for number in range(expiries)]
        self.index_e6 = FIRST_INDEX_E6
        self._forwards_e6 = [0] * expiries
        self._points: list[tuple[tuple[int, int], ...]] = [()] * expiries
        self._calls: list[list[tuple[int, int]]] = [[]] * expiries

    @property
    def options(self) -> int:
        """How many options are listed."""
        return 2 * len(self.expiries_ns) * len(self.strikes)

    def option(self, expiry: int, strike: int, is_put: bool) -> int:
        """Return the identifier of an option; expiry and strike count from 0."""
        return PERPETUAL + 1 + 2 * (expiry * len(self.strikes) + strike) + is_put

    def place_of(self, option: int) -> tuple[int, int, bool]:
        """Return expiry, strike and whether it is a put of an option's identifier."""
        pair, is_put = divmod(option - PERPETUAL - 1, 2)
        expiry, strike = divmod(pair, len(self.strikes))
        return expiry, strike, bool(is_put)

    def list_all(self, script: Script, staff: Staff) -> None:
        """Write the commands that list everything, with model, index, mark and surfaces."""
        admin, oracle = staff.admin, staff.oracle
        script.add(admin, CreateUnderlying(UNDERLYING, _MAX_INDEX_E6, _EXPIRY_TIME_S))
        script.add(admin, SetPortfolioModel(UNDERLYING, load_preset(MODEL).model))
        script.add(admin, _creation(PERPETUAL, f"{UNDERLYING}-PERP", PERPETUAL_CONTRACT))
        for expiry, expiry_ns in enumerate(self.expiries_ns):
            date = datetime.fromtimestamp(expiry_ns // _NS_PER_S, UTC).strftime("%Y%m%d")
            for number, strike in enumerate(self.strikes):
                for is_put in (False, True):
                    symbol = f"{UNDERLYING}-{date}-{strike}-{'P' if is_put else 'C'}"
                    option = self.option(expiry, number, is_put)
                    script.add(admin, _creation(option, symbol, OPTION_CONTRACT))
        script.add(oracle, UpdateIndexPrice(UNDERLYING, self.index_e6))
        script.add(oracle, self.perpetual_mark())
        for expiry in range(len(self.expiries_ns)):
            script.add(oracle, self.surface(expiry, FIRST_VOL_E9, script.now_ns))

    def perpetual_mark(self) -> UpdateMarkPrice:
        """Return the command that marks the perpetual at the index."""
        return UpdateMarkPrice(PERPETUAL, self.index_e6)

    def surface(self, expiry: int, vol_e9: int, now_ns: int) -> UpdateVolSurface:
        """Return a surface at the index: a point per strike, rising to both sides; values follow.

        The forward lies above the index by a hundredth of a percent per expiry.
        """
        forward = self.index_e6 + self.index_e6 * expiry // 10_000
        middle = len(self.strikes) // 2
        points: list[tuple[int, int]] = []
        calls: list[tuple[int, int]] = []
        for number, dollars in enumerate(self.strikes):
            strike, vol = dollars * _E6, vol_e9 + abs(number - middle) * _SMILE_E9
            points.append((strike, vol))
            values = black76(True, forward, strike, self.expiries_ns[expiry] - now_ns, vol)
            calls.append(values[:2])
        self._forwards_e6[expiry] = forward
        self._points[expiry] = tuple(points)
        self._calls[expiry] = calls
        return UpdateVolSurface(UNDERLYING, self.expiries_ns[expiry], forward, tuple(points))

    def inputs_of(self, option: int, now_ns: int) -> tuple[bool, int, int, int, int]:
        """Return what `black76` takes to value an option at its surface."""
        expiry, strike, is_put = self.place_of(option)
        to_expiry_ns = self.expiries_ns[expiry] - now_ns
        strike_e6, vol_e9 = self._points[expiry][strike]
        return not is_put, self._forwards_e6[expiry], strike_e6, to_expiry_ns, vol_e9

    def fair_ticks(self, option: int) -> int:
        """Return what an option is worth: its last mark, moved with the index by its delta."""
        expiry, strike, is_put = self.place_of(option)
        forward = self._forwards_e6[expiry]
        price, delta = self._calls[expiry][strike]
        if is_put:
            price, delta = price - forward + self.strikes[strike] * _E6, delta - _E9
        moved = self.index_e6 + self.index_e6 * expiry // 10_000 - forward
        return (price + delta * moved // _E9) // OPTION_CONTRACT.tick_e6


def _expiry_ns(number: int) -> int:
    """Return the time of an expiry: after 2, 4, 8, 14, 22, ... days."""
    days = 2 + number + number * number
    return START_NS + (days * _DAY_S + _EXPIRY_TIME_S) * _NS_PER_S


def _creation(instrument: int, symbol: str, contract: Contract) -> CreateInstrument:
    limits = TradingLimits(
        max_price_ticks=_MAX_INDEX_E6 // contract.tick_e6, max_position_lots=1_000_000
    )
    return CreateInstrument(
        *(instrument, symbol, contract.tick_e6, contract.lot_e8, contract.contract_size_e8),
        limits,
    )
