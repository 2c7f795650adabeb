"""Mistakes in what an account is held to, and in flows that go from the desk to its venue."""

from tests.planted_desk.mistake import Mistake

_ACCOUNTS = "contract/desk/test_account_limits.py"
_FLOWS = "contract/desk/test_flows.py"
_SIMULATED = "unit/desk/backtest/test_simulated.py"

FLOWS: tuple[Mistake, ...] = (
    Mistake(
        "a drawdown of exactly the limit blocks",
        ("RECON-26",),
        "core/accountlimits.py",
        "lost > limit_bps * self.peak_e17",
        "lost >= limit_bps * self.peak_e17",
        f"{_ACCOUNTS}::test_beyond_the_drawdown_nothing_opens_and_exactly_at_it_everything_does",
    ),
    Mistake(
        "a drawdown blocks nothing",
        ("RECON-21",),
        "core/equity.py",
        "    if limited.is_blocked:\n        limit_bps",
        "    if False:\n        limit_bps",
        _ACCOUNTS,
    ),
    Mistake(
        "the highest equity is forgotten",
        ("RECON-21", "RECON-25"),
        "core/accountlimits.py",
        "max(self.peak_e17, equity_e17)",
        "equity_e17",
        _ACCOUNTS,
    ),
    Mistake(
        "the equity is that of fills without their fees and open positions",
        ("RECON-25",),
        "core/equity.py",
        "book.total_e17 + book.realised_e17 + book.unrealised_e17",
        "book.total_e17",
        f"{_ACCOUNTS}::test_after_a_trade_profit_equity_and_drawdown_are_kept_from_real_fills",
    ),
    Mistake(
        "working orders have no direction",
        ("RECON-20",),
        "core/equity.py",
        "reach_e8.get(key, 0) + order.signed_working_e8",
        "reach_e8.get(key, 0)",
        _ACCOUNTS,
    ),
    Mistake(
        "the own holding in an instrument is opposed",
        ("RECON-20",),
        "core/equity.py",
        "if key != own and qty_e8 * sign < 0",
        "if qty_e8 * sign < 0",
        _ACCOUNTS,
    ),
    Mistake(
        "who is blocked may reduce by any order",
        ("RECON-27",),
        "oms/submit.py",
        "    if block is not None or deployment.gate.halted is not None:\n",
        "    if deployment.gate.halted is not None:\n",
        _ACCOUNTS,
    ),
    # Flows
    Mistake(
        "a breach is left to people",
        ("F2", "FUND-22"),
        "core/engine.py",
        "                self._ask_monitor(call)\n",
        "                pass\n",
        _FLOWS,
    ),
    Mistake(
        "a liquidation ends with its first close",
        ("F2",),
        "adapters/halts.py",
        "tried == left and view.now_ns < at_ns + self._retry_ns",
        "tried != ()",
        _FLOWS,
    ),
    Mistake(
        "what cannot be closed is tried again at once",
        ("F2",),
        "adapters/halts.py",
        "tried == left and view.now_ns < at_ns + self._retry_ns",
        "False",
        f"{_FLOWS}::test_what_a_strict_gate_does_not_let_close_is_tried_again_at_its_pace",
    ),
    Mistake(
        "an exit is published whatever the broker holds",
        ("F4", "RECON-30"),
        "core/handlers/exits.py",
        "    if not checked.publishes:\n",
        "    if False:\n",
        _FLOWS,
    ),
    Mistake(
        "an account in quarantine opens",
        ("F7", "RECON-55"),
        "oms/submit.py",
        "    if core.accounts[request.account].is_quarantined:\n",
        "    if False:\n",
        _FLOWS,
    ),
    Mistake(
        "a sweep makes its first repair only",
        ("RECON-03",),
        "core/handlers/broker.py",
        "for repair in outcome.repairs]\n    for record",
        "for repair in outcome.repairs[:1]]\n    for record",
        f"{_FLOWS}::test_fills_that_nobody_saw_leave_no_drift",
    ),
    Mistake(
        "a request arrives at once",
        ("DESK-73",),
        "backtest/link.py",
        "        self.report(request)\n        return SendError.NONE\n",
        "        self._session.send(request)\n        self.collect()\n"
        "        return SendError.NONE\n",
        _SIMULATED,
    ),
    Mistake(
        "the simulated exchange takes no fee",
        ("DESK-73",),
        "adapters/exchange/venue.py",
        "            asked.SetFeeTier(member.number, _TIER),\n",
        "",
        _SIMULATED,
    ),
)
