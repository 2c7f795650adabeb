"""All contracts, by subsystem. A new subsystem is a module with CONTRACTS, and a line here."""

from tests.proofs import (
    blocks,
    cash,
    closing,
    fees,
    liquidation,
    mmp,
    portfolio,
    position,
    reserves,
    rounding,
    settlement,
    spread,
    standard,
)
from tests.proofs.contract import Contract

MODULES = (
    *(rounding, position, cash, fees, reserves, mmp),
    *(standard, spread, portfolio),
    *(settlement, closing, liquidation, blocks),
)

CONTRACTS: tuple[Contract, ...] = tuple(
    contract for module in MODULES for contract in module.CONTRACTS
)


def find(name: str) -> Contract:
    """Return the contract of that name."""
    (found,) = [contract for contract in CONTRACTS if contract.name == name]
    return found
