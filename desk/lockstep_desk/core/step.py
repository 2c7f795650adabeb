"""One command: count, clock, end, then what it asks for, in this order ([DESK-04]).

`step` is total: whatever a well-formed command says, the answer is events. What strategies do after
an event comes as a command of its own: here nobody is asked for anything.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from lockstep_desk.core import commands
from lockstep_desk.core.codes import Refusal
from lockstep_desk.core.days import follow_day
from lockstep_desk.core.equity import follow_equity, set_account_limits
from lockstep_desk.core.handlers import (
    account,
    broker,
    exits,
    intents,
    market,
    operator,
    registration,
)
from lockstep_desk.core.notes import Events, refuse
from lockstep_desk.core.state import DeskCore

Handler = Callable[[DeskCore, Any, Events], None]
"""Each takes the one command type under which it stands below."""

HANDLERS: Final[dict[type[msgspec.Struct], Handler]] = {
    commands.RegisterVenue: registration.register_venue,
    commands.RegisterAccount: registration.register_account,
    commands.RegisterInstrument: registration.register_instrument,
    commands.RegisterDeployment: registration.register_deployment,
    commands.RecordTrade: market.record_trade,
    commands.RecordL1: market.record_l1,
    commands.RecordCandle: market.record_candle,
    commands.RecordMarketDisconnect: market.record_market_disconnect,
    commands.ReplaceAccount: account.replace_account,
    commands.RecordBalance: account.record_balance,
    commands.RecordOrder: account.record_order,
    commands.RecordCancelResponse: account.record_cancel_response,
    commands.RecordFill: account.record_fill,
    commands.RecordFee: account.record_fee,
    commands.RecordFunding: account.record_funding,
    commands.RecordAccountDisconnect: account.record_account_disconnect,
    commands.SettleOrder: account.settle_order,
    commands.SendOpenRequests: operator.send_open_requests,
    commands.SendCancelRequests: operator.send_cancel_requests,
    commands.ClosePositions: operator.close_positions,
    commands.CancelOrders: operator.cancel_orders,
    commands.SetTradingState: operator.set_trading_state,
    commands.SetLifecycle: operator.change_lifecycle,
    commands.SetLimits: operator.set_limits,
    commands.Halt: operator.halt,
    commands.ClearHalt: operator.clear_halt,
    commands.SetQuarantine: operator.set_quarantine,
    commands.SetAccountLimits: set_account_limits,
    commands.Shutdown: operator.shutdown,
    commands.Resume: operator.resume,
    commands.QueryOrders: operator.query_orders,
    commands.ActivateRules: operator.activate_rules,
    commands.SubmitIntents: intents.submit_intents,
    commands.RecordSendResults: intents.record_send_results,
    commands.Reconcile: broker.reconcile,
    commands.AdoptBrokerPosition: broker.adopt_position,
    commands.ExitPosition: exits.exit_position,
}


def step(core: DeskCore, ts_ns: int, command: msgspec.Struct) -> Events:
    """Carry out one command in place and return its events."""
    core.sequence += 1
    events: Events = []
    if ts_ns < core.now_ns:
        what = f"expected ts_ns of {core.now_ns} or later, found {ts_ns}"
        refuse(events, command, Refusal.TIME_REGRESSION, what)
        return events
    follow_day(core, ts_ns)
    core.now_ns = ts_ns
    HANDLERS[type(command)](core, command, events)
    if core.limited:
        follow_equity(core, events)
    return events
