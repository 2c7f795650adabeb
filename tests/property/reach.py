"""Counts what a run reached: actions, codes, event types, and the values of every enumeration."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum, IntFlag
from typing import get_args

import msgspec

from lockstep_engine.codes import (
    AmendReason,
    CancelReason,
    CashReason,
    Code,
    MarginMode,
    MmpLimit,
    MmpOption,
    OrderFlag,
    OrderType,
    SelfTradeMode,
    Side,
    TimeInForce,
    VolRule,
)
from lockstep_engine.commands import AccountAction, Batch, Command, OperatorAction
from lockstep_engine.events import (
    CashMoved,
    CommandRejected,
    DuplicateRequest,
    Event,
    MarginModeSet,
    MmpConfigSet,
    MmpTriggered,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    PortfolioModelSet,
)
from tests.property.situations import SITUATIONS

UNREACHABLE = {
    "event RulesActivated": "needs a second rules version, and this release has one",
}
"""Name -> why no flow can reach it."""

RARE = {
    "event FundingSkipped": "needs cash near 2^61",
    "settlement that would pass the bounds of cash": "needs cash near 2^61",
    "liquidation in rounds": "needs a second position that pays for the first one",
}
"""Name -> why random flows leave it to the tours."""

_FIELDS: dict[type[msgspec.Struct], tuple[tuple[str, type[IntEnum]], ...]] = {
    CommandRejected: (("code", Code),),
    OrderRejected: (("code", Code),),
    DuplicateRequest: (("code", Code),),
    OrderAmended: (("reason", AmendReason),),
    OrderCancelled: (("reason", CancelReason), ("side", Side)),
    CashMoved: (("reason", CashReason),),
    MarginModeSet: (("mode", MarginMode),),
    OrderAccepted: (
        ("tif", TimeInForce),
        ("order_type", OrderType),
        ("self_trade", SelfTradeMode),
        ("side", Side),
    ),
}
_FLAGS: dict[type[msgspec.Struct], tuple[str, type[IntFlag]]] = {
    OrderAccepted: ("flags", OrderFlag),
    MmpConfigSet: ("options", MmpOption),
    MmpTriggered: ("breached", MmpLimit),
}
_ENUMS = (
    *(Code, AmendReason, CancelReason, CashReason, TimeInForce, OrderType, SelfTradeMode, Side),
    *(MarginMode, VolRule),
)


class Reach:
    """How often each name was reached."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.steps = 0

    def count(self, command: Command, events: Sequence[Event]) -> None:
        """Count one command with its events."""
        self.steps += 1
        self._count_action(command.action, events)
        for event in events:
            name = type(event).__name__
            self.counts[f"event {name}"] += 1
            for field, enum in _FIELDS.get(type(event), ()):
                self.counts[_name(enum(getattr(event, field)))] += 1
            if type(event) in _FLAGS:
                self._count_flags(event, *_FLAGS[type(event)])
            if isinstance(event, PortfolioModelSet):
                for scenario in event.model.scenarios:
                    self.counts[_name(VolRule(scenario.vol_rule))] += 1

    def note(self, what: str) -> None:
        """Count anything else."""
        self.counts[what] += 1

    def _count_flags(self, event: msgspec.Struct, field: str, flags: type[IntFlag]) -> None:
        """Count each flag of a sum."""
        for flag in flags(getattr(event, field)):
            self.counts[f"{flags.__name__} {flag.name}"] += 1

    def _count_action(self, action: msgspec.Struct, events: Sequence[Event]) -> None:
        name = type(action).__name__
        is_refused = any(type(event) is CommandRejected for event in events)
        self.counts[f"action {name}"] += 1
        self.counts[f"refused {name}" if is_refused else f"done {name}"] += 1
        if isinstance(action, Batch):
            for item in action.actions:
                self.counts[f"item {type(item).__name__}"] += 1


def never_reached(runs: Sequence[Reach]) -> list[str]:
    """Return what was expected, was reached in none of the runs, and is not excused."""
    names = [name for name in expected() if name not in UNREACHABLE]
    return [name for name in names if not any(run.counts[name] for run in runs)]


def table(runs: Mapping[str, Reach]) -> str:
    """Return the counters of all runs side by side, the rarest first."""
    names = {name: None for run in runs.values() for name in run.counts}
    totals = {name: sum(run.counts[name] for run in runs.values()) for name in names}
    totals |= {name: 0 for name in expected() if name not in totals}
    rows = [("", runs.keys()), ("commands", [run.steps for run in runs.values()])]
    for name in sorted(totals, key=lambda name: (totals[name], name)):
        rows.append((name + _excuse(name), [run.counts[name] for run in runs.values()]))
    return "\n".join("".join(f"{cell:>9}" for cell in cells) + f"  {name}" for name, cells in rows)


def expected() -> list[str]:
    """Return every name that a flow should reach."""
    return [*vocabulary(), *SITUATIONS]


def vocabulary() -> list[str]:
    """Return the names of everything that commands and events can say."""
    actions = [action.__name__ for action in _members(OperatorAction | AccountAction)]
    names = [f"action {action}" for action in actions]
    names += [f"done {action}" for action in actions if action != "ActivateRules"]
    names += [f"event {event.__name__}" for event in get_args(Event)]
    names += [_name(member) for enum in _ENUMS for member in enum]
    names += [
        f"{flags.__name__} {flag.name}" for _field, flags in _FLAGS.values() for flag in flags
    ]
    return names


def _members(union: object) -> Iterable[type]:
    return get_args(union)


def _name(member: IntEnum) -> str:
    return f"{type(member).__name__} {member.name}"


def _excuse(name: str) -> str:
    return f"  ({UNREACHABLE[name]})" if name in UNREACHABLE else ""
