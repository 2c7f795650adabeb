"""Builds an exchange from nothing: genesis, staff, instruments, accounts with money.

Everything is made of ordinary commands, so a journal holds its whole set-up.
"""

import msgspec

from lockstep_engine.codes import Role
from lockstep_engine.commands import (
    CreateInstrument,
    CreateUnderlying,
    Deposit,
    ExchangeParams,
    GrantRole,
    OpenAccount,
    TradingLimits,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_kernel import Genesis
from lockstep_runtime.signing import Script, Signer

MACHINE = "exchange"
RULES_VERSION = 1
_VALUE_LIMIT = 2**56
_UNITS = 10**16


class Staff:
    """The operator's keys: the root that grants, and one key for each role."""

    def __init__(self, name: str) -> None:
        self.root = Signer(f"{name} root")
        self.admin = Signer(f"{name} admin")
        self.oracle = Signer(f"{name} oracle")
        self.treasury = Signer(f"{name} treasury")
        self.risk = Signer(f"{name} risk")

    def genesis(self, start_ns: int, digest_every: int = 1) -> Genesis:
        """Return the genesis of an exchange that this root operates, with the usual limits."""
        return genesis_of(ExchangeParams(self.root.key, start_ns), digest_every)

    def grant(self, script: Script) -> None:
        """Write the commands that give each key its role."""
        staff = (
            (self.admin, Role.ADMIN),
            (self.oracle, Role.ORACLE),
            (self.treasury, Role.TREASURY),
            (self.risk, Role.RISK),
        )
        for signer, role in staff:
            script.add(self.root, GrantRole(signer.key, int(role)))


class Contract(msgspec.Struct, frozen=True):
    """The units of an instrument: how much a tick, a lot and a contract are."""

    tick_e6: int
    lot_e8: int
    contract_size_e8: int = 100_000_000

    @property
    def value_e6(self) -> int:
        """The value of one tick times one lot, in micro-dollars."""
        return self.tick_e6 * self.lot_e8 * self.contract_size_e8 // _UNITS


class Listing(msgspec.Struct, frozen=True):
    """A perpetual to list, and its first mark, which is the first index too."""

    instrument: int
    underlying: str
    contract: Contract
    mark_e6: int
    max_price_ticks: int = 1_000_000
    allows_self_trade: bool = False


def genesis_of(params: ExchangeParams, digest_every: int = 1) -> Genesis:
    """Return the genesis with these parameters."""
    return Genesis(MACHINE, RULES_VERSION, digest_every, msgspec.msgpack.encode(params))


def widest_limits(contract: Contract, max_price_ticks: int) -> TradingLimits:
    """Return limits as wide as [INS-3] allows for prices up to a maximum."""
    max_lots = _VALUE_LIMIT // (max_price_ticks * contract.value_e6)
    return TradingLimits(
        max_price_ticks=max_price_ticks,
        max_order_lots=max_lots,
        max_position_lots=max_lots,
        max_open_orders=1_000_000,
    )


def list_perpetual(script: Script, staff: Staff, listing: Listing) -> None:
    """Write the commands that create an underlying and its perpetual, with index and mark."""
    contract, underlying = listing.contract, listing.underlying
    max_index_price_e6 = listing.max_price_ticks * contract.tick_e6
    script.add(staff.admin, CreateUnderlying(underlying, max_index_price_e6))
    script.add(
        staff.admin,
        CreateInstrument(
            listing.instrument,
            f"{underlying}-PERP",
            contract.tick_e6,
            contract.lot_e8,
            contract.contract_size_e8,
            widest_limits(contract, listing.max_price_ticks),
            listing.allows_self_trade,
        ),
    )
    script.add(staff.oracle, UpdateIndexPrice(underlying, listing.mark_e6))
    script.add(staff.oracle, UpdateMarkPrice(listing.instrument, listing.mark_e6))


def open_account(script: Script, staff: Staff, trader: Signer, deposit_e6: int) -> None:
    """Write the commands that open a trader's account and put money into it."""
    script.add(staff.admin, OpenAccount(trader.account, trader.key))
    script.add(staff.treasury, Deposit(trader.account, deposit_e6))
