"""The naive exchange as a machine of the kernel.

`step` is the order of docs/rules.md: clock, timers, authority, repeat, nonce, action, books.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never, get_args

import msgspec

from lockstep_engine.codes import Code
from lockstep_engine.commands import (
    ActivateRules,
    AdvanceTime,
    AuthorizeAgent,
    Batch,
    Command,
    CreateInstrument,
    CreateUnderlying,
    DeleteMmpConfig,
    Deposit,
    ExchangeParams,
    ExecuteBlock,
    FundInsurance,
    GrantRole,
    Liquidate,
    MassQuote,
    MmpAction,
    MoneyAction,
    OpenAccount,
    OperatorAction,
    OrderAction,
    ResetMmp,
    RevokeAgent,
    RevokeRole,
    SetFeeSchedule,
    SetFeeTier,
    SetInstrumentStatus,
    SetMarginMode,
    SetMarginModel,
    SetMmpConfig,
    SetPortfolioModel,
    SetSettlementPrice,
    SettleExpiry,
    SetTradingLimits,
    Transfer,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
    UpdateVolSurface,
    Withdraw,
)
from lockstep_engine.events import CommandRejected, DuplicateRequest, Event
from lockstep_kernel import Codec, Core, InvariantError, MalformedCommand, Record
from lockstep_naive.access import (
    authorize_agent,
    burn_nonce,
    burn_nonces,
    check_authority,
    check_nonce,
    check_nonces,
    payload_hash,
    remember,
    remembered,
    revoke_agent,
    tag_of,
)
from lockstep_naive.blocks import execute_block
from lockstep_naive.book import report_books
from lockstep_naive.cash import deposit, fund_insurance, transfer, withdraw
from lockstep_naive.core import DONE, Clocks, NaiveCore, Outcome, Refusal, unpacked_clocks
from lockstep_naive.funding import update_funding_rate
from lockstep_naive.invariants import check_all
from lockstep_naive.liquidation import liquidate
from lockstep_naive.marks import (
    advance_time,
    update_index_price,
    update_mark_price,
    update_vol_surface,
)
from lockstep_naive.mmp import delete_mmp_config, reset_mmp, set_mmp_config
from lockstep_naive.models import set_margin_mode, set_margin_model, set_portfolio_model
from lockstep_naive.operators import (
    DEFAULT_FEES,
    activate_rules,
    create_instrument,
    create_underlying,
    grant_role,
    open_account,
    revoke_role,
    set_fee_schedule,
    set_fee_tier,
    set_instrument_status,
    set_trading_limits,
)
from lockstep_naive.orders import perform_batch, perform_order_action
from lockstep_naive.quotes import perform_mass_quote
from lockstep_naive.rows import Request
from lockstep_naive.settlement import set_settlement_price, settle_expiry
from lockstep_naive.timers import run_timers

_PARAMS = Codec((ExchangeParams,), (ExchangeParams,))
_COMMANDS = Codec((Command,), get_args(Event))
_BOUNDS = {
    "start_ns": (0, 2**62 - 1),
    "max_step_ns": (1, 2**60),
    "max_total_deposits_e6": (1, 2**60),
    "nonce_past_ms": (0, 10**12),
    "nonce_future_ms": (0, 10**12),
    "max_mark_age_ns": (0, 2**60),
    "nonce_capacity": (1, 1_000),
    "request_capacity": (1, 10_000),
}


class NaiveExchange:
    """The machine `exchange`, rules version 1, written for clarity."""

    name = "exchange"
    rules_versions = range(1, 2)
    codec = _COMMANDS

    def genesis(self, rules_version: int, params: bytes) -> NaiveCore:
        """Build the first state; raise `MalformedCommand` for bad parameters ([GEN-1])."""
        decoded = _decoded_params(params)
        core = NaiveCore(decoded, Clocks(decoded.start_ns, rules_version))
        core.fee_schedules.put(DEFAULT_FEES)
        return core

    def step(self, core: Core, ts_ns: int, command: msgspec.Struct) -> Sequence[msgspec.Struct]:
        """Change the state by one command and return the events; never raises for a command."""
        state, asked = _own(core), _command(command)
        refusal = _check_clock(state, ts_ns, asked)
        if refusal is not None:
            _reject(state, asked, refusal)
        else:
            since_ns = state.now_ns
            state.time = state.time._replace(now_ns=ts_ns)
            run_timers(state, since_ns)
            _answer(state, ts_ns, asked)
            report_books(state)
        events, state.events, state.orders_before = state.events, [], {}
        return events

    def entities(self, core: Core) -> Iterable[Record]:
        """Yield the records of all tables."""
        return _own(core).records()

    def restore(self, params: bytes, clocks: bytes, records: Iterable[Record]) -> NaiveCore:
        """Build a state from dumped records."""
        core = NaiveCore(_decoded_params(params), unpacked_clocks(clocks))
        core.restore(records)
        return core

    def verify(self, core: Core) -> None:
        """Raise `InvariantError` if an invariant does not hold."""
        check_all(_own(core))

    def rules_required(self, command: msgspec.Struct) -> int:
        """Return the rules version that a command would activate, 0 for every other command."""
        action = _command(command).action
        return max(0, action.rules_version) if isinstance(action, ActivateRules) else 0


MACHINE = NaiveExchange()


def _own(core: Core) -> NaiveCore:
    if not isinstance(core, NaiveCore):
        raise InvariantError(f"expected a NaiveCore, found {type(core).__name__}")
    return core


def _command(command: msgspec.Struct) -> Command:
    if not isinstance(command, Command):
        raise InvariantError(f"expected a Command, found {type(command).__name__}")
    return command


def _decoded_params(params: bytes) -> ExchangeParams:
    decoded = _PARAMS.decode(0, params).command
    if not isinstance(decoded, ExchangeParams):
        raise InvariantError(f"expected ExchangeParams, found {type(decoded).__name__}")
    values: dict[str, int] = {name: getattr(decoded, name) for name in _BOUNDS}
    for name, (low, high) in _BOUNDS.items():
        if not low <= values[name] <= high:
            raise MalformedCommand(f"expected {name} in [{low}, {high}], found {values[name]}")
    return decoded


def _check_clock(core: NaiveCore, ts_ns: int, command: Command) -> Refusal:
    """[TIM-1]."""
    if ts_ns < core.now_ns:
        return Code.TIME_REGRESSION
    if ts_ns <= core.now_ns + core.params.max_step_ns:
        return None
    may_step_further = (
        isinstance(command.action, AdvanceTime)
        and check_authority(core, command) is None
        and remembered(core, command) is None
        and check_nonces(core, ts_ns, command) is None
    )
    return None if may_step_further else Code.CLOCK_STEP


def _answer(core: NaiveCore, ts_ns: int, command: Command) -> None:
    """Check authority, repeat and nonce; then do the action, or say why not."""
    refusal = check_authority(core, command)
    if refusal is not None:
        _reject(core, command, refusal)
        return
    first = remembered(core, command)
    if first is not None:
        _answer_repeat(core, ts_ns, command, first)
        return
    refusal = check_nonces(core, ts_ns, command)
    if refusal is not None:
        _reject(core, command, refusal)
        return
    burn_nonces(core, command)
    remember(core, command, _perform(core, command))


def _answer_repeat(core: NaiveCore, ts_ns: int, command: Command, first: Request) -> None:
    """Answer as the first time, or say that it was another request ([NON-1])."""
    if first.payload_hash != payload_hash(command):
        _reject(core, command, Code.REQUEST_ID_CONFLICT)
        return
    if check_nonce(core, ts_ns, command.signer, command.nonce) is None:
        burn_nonce(core, command.signer, command.nonce)
    code, order_id = first.code, first.order_id
    core.emit(DuplicateRequest(command.account, command.request_id, code, order_id))


def _perform(core: NaiveCore, command: Command) -> Outcome:
    """Do the action and return the outcome, with a refusal among the events ([EVT-1])."""
    account, action = command.account, command.action
    if isinstance(action, OrderAction):
        return perform_order_action(core, account, action)
    if isinstance(action, OperatorAction):
        refusal = _perform_operator_action(core, action)
    else:
        refusal = _perform_account_action(core, account, action)
    if refusal is None:
        return DONE
    _reject(core, command, refusal)
    return Outcome(refusal, 0)


def _perform_account_action(
    core: NaiveCore,
    account: int,
    action: MoneyAction | MassQuote | Batch | MmpAction | ExecuteBlock,
) -> Refusal:
    match action:
        case Withdraw():
            return withdraw(core, account, action)
        case Transfer():
            return transfer(core, account, action)
        case AuthorizeAgent():
            return authorize_agent(core, account, action)
        case RevokeAgent():
            return revoke_agent(core, account, action)
        case SetMarginMode():
            return set_margin_mode(core, account, action)
        case MassQuote():
            return perform_mass_quote(core, account, action)
        case Batch():
            return perform_batch(core, account, action)
        case SetMmpConfig():
            return set_mmp_config(core, account, action)
        case DeleteMmpConfig():
            return delete_mmp_config(core, account, action)
        case ResetMmp():
            return reset_mmp(core, account, action)
        case ExecuteBlock():
            return execute_block(core, account, action)
        case _:
            assert_never(action)


def _perform_operator_action(core: NaiveCore, action: OperatorAction) -> Refusal:
    match action:
        case CreateUnderlying():
            return create_underlying(core, action)
        case CreateInstrument():
            return create_instrument(core, action)
        case SetInstrumentStatus():
            return set_instrument_status(core, action)
        case SetTradingLimits():
            return set_trading_limits(core, action)
        case SetFeeSchedule():
            return set_fee_schedule(core, action)
        case SetFeeTier():
            return set_fee_tier(core, action)
        case SetMarginModel():
            return set_margin_model(core, action)
        case SetPortfolioModel():
            return set_portfolio_model(core, action)
        case GrantRole():
            return grant_role(core, action)
        case RevokeRole():
            return revoke_role(core, action)
        case ActivateRules():
            return activate_rules(core, action)
        case AdvanceTime():
            return advance_time(core)
        case OpenAccount():
            return open_account(core, action)
        case Deposit():
            return deposit(core, action)
        case UpdateIndexPrice():
            return update_index_price(core, action)
        case UpdateMarkPrice():
            return update_mark_price(core, action)
        case UpdateVolSurface():
            return update_vol_surface(core, action)
        case UpdateFundingRate():
            return update_funding_rate(core, action)
        case SetSettlementPrice():
            return set_settlement_price(core, action)
        case SettleExpiry():
            return settle_expiry(core, action)
        case FundInsurance():
            return fund_insurance(core, action)
        case Liquidate():
            return liquidate(core, action)
        case _:
            assert_never(action)


def _reject(core: NaiveCore, command: Command, code: Code) -> None:
    core.emit(
        CommandRejected(command.signer, command.nonce, command.account, tag_of(command), code)
    )
