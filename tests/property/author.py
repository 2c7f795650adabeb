"""The author of a random flow: which of all actions comes next, and who sends it.

A focus sets how often each kind of move comes; some flows trade only, some mostly administer.
"""

from collections.abc import Callable, Sequence

from lockstep_engine.commands import Action
from tests.property import operations, orders
from tests.property.dice import Dice, pick
from tests.property.scene import Item, Scene

Move = Callable[[Dice, Scene], Item]
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
    signer, action = operations.time(dice, scene)
    return scene.by_staff(dice, operations.advance(dice, scene), signer, action)


def repeat(dice: Dice, scene: Scene) -> Item:
    """Send a request again."""
    return scene.again(dice, scene.time(dice))


PLACE, TAKE, SWEEP = (order_move(draw) for draw in (orders.place, orders.take, orders.sweep))
REDUCE, QUOTE = (order_move(draw) for draw in (orders.reduce, orders.mass_quote))
AMEND, REPLACE, CANCEL, CANCEL_ALL, BATCH = (
    order_move(draw, orders.draw_account_with_orders)
    for draw in (orders.amend, orders.replace, orders.cancel, orders.cancel_all, orders.batch)
)
PROTECT = order_move(operations.protection)
MODE = order_move(operations.mode)
MODELS = staff_move(operations.models)
TRADING = (
    *(*(PLACE,) * 8, *(TAKE,) * 2, *(SWEEP,) * 2, *(REDUCE,) * 4),
    *(*(AMEND,) * 4, *(REPLACE,) * 3, CANCEL),
)
QUOTING = (*(PLACE,) * 2, *(QUOTE,) * 5, *(TAKE,) * 3, AMEND, CANCEL)
MANY = (CANCEL_ALL, *(QUOTE,) * 2, *(BATCH,) * 3, repeat)
MARKET = (
    *(staff_move(operations.prices),) * 3,
    staff_move(operations.fees),
    staff_move(operations.status),
    *(staff_move(operations.limits),) * 2,
    staff_move(operations.deposit),
    money,
    pass_time,
)
ADMINISTRATION = (
    staff_move(operations.roles),
    staff_move(operations.listings),
    staff_move(operations.fees),
    *(agents,) * 2,
    money,
    repeat,
)
FOCUSES: Sequence[Sequence[Move]] = (
    (*TRADING * 2, *MANY, *MARKET, *ADMINISTRATION, *(PROTECT,) * 2, *(MODE,) * 2, MODELS),
    (*TRADING, *MANY, *MARKET, PROTECT, MODE),
    (*TRADING, *(money,) * 3, *(staff_move(operations.prices),) * 3),
    (*QUOTING, *MARKET, PROTECT),
    (*QUOTING * 2, *TRADING, *MANY),
    (*TRADING * 2, *MANY, pass_time, CANCEL_ALL),
    (*TRADING, *ADMINISTRATION * 3, *MARKET, PROTECT),
    (*TRADING, *QUOTING * 2, *(PROTECT,) * 4, *MARKET, MODE),
    (*TRADING * 2, *MARKET, *(MODE,) * 4, *(MODELS,) * 2, PROTECT),
)


def next_item(dice: Dice, scene: Scene, focus: Sequence[Move]) -> Item:
    """Draw the next command and its time."""
    return pick(dice, focus)(dice, scene)
