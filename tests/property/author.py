"""The author of a random flow: which of all actions comes next, and who sends it.

A focus sets how often each kind of move comes; some flows trade only, some mostly administer.
"""

from collections.abc import Sequence
from functools import partial

from tests.property import operations
from tests.property.blocks import block, open_up, opening
from tests.property.dice import Dice, one_in, pick
from tests.property.dramas import (
    bad_expiry,
    bad_funding,
    closing_twice,
    crowd,
    outrun,
    sampling,
    squeeze,
)
from tests.property.moves import (
    AMEND,
    BATCH,
    CANCEL,
    CANCEL_ALL,
    DEPOSIT,
    FUND,
    FUNDING,
    GAP,
    LIQUIDATE,
    MODE,
    MODELS,
    PLACE,
    PRICES,
    PROTECT,
    QUOTE,
    REDUCE,
    REPLACE,
    SETTLE,
    STATUS,
    SWEEP,
    TAKE,
    THIN,
    agents,
    money,
    pass_time,
    repeat,
    staff_move,
)
from tests.property.scene import Item, Move, Scene

TROUBLE = (*(squeeze,) * 2, crowd, bad_funding, *(LIQUIDATE,) * 2, GAP, THIN, FUND, DEPOSIT)
DATES = (*(pass_time,) * 2, sampling, *(SETTLE,) * 2, FUNDING, *(PRICES,) * 2)
TRADING = (
    *(*(PLACE,) * 8, *(TAKE,) * 2, *(SWEEP,) * 2, *(REDUCE,) * 4),
    *(*(AMEND,) * 4, *(REPLACE,) * 3, CANCEL),
)
QUOTING = (*(PLACE,) * 2, *(QUOTE,) * 5, *(TAKE,) * 3, AMEND, CANCEL)
MANY = (CANCEL_ALL, *(QUOTE,) * 2, *(BATCH,) * 3, repeat)
MARKET = (
    *(PRICES,) * 3,
    staff_move(operations.fees),
    STATUS,
    *(staff_move(operations.limits),) * 2,
    DEPOSIT,
    money,
    pass_time,
    SETTLE,
    FUNDING,
    LIQUIDATE,
    block,
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
    (
        *(*TRADING * 2, *MANY, *MARKET, *ADMINISTRATION, *(PROTECT,) * 2, *(MODE,) * 2, MODELS),
        *(*TROUBLE, *DATES, *(block,) * 3),
    ),
    (*TRADING, *MANY, *MARKET, PROTECT, MODE),
    (*TRADING, closing_twice, *(outrun,) * 3, *(money,) * 3, *(PRICES,) * 3),
    (*QUOTING, *MARKET, PROTECT),
    (*QUOTING * 2, *TRADING, *MANY),
    (*TRADING * 2, closing_twice, *MANY, pass_time, CANCEL_ALL),
    (*TRADING, *ADMINISTRATION * 3, *MARKET, PROTECT),
    (*TRADING, *QUOTING * 2, *(PROTECT,) * 4, *MARKET, MODE),
    (*TRADING * 2, *MARKET, *(MODE,) * 4, *(outrun,) * 2, *(MODELS,) * 2, PROTECT),
    (*TRADING, *TROUBLE, *(block,) * 2, bad_expiry),
    (*TRADING, *TROUBLE * 2, *(PROTECT,) * 2, PRICES, STATUS, MODE, block),
    (*TROUBLE, *(block,) * 3, *(DEPOSIT,) * 2, PLACE, REDUCE, QUOTE, TAKE, MODE, money),
    (*(squeeze, crowd) * 4, open_up, *(PLACE,) * 4, *(REDUCE,) * 4, QUOTE, TAKE, FUND, MODE),
    (
        *(bad_expiry,) * 2,
        *(bad_funding,) * 2,
        *(open_up,) * 2,
        *(PLACE,) * 2,
        REDUCE,
        QUOTE,
        *DATES,
    ),
    (*TRADING, *DATES * 3, GAP, squeeze, bad_funding, bad_expiry, *(block,) * 3),
    (*(block,) * 12, *TRADING, GAP, PRICES, MODE, LIQUIDATE, pass_time, repeat, agents, STATUS),
)


def next_item(dice: Dice, scene: Scene, focus: Sequence[Move]) -> Item:
    """Draw the next command and its time: what is planned, else any of the focus."""
    if not scene.plan or one_in(dice, 8):
        return pick(dice, focus)(dice, scene)
    scene.is_plain = not one_in(dice, 8)
    item = scene.plan.pop(0)(dice, scene)
    scene.is_plain = False
    return item


def begin(scene: Scene) -> None:
    """Plan the positions with which the accounts of the world begin."""
    for first, second, *lots in scene.world.opening:
        scene.plan.append(partial(opening, parties=(first, second), lots=lots))
