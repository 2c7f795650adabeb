"""Which orders and positions a filter matches ([DESK-11])."""

from lockstep_desk.core.codes import Refusal, Scope
from lockstep_desk.core.commands import Filter
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import MANUAL


def filter_refusal(core: DeskCore, wanted: Filter) -> tuple[Refusal, str] | None:
    """Return what is wrong with a filter: a name that is not known matches nothing by mistake."""
    if wanted.scope is Scope.ALL:
        if wanted.keys:
            return Refusal.BAD_VALUE, f"expected no keys with ALL, found {len(wanted.keys)}"
        return None
    if not wanted.keys:
        return Refusal.BAD_VALUE, f"expected keys with {wanted.scope.name}, found none"
    for key in wanted.keys:
        if not _is_known(core, wanted.scope, key):
            return _UNKNOWN[wanted.scope], key
    return None


def matches(core: DeskCore, wanted: Filter, account: str, instrument: str, deployment: str) -> bool:
    """Return whether a filter matches an order or a holding; `deployment` "" is nobody."""
    spec = core.instruments[instrument].spec
    match wanted.scope:
        case Scope.ALL:
            return True
        case Scope.VENUES:
            return spec.venue in wanted.keys
        case Scope.INSTRUMENTS:
            return instrument in wanted.keys
        case Scope.UNDERLYINGS:
            return spec.underlying in wanted.keys
        case Scope.DEPLOYMENTS:
            return (deployment or MANUAL) in wanted.keys
        case Scope.ACCOUNTS:
            return account in wanted.keys


_UNKNOWN = {
    Scope.VENUES: Refusal.UNKNOWN_VENUE,
    Scope.INSTRUMENTS: Refusal.UNKNOWN_INSTRUMENT,
    Scope.UNDERLYINGS: Refusal.UNKNOWN_UNDERLYING,
    Scope.DEPLOYMENTS: Refusal.UNKNOWN_DEPLOYMENT,
    Scope.ACCOUNTS: Refusal.UNKNOWN_ACCOUNT,
}


def _is_known(core: DeskCore, scope: Scope, key: str) -> bool:
    match scope:
        case Scope.ALL:
            return False
        case Scope.VENUES:
            return key in core.venues
        case Scope.INSTRUMENTS:
            return key in core.instruments
        case Scope.UNDERLYINGS:
            return any(one.spec.underlying == key for one in core.instruments.values())
        case Scope.DEPLOYMENTS:
            return key in core.deployments or key == MANUAL
        case Scope.ACCOUNTS:
            return key in core.accounts
