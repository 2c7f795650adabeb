"""InsuranceFundIsNotNegative: it pays what it has and no more ([LIQ-2])."""

from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def insurance_fund_is_not_negative(core: ExchangeCore) -> None:
    """Look at the fund."""
    fund = core.treasury.insurance_e6
    check(fund >= 0, f"the insurance fund is not negative: found {fund} e6")
