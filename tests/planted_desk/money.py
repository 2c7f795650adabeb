"""Mistakes in what a deployment or an account may lose, and in what of an order closes."""

from tests.planted_desk.mistake import Mistake

_DAYS = "contract/desk/test_daily_loss.py"
_ONCE = "contract/desk/test_closing_once.py"
_ACCOUNT_LIMITS = "contract/desk/test_account_limits.py"

MONEY: tuple[Mistake, ...] = (
    Mistake(
        "a day's loss begins after its first command",
        ("FUND-73",),
        "core/step.py",
        "    follow_day(core, ts_ns)\n    core.now_ns = ts_ns\n"
        "    HANDLERS[type(command)](core, command, events)\n",
        "    was_ns, core.now_ns = core.now_ns, ts_ns\n"
        "    HANDLERS[type(command)](core, command, events)\n"
        "    core.now_ns = was_ns\n    follow_day(core, ts_ns)\n    core.now_ns = ts_ns\n",
        _DAYS,
    ),
    Mistake(
        "a day never ends",
        ("FUND-73",),
        "core/days.py",
        "if ts_ns // NS_PER_DAY == core.now_ns // NS_PER_DAY:",
        "if ts_ns:",
        _DAYS,
    ),
    Mistake(
        "manual orders lose nothing in a day",
        ("FUND-73",),
        "core/days.py",
        'owner = "" if name == MANUAL else name',
        "owner = name",
        _DAYS,
    ),
    Mistake(
        "an account's equity knows no funding",
        ("RECON-21",),
        "core/equity.py",
        "    return traded_e17 + (funded_e9 - fees_e9) * E8\n",
        "    return traded_e17 - fees_e9 * E8\n",
        _ACCOUNT_LIMITS,
    ),
    Mistake(
        "an account's equity follows funding with the next price",
        ("RECON-21",),
        "core/equity.py",
        "isinstance(entity, Book | FundingTotal | FeeTotal)",
        "isinstance(entity, Book)",
        _ACCOUNT_LIMITS,
    ),
    Mistake(
        "an account's equity knows no fee beside its fills",
        ("RECON-21",),
        "core/equity.py",
        "    return traded_e17 + (funded_e9 - fees_e9) * E8\n",
        "    return traded_e17 + funded_e9 * E8\n",
        _ACCOUNT_LIMITS,
    ),
    Mistake(
        "a blocked deployment closes a position twice and so turns it",
        ("RECON-22", "I13"),
        "oms/submit.py",
        "deployment.gate.closing_e8(priced.intent, working_e8) == request.qty_e8",
        "deployment.gate.closing_e8(priced.intent) == request.qty_e8",
        _ONCE,
    ),
    Mistake(
        "a halted deployment closes a position twice and so turns it",
        ("RECON-22", "I13"),
        "oms/submit.py",
        "deployment.gate.check(priced.intent, core.now_ns, working_e8)",
        "deployment.gate.check(priced.intent, core.now_ns)",
        _ONCE,
    ),
    Mistake(
        "what a venue counts as filled may be closed again before a fill comes",
        ("RECON-22",),
        "core/orders.py",
        "        order.unbooked_e8\n",
        "        order.working_e8\n",
        _ONCE,
    ),
    Mistake(
        "orders of another deployment close one's position",
        ("RECON-22",),
        "core/orders.py",
        "(order.deployment, order.instrument, order.side) == (owner, instrument, side)\n    )",
        "(order.instrument, order.side) == (instrument, side)\n    )",
        _ONCE,
    ),
)
