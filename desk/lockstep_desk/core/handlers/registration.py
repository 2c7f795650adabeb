"""What there is to trade: venues, accounts, instruments, deployments. Each is added once."""

from lockstep_desk.core.codes import Refusal
from lockstep_desk.core.commands import (
    RegisterAccount,
    RegisterDeployment,
    RegisterInstrument,
    RegisterVenue,
    SetLimits,
)
from lockstep_desk.core.days import begin_day
from lockstep_desk.core.deployments import Deployment, gate_of, limit_set
from lockstep_desk.core.events import (
    AccountRegistered,
    DeploymentRegistered,
    InstrumentRegistered,
    VenueRegistered,
)
from lockstep_desk.core.notes import Events, refuse
from lockstep_desk.core.prices import Market
from lockstep_desk.core.state import Account, DeskCore, Instrument, Venue
from lockstep_desk.errors import InvalidValueError
from lockstep_desk.fund import MANUAL, GateState, LifecycleState
from lockstep_desk.fund import Deployment as Row
from lockstep_desk.ids import SEPARATOR, deployment_id
from lockstep_desk.oms.spec import spec_refusal


def register_venue(core: DeskCore, command: RegisterVenue, events: Events) -> None:
    """Add a venue, whose market data has yet to come."""
    if _is_refused(command, command.venue, command.venue in core.venues, events):
        return
    venue = core.venues[command.venue] = Venue(command.venue)
    core.lost_links += 1
    core.touch(venue)
    events.append(VenueRegistered(command.venue))


def register_account(core: DeskCore, command: RegisterAccount, events: Events) -> None:
    """Add an account, whose snapshot has yet to come."""
    if _is_refused(command, command.account, command.account in core.accounts, events):
        return
    if command.venue not in core.venues:
        refuse(events, command, Refusal.UNKNOWN_VENUE, command.venue)
        return
    account = core.accounts[command.account] = Account(command.account, command.venue)
    core.lost_links += 1
    core.touch(account)
    events.append(AccountRegistered(command.account, command.venue))


def register_instrument(core: DeskCore, command: RegisterInstrument, events: Events) -> None:
    """Add an instrument of a venue that is known."""
    name = command.instrument
    if _is_refused(command, name, name in core.instruments, events):
        return
    if command.venue not in core.venues:
        refuse(events, command, Refusal.UNKNOWN_VENUE, command.venue)
        return
    wrong = spec_refusal(command)
    if wrong is not None:
        refuse(events, command, Refusal.BAD_VALUE, f"{name}: {wrong}")
        return
    instrument = core.instruments[name] = Instrument(command)
    core.markets[name] = Market(name)
    core.touch(instrument)
    events.append(InstrumentRegistered(name, command.venue, command.underlying))


def register_deployment(core: DeskCore, command: RegisterDeployment, events: Events) -> None:
    """Add a deployment in state Paper, with a gate that has counted nothing."""
    try:
        name = deployment_id(command.name, command.version, command.ordinal)
        limits = limit_set(command.limits)
    except InvalidValueError as error:
        refuse(events, command, Refusal.BAD_VALUE, str(error))
        return
    if name in core.deployments:
        refuse(events, command, Refusal.ALREADY_REGISTERED, f"{command.name} ({name})")
        return
    row = Row(
        deployment_id=name,
        name=command.name,
        strategy_id=command.strategy,
        version_id=command.version,
        limits=limits,
        state=LifecycleState.PAPER,
        created_at_ns=core.now_ns,
        updated_at_ns=core.now_ns,
    )
    enter_deployment(core, row, command)
    events.append(DeploymentRegistered(name, command.name, command.strategy, command.version))


def enter_deployment(core: DeskCore, row: Row, command: RegisterDeployment | SetLimits) -> None:
    """Put a new deployment into the core."""
    core.deployment_number += 1
    state = GateState(quantities=_held(core, row.deployment_id))
    gate = gate_of(command.limits, core.mark_e9, state, row.deployment_id)
    deployment = Deployment(row, command.limits, gate, core.deployment_number)
    core.deployments[row.deployment_id] = deployment
    begin_day(core, deployment, core.now_ns)


def _held(core: DeskCore, deployment_id: str) -> tuple[tuple[str, int], ...]:
    """Return what nobody holds by instrument, for the first gate of manual orders."""
    held: dict[str, int] = {}
    for _account, instrument, owner in sorted(core.books) if deployment_id == MANUAL else ():
        if owner == "":
            book = core.books[(_account, instrument, owner)]
            held[instrument] = held.get(instrument, 0) + book.qty_e8
    return tuple(sorted((name, qty) for name, qty in held.items() if qty))


def _is_refused(
    command: RegisterVenue | RegisterAccount | RegisterInstrument,
    name: str,
    is_known: bool,
    events: Events,
) -> bool:
    if not name or SEPARATOR in name:
        what = f"expected a name that is not empty and without {SEPARATOR!r}, found {name!r}"
        refuse(events, command, Refusal.BAD_VALUE, what)
        return True
    if is_known:
        refuse(events, command, Refusal.ALREADY_REGISTERED, name)
    return is_known
