"""ExposureStaysBounded: no account can come to hold more than [NUM-4] allows, as it is kept."""

from lockstep_engine.money.exposure import EXPOSURE_MAX_E6, exposure_e6
from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import check


def exposure_stays_bounded(core: ExchangeCore) -> None:
    """Add up the exposure of every account; what is kept is that or more."""
    for account in core.accounts.values():
        exposure, kept = exposure_e6(account), account.exposure_e6
        check(
            exposure <= min(kept, EXPOSURE_MAX_E6),
            f"exposure of account {account.account}: {exposure} e6, kept as {kept} e6, "
            f"at most {EXPOSURE_MAX_E6} e6",
        )
