"""The UTC day of the desk: what each deployment had made when it began ([FUND-73]).

Owns where a day's profit begins: with the first command of the day, before that command does
anything, so at the last prices of the day before. What is lost after midnight counts, whether or
not anybody wants an order by then.
"""

from lockstep_desk.core.deployments import Deployment
from lockstep_desk.core.positions import NET
from lockstep_desk.core.state import DeskCore
from lockstep_desk.fund import MANUAL
from lockstep_desk.fund.book import NS_PER_DAY
from lockstep_desk.types import E8, E17_PER_CENT
from lockstep_kernel.arith import div_floor


def follow_day(core: DeskCore, ts_ns: int) -> None:
    """Begin the day of every deployment if `ts_ns` is not of the day of the last command."""
    if ts_ns // NS_PER_DAY == core.now_ns // NS_PER_DAY:
        return
    for deployment in core.deployments.values():
        begin_day(core, deployment, ts_ns)


def begin_day(core: DeskCore, deployment: Deployment, ts_ns: int) -> None:
    """Let a deployment's profit of the day of `ts_ns` begin with what it has made by now."""
    deployment.day_base = (ts_ns // NS_PER_DAY, profit_e17(core, deployment))
    core.touch(deployment)


def note_profit(core: DeskCore, deployment: Deployment) -> None:
    """Tell the gate what the deployment made today, if it limits that."""
    if deployment.limits.max_daily_loss_cents is None:
        return
    made = profit_e17(core, deployment) - deployment.day_base[1]
    deployment.gate.record_pnl(div_floor(made, E17_PER_CENT), core.now_ns)
    core.touch(deployment)


def profit_e17(core: DeskCore, deployment: Deployment) -> int:
    """Return all that a deployment made since it began: funding, and open positions at marks.

    That of manual orders is what nobody's holdings made.
    """
    name = deployment.row.deployment_id
    owner = "" if name == MANUAL else name
    traded_e17 = sum(
        book.total_e17 + book.realised_e17 + book.unrealised_e17
        for key, book in core.books.items()
        if key[2] == owner and key[2] != NET
    )
    funded_e9 = sum(one.total_e9 for key, one in core.fundings.items() if key[2] == owner)
    return traded_e17 + funded_e9 * E8
