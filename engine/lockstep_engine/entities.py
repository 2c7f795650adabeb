"""The entities that stand alone: fees, treasury, roles, nonces, requests, agents, underlyings with
their margin models, marks and surfaces.

What has to do with expiry and funding stands in `lifecycle.entities`.
"""

import struct
from bisect import bisect_left
from typing import Final

from msgspec.structs import astuple

from lockstep_engine.codes import EntityKind
from lockstep_engine.commands import MarginRates, PortfolioModel
from lockstep_engine.risk.shapes import Grid
from lockstep_kernel.entity import Entity, Record

_NONCE: Final = struct.Struct("<q")
_NONCE_BYTES: Final = 8
_AGENT: Final = int(EntityKind.AGENT)
_ROLE: Final = int(EntityKind.ROLE)
_NONCES: Final = int(EntityKind.NONCES)
_REQUEST: Final = int(EntityKind.REQUEST)
_UNDERLYING: Final = int(EntityKind.UNDERLYING)
_FEE_SCHEDULE: Final = int(EntityKind.FEE_SCHEDULE)
_TREASURY: Final = int(EntityKind.TREASURY)
_MARK: Final = int(EntityKind.MARK)
_SURFACE: Final = int(EntityKind.SURFACE)
_PORTFOLIO_MODEL: Final = int(EntityKind.PORTFOLIO_MODEL)
_NEVER_NS: Final = -1


FeeRates = tuple[int, int, int, int, int, int, int, int, int, int]
"""The rates of a fee tier in the order of SetFeeSchedule."""


class FeeSchedule(Entity):
    """The rates of one fee tier."""

    __slots__ = (
        "block_e9",
        "builder_share_bps",
        "future_maker_e9",
        "future_taker_e9",
        "liquidation_e9",
        "option_cap_e9",
        "option_maker_e9",
        "option_taker_e9",
        "settlement_cap_e9",
        "settlement_e9",
        "tier",
    )

    def __init__(self, tier: int, rates: FeeRates) -> None:
        super().__init__()
        self.tier = tier
        self.set(rates)

    def set(self, rates: FeeRates) -> None:
        """Replace all rates, in the order of the record."""
        self.future_maker_e9 = rates[0]
        self.future_taker_e9 = rates[1]
        self.option_maker_e9 = rates[2]
        self.option_taker_e9 = rates[3]
        self.option_cap_e9 = rates[4]
        self.builder_share_bps = rates[5]
        self.settlement_e9 = rates[6]
        self.settlement_cap_e9 = rates[7]
        self.liquidation_e9 = rates[8]
        self.block_e9 = rates[9]

    def record(self) -> Record | None:
        return (
            _FEE_SCHEDULE,
            self.tier,
            self.future_maker_e9,
            self.future_taker_e9,
            self.option_maker_e9,
            self.option_taker_e9,
            self.option_cap_e9,
            self.builder_share_bps,
            self.settlement_e9,
            self.settlement_cap_e9,
            self.liquidation_e9,
            self.block_e9,
        )


class Treasury(Entity):
    """The exchange's own fees, the net of all deposits, and the insurance fund (never below 0)."""

    __slots__ = ("fees_e6", "insurance_e6", "net_deposits_e6")

    def __init__(self) -> None:
        super().__init__()
        self.fees_e6 = 0
        self.net_deposits_e6 = 0
        self.insurance_e6 = 0

    def record(self) -> Record | None:
        if self.fees_e6 == 0 and self.net_deposits_e6 == 0 and self.insurance_e6 == 0:
            return None
        return (_TREASURY, 0, self.fees_e6, self.net_deposits_e6, self.insurance_e6)


class RoleGrant(Entity):
    """The roles of one key; 0 is absent."""

    __slots__ = ("key", "roles")

    def __init__(self, key: bytes, roles: int) -> None:
        super().__init__()
        self.key = key
        self.roles = roles

    def record(self) -> Record | None:
        return (_ROLE, self.key, self.roles) if self.roles else None


