"""The single moves: each draws one command, and who sends it, of the action that it stands for."""

from collections.abc import Callable

from lockstep_engine.commands import Action
from tests.property import clock, operations, orders, trouble
from tests.property.dice import Dice
from tests.property.scene import Item, Move, Scene

OrderMove = Callable[[Dice, Scene, int, int], Action]
StaffMove = Callable[[Dice, Scene], operations.Asked]
Actor = Callable[[Dice, Scene], int]


def order_move(draw: OrderMove, actor: Actor = orders.draw_account) -> Move:
    """Return the move that sends an order action of some account."""

    def move(dice: Dice, scene: Scene) -> Item:
        account = actor(dice, scene)
        ts_ns = scene.time(dice)
        return scene.by_account(dice, ts_ns, account, draw(dice, scene, ts_ns, account))

    return move


def staff_move(draw: StaffMove) -> Move:
    """Return the move that sends an operator action."""

    def move(dice: Dice, scene: Scene) -> Item:
        signer, action = draw(dice, scene)
        return scene.by_staff(dice, scene.time(dice), signer, action)

    return move


def money(dice: Dice, scene: Scene) -> Item:
    """Send cash out, or to another account, up to what is free."""
    account = operations.draw_payer(dice, scene)
    action = operations.money(dice, scene, account)
    return scene.by_account(dice, scene.time(dice), account, action)


def agents(dice: Dice, scene: Scene) -> Item:
    """Send for an agent more or less."""
    account = orders.draw_account(dice, scene)
    return scene.by_account(
        dice, scene.time(dice), account, operations.agents(dice, scene, account)
    )


def pass_time(dice: Dice, scene: Scene) -> Item:
    """Move the clock, mostly further than other commands may."""
    signer, action = clock.time(dice, scene)
    return scene.by_staff(dice, clock.advance(dice, scene), signer, action)


def repeat(dice: Dice, scene: Scene) -> Item:
    """Send a request again."""
    return scene.again(dice, scene.time(dice))


PLACE, TAKE, SWEEP = (order_move(draw) for draw in (orders.place, orders.take, orders.sweep))
REDUCE, QUOTE = (order_move(draw) for draw in (orders.reduce, orders.mass_quote))
AMEND, REPLACE, CANCEL, CANCEL_ALL, BATCH = (
    order_move(draw, orders.draw_account_with_orders)
    for draw in (orders.amend, orders.replace, orders.cancel, orders.cancel_all, orders.batch)
)
LIQUIDATE, GAP = staff_move(trouble.liquidation), staff_move(trouble.gap)
FUND, SETTLE = staff_move(trouble.insurance), staff_move(trouble.settlement)
FUNDING = staff_move(trouble.funding_rate)
THIN = order_move(trouble.thin, operations.draw_payer)
DEPOSIT, PRICES = staff_move(operations.deposit), staff_move(operations.prices)
STATUS = staff_move(operations.status)
PROTECT = order_move(operations.protection)
MODE = order_move(operations.mode)
MODELS = staff_move(operations.models)