class NonceSet(Entity):
    """The nonces that one signer may not use again: all up to `floor`, and those in `packed`.

    Invariants: `packed` holds signed 64-bit little-endian integers that rise strictly and stand
    above `floor`; `highest` is the last of them, or `floor` if there is none; `floor` never falls.
    """

    __slots__ = ("floor", "highest", "packed", "signer")

    def __init__(self, signer: bytes, floor: int, packed: bytes) -> None:
        super().__init__()
        self.signer = signer
        self.floor = floor
        self.packed = packed
        self.highest = int.from_bytes(packed[-8:], "little") if packed else floor

    def add(self, nonce: int, capacity: int) -> None:
        """Enter a nonce; above capacity drop the smallest, the new floor. O(capacity).

        The second nonce of a block may lie below the floor that the first one raised: it is
        dropped at once, and the floor stays.
        """
        packed, entry = self.packed, nonce.to_bytes(_NONCE_BYTES, "little")
        if nonce > self.highest:
            packed += entry
            self.highest = nonce
        else:
            place = _NONCE_BYTES * bisect_left(self.live(), nonce)
            packed = packed[:place] + entry + packed[place:]
        if len(packed) > _NONCE_BYTES * capacity:
            dropped = int.from_bytes(packed[:_NONCE_BYTES], "little")
            if dropped > self.floor:
                self.floor = dropped
            packed = packed[_NONCE_BYTES:]
        self.packed = packed

    def has(self, nonce: int) -> bool:
        """Return whether the nonce is in the set. O(capacity)."""
        return nonce in self.live()

    def live(self) -> list[int]:
        """Return the nonces in the set, rising."""
        return [nonce for (nonce,) in _NONCE.iter_unpack(self.packed)]

    def record(self) -> Record | None:
        return (_NONCES, self.signer, self.floor, self.packed)


class Request(Entity):
    """A remembered request of an account with its first outcome."""

    __slots__ = ("account", "code", "is_live", "number", "order_id", "payload_hash", "request_id")

    def __init__(
        self,
        account: int,
        request_id: bytes,
        payload_hash: int,
        code: int,
        order_id: int,
        number: int,
    ) -> None:
        super().__init__()
        self.account = account
        self.request_id = request_id
        self.payload_hash = payload_hash
        self.code = code
        self.order_id = order_id
        self.number = number
        self.is_live = True

    def record(self) -> Record | None:
        if not self.is_live:
            return None
        key = (self.account, self.request_id)
        return (_REQUEST, key, self.payload_hash, self.code, self.order_id, self.number)


class Agent(Entity):
    """A key that may trade for an account."""

    __slots__ = ("account", "is_live", "key")

    def __init__(self, account: int, key: bytes) -> None:
        super().__init__()
        self.account = account
        self.key = key
        self.is_live = True

    def record(self) -> Record | None:
        return (_AGENT, (self.account, self.key)) if self.is_live else None


class Underlying(Entity):
    """An underlying with its index, its margin rates and (an entity of its own) its margin model.

    Derived: `version` rises with every change that instruments compute with.
    """

    __slots__ = (
        "addon_bps",
        "addon_size_e8",
        "expiry_time_s",
        "future_initial_e9",
        "future_maintenance_e9",
        "index_price_e6",
        "max_index_price_e6",
        "min_samples",
        "model",
        "name",
        "option_floor_e9",
        "option_initial_e9",
        "option_maintenance_e9",
        "penalty_bps",
        "put_mark_e9",
        "version",
    )

    def __init__(
        self, name: str, max_index_price_e6: int, expiry_time_s: int, min_samples: int
    ) -> None:
        super().__init__()
        self.name = name
        self.max_index_price_e6 = max_index_price_e6
        self.expiry_time_s = expiry_time_s
        self.min_samples = min_samples
        self.index_price_e6 = 0
        self.model: UnderlyingModel | None = None
        self.version = 1
        self.set_rates(MarginRates())

    def set_rates(self, rates: MarginRates) -> None:
        """Replace the rates of standard margin."""
        self.future_initial_e9 = rates.future_initial_e9
        self.future_maintenance_e9 = rates.future_maintenance_e9
        self.addon_bps = rates.addon_bps
        self.addon_size_e8 = rates.addon_size_e8
        self.option_initial_e9 = rates.option_initial_e9
        self.option_floor_e9 = rates.option_floor_e9
        self.option_maintenance_e9 = rates.option_maintenance_e9
        self.put_mark_e9 = rates.put_mark_e9
        self.penalty_bps = rates.penalty_bps

    def record(self) -> Record | None:
        return (
            _UNDERLYING,
            self.name,
            self.max_index_price_e6,
            self.expiry_time_s,
            self.min_samples,
            self.index_price_e6,
            self.future_initial_e9,
            self.future_maintenance_e9,
            self.addon_bps,
            self.addon_size_e8,
            self.option_initial_e9,
            self.option_floor_e9,
            self.option_maintenance_e9,
            self.put_mark_e9,
            self.penalty_bps,
        )


class UnderlyingModel(Entity):
    """The portfolio margin of an underlying. Derived: `grid`, the model made ready."""

    __slots__ = ("grid", "model", "underlying")

    def __init__(self, underlying: str, model: PortfolioModel) -> None:
        super().__init__()
        self.underlying = underlying
        self.set(model)

    def set(self, model: PortfolioModel) -> None:
        """Replace the model."""
        self.model = model
        self.grid = Grid(model)

    def record(self) -> Record | None:
        scenarios, *numbers = astuple(self.model)
        rows = tuple([astuple(scenario) for scenario in scenarios])
        return (_PORTFOLIO_MODEL, self.underlying, rows, *numbers)


class Mark(Entity):
    """The mark of one instrument and its greeks per unit of underlying; absent if never marked.

    Invariant: `marked_ns` is -1 until the first mark, else the time of the command that set it. A
    price may be 0: an option far out of the money is worth nothing.
    """

    __slots__ = (
        "delta_e9",
        "gamma_e9",
        "instrument",
        "marked_ns",
        "price_e6",
        "theta_e9",
        "vega_e9",
    )

    def __init__(self, instrument: int) -> None:
        super().__init__()
        self.instrument = instrument
        self.price_e6 = 0
        self.marked_ns = _NEVER_NS
        self.delta_e9 = 0
        self.gamma_e9 = 0
        self.vega_e9 = 0
        self.theta_e9 = 0

    def record(self) -> Record | None:
        if self.marked_ns < 0:
            return None
        return (
            _MARK,
            self.instrument,
            self.price_e6,
            self.marked_ns,
            self.delta_e9,
            self.gamma_e9,
            self.vega_e9,
            self.theta_e9,
        )


class Surface(Entity):
    """The forward and the volatilities of one expiry of an underlying.

    `points` holds (strike_e6, vol_e9) with strikes that rise strictly; derived: `strikes`, them.
    """

    __slots__ = ("expiry_ns", "forward_e6", "is_live", "points", "strikes", "underlying")

    def __init__(self, underlying: str, expiry_ns: int) -> None:
        super().__init__()
        self.underlying = underlying
        self.expiry_ns = expiry_ns
        self.forward_e6 = 0
        self.points: tuple[tuple[int, int], ...] = ()
        self.strikes: list[int] = []
        self.is_live = True

    def set(self, forward_e6: int, points: tuple[tuple[int, int], ...]) -> None:
        """Replace the forward and all points."""
        self.forward_e6 = forward_e6
        self.points = points
        self.strikes = [strike for strike, _vol in points]

    def record(self) -> Record | None:
        if not self.is_live:
            return None
        key = (self.underlying, self.expiry_ns)
        return (_SURFACE, key, self.forward_e6, self.points)
