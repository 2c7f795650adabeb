"""Plans of several moves that bring one account into trouble: what seldom comes about by chance.

A drama draws its first command and leaves the rest in `scene.plan`; other moves come between.
"""

from functools import partial

from lockstep_engine.codes import OrderFlag, Side, TimeInForce
from lockstep_engine.commands import (
    Action,
    AdvanceTime,
    AmendOrder,
    Batch,
    CancelAll,
    CancelOrder,
    Deposit,
    PlaceOrder,
    UpdateFundingRate,
    UpdateIndexPrice,
    UpdateMarkPrice,
)
from lockstep_engine.state import Holding
from tests.property import clock, trouble
from tests.property.blocks import block_of, is_own, open_future, open_up, share, suits
from tests.property.dice import Dice, one_in, pick
from tests.property.moves import DEPOSIT, PLACE, QUOTE, REDUCE, order_move, staff_move
from tests.property.operations import Asked, money
from tests.property.orders import lowest_tick, place
from tests.property.scene import Item, Move, Scene
from tests.property.world import (
    ACCOUNTS,
    INSTRUMENTS,
    MAX_STEP_NS,
    MS,
    ORACLE,
    SECOND,
    TREASURY,
    UNDERLYINGS,
    WINDOW_NS,
)

_RATE_MAX_E9 = 10**8
MINUTE_NS = 60 * SECOND
INDICES_E6 = (1_005_000_000, 993_123_457, 1_000_000_000, 1_300_000_001, 700_000_000)


def squeeze(dice: Dice, scene: Scene) -> Item:
    """Plan a price against an account that has next to nothing free, orders, its liquidation."""
    victim = _victim(dice, scene, is_dated=False)
    if not victim:
        return open_up(dice, scene)
    kinds = (PLACE, PLACE, REDUCE, QUOTE, partial(block_of, account=victim))
    between = [pick(dice, kinds) for _ in range(dice.below(4))]
    scene.plan = [
        *(_thin(victim),) * pick(dice, (1, 1, 2, 0)),
        staff_move(partial(trouble.gap_of, account=victim)),
        *between,
        *_end_of(dice, victim),
    ]
    if one_in(dice, 3):
        return scene.plan.pop(0)(dice, scene)
    return scene.by_account(dice, scene.time(dice), victim, CancelAll())


def closing_twice(dice: Dice, scene: Scene) -> Item:
    """Plan plain and reduce-only orders that close one position, and a FOK order for both."""
    closer = _victim(dice, scene, is_dated=False)
    if not closer:
        return open_up(dice, scene)
    holding = pick(dice, trouble.positions(scene, closer))
    number, lots = holding.instrument.instrument, abs(holding.qty_lots)
    side = int(Side.SELL if holding.qty_lots > 0 else Side.BUY)
    low = lowest_tick(dice, scene, number)
    ticks = (low, low + 1) if side == Side.SELL else (low + 1, low)
    plain = PlaceOrder(number, side, ticks[0], 1 + dice.below(lots))
    reducing = PlaceOrder(number, side, ticks[1], lots, flags=OrderFlag.REDUCE_ONLY)
    wanted = plain.qty_lots + pick(dice, (lots, 1 + dice.below(lots), 0))
    other = pick(dice, [account for account in ACCOUNTS if account != closer])
    whole = PlaceOrder(number, 1 - side, ticks[1], wanted, TimeInForce.FOK)
    scene.plan = [
        partial(_place, account=account, order=order)
        for account, order in ((closer, reducing), (other, whole))
    ]
    return _place(dice, scene, closer, plain)


def _place(dice: Dice, scene: Scene, account: int, order: PlaceOrder) -> Item:
    return scene.by_account(dice, scene.time(dice), account, order)


def outrun(dice: Dice, scene: Scene) -> Item:
    """Plan a mark that passes an order, next to nothing free, and more orders beside that one."""
    owners = [n for n in ACCOUNTS if (found := scene.account(n)) is not None and found.orders]
    if not owners:
        return open_up(dice, scene)
    account = pick(dice, owners)
    found = scene.account(account)
    order = pick(
        dice, [] if found is None else [each for _id, each in sorted(found.orders.items())]
    )
    instrument = order.instrument
    percent = pick(dice, (50, 90, 99) if order.side == Side.BUY else (150, 110, 101))
    mark = order.price_ticks * instrument.tick_e6 * percent // 100
    more = PlaceOrder(instrument.instrument, order.side, order.price_ticks, order.qty_lots)
    large = AmendOrder(order.order_id, order.price_ticks, order.qty_lots * pick(dice, (2, 10)))
    less = PlaceOrder(
        instrument.instrument, order.side, order.price_ticks, max(1, order.qty_lots // 2)
    )
    end = CancelOrder(order.order_id)
    acts: list[Action] = [more, large, end, Batch((large, more)), Batch((end, less))]
    acts += [_near_mark(holding) for holding in trouble.positions(scene, account)] * 2
    passing = staff_move(lambda _dice, _scene: (ORACLE, UpdateMarkPrice(less.instrument, mark)))
    first, second = pick(dice, ((passing, _thin(account)), (_thin(account), passing)))
    later = [partial(_act, account=account, action=pick(dice, acts)) for _ in range(3)]
    scene.plan = [second, *later]
    return first(dice, scene)


def _near_mark(holding: Holding) -> PlaceOrder:
    """Return the order that closes a position one per cent worse than at the mark."""
    instrument, lots = holding.instrument, holding.qty_lots
    price = instrument.mark.price_e6 * (99 if lots > 0 else 101) // (100 * instrument.tick_e6)
    side = Side.SELL if lots > 0 else Side.BUY
    return PlaceOrder(instrument.instrument, side, max(1, price), abs(lots))


def _act(dice: Dice, scene: Scene, account: int, action: Action) -> Item:
    return scene.by_account(dice, scene.time(dice), account, action)


def crowd(dice: Dice, scene: Scene) -> Item:
    """Plan positions of an account against all others, a price against it, its liquidation."""
    victim = pick(dice, ACCOUNTS)
    numbers = [number for number in INSTRUMENTS if suits(scene, number, victim)]
    if not numbers:
        return open_up(dice, scene)
    leg = (pick(dice, numbers), dice.below(2))
    others = [n for n in ACCOUNTS if n != victim and not is_own(scene, victim, n)]
    scene.plan = [
        *(partial(share, account=victim, leg=leg, other=other) for other in others),
        *(REDUCE,) * dice.below(3),
        *(_thin(account) for account in (victim, *others[: dice.below(4)])),
        staff_move(partial(trouble.gap_of, account=victim)),
        *(PLACE,) * dice.below(2),
        *_end_of(dice, victim),
    ]
    return scene.by_staff(dice, scene.time(dice), TREASURY, Deposit(victim, 20_000))


def bad_funding(dice: Dice, scene: Scene) -> Item:
    """Plan many fundings that an account pays, and its liquidation."""
    paying = [
        (number, holding)
        for number in ACCOUNTS
        for holding in trouble.positions(scene, number)
        if holding.instrument.expiry_ns == 0
    ]
    if not paying:
        return open_up(dice, scene)
    victim, holding = pick(dice, paying)
    rate = _RATE_MAX_E9 if holding.qty_lots > 0 else -_RATE_MAX_E9
    action = UpdateFundingRate(holding.instrument.instrument, rate, 3_600)
    hours = pick(dice, (1, 2, 5, 20, 39))
    scene.plan = [_thin(victim), partial(_pass, hours=hours), *_end_of(dice, victim)]
    return scene.by_staff(dice, scene.time(dice), ORACLE, action)


def bad_expiry(dice: Dice, scene: Scene) -> Item:
    """Plan an expiry that costs an account more than it has, and what follows."""
    victim = _victim(dice, scene, is_dated=True)
    if not victim:
        return open_up(dice, scene)
    liquidation = staff_move(partial(trouble.liquidation_of, account=victim))
    settle = staff_move(trouble.settlement)
    scene.plan = [
        *(open_future,) * dice.below(4),
        _thin(victim),
        _to_expiry,
        *(liquidation,) * dice.below(2),
        *(settle,) * (1 + dice.below(3)),
        *_end_of(dice, victim),
    ]
    return staff_move(partial(trouble.index_gap_of, account=victim))(dice, scene)


def sampling(dice: Dice, scene: Scene) -> Item:
    """Plan index prices at the edges of a window: as it opens, as it closes, just beside."""
    now = scene.state.now_ns
    ahead = [each.expiry_ns for each in scene.state.instruments.values() if each.expiry_ns > now]
    if not ahead:
        return open_up(dice, scene)
    expiry_ns = min(ahead)
    opens_ns = expiry_ns - WINDOW_NS
    is_open = now >= opens_ns
    edge = expiry_ns if is_open and one_in(dice, 4) else opens_ns
    times = [edge - 1, edge, edge + 1, edge + MINUTE_NS]
    aims = [aim for aim in times[dice.below(3) :] if aim >= now] or [now + SECOND]
    name = pick(dice, UNDERLYINGS)
    scene.plan = [partial(_sample, name=name, ts_ns=aim) for aim in aims]
    return _at(dice, scene, clock.affordable(scene, aims[0]))


def _sample(dice: Dice, scene: Scene, name: str, ts_ns: int) -> Item:
    """Draw an index at a time, or as late as a step may be."""
    ts_ns = max(scene.state.now_ns, min(ts_ns, scene.state.now_ns + MAX_STEP_NS))
    return scene.by_staff(dice, ts_ns, ORACLE, UpdateIndexPrice(name, pick(dice, INDICES_E6)))


def _end_of(dice: Dice, victim: int) -> list[Move]:
    """Return the liquidation of an account and what it, and others, try after it."""
    draws: tuple[Move, ...] = (
        DEPOSIT,
        order_move(place, lambda _dice, _scene: victim),
        partial(block_of, account=victim),
        lambda dice, scene: scene.by_account(
            dice, scene.time(dice), victim, money(dice, scene, victim)
        ),
        DEPOSIT,
    )
    after = [pick(dice, draws) for _ in range(dice.below(4))]
    return [staff_move(partial(trouble.liquidation_of, account=victim)), *after]


def _victim(dice: Dice, scene: Scene, *, is_dated: bool) -> int:
    """Draw an account with a position, in something dated if need be; 0 if there is none."""
    victims = [
        number
        for number in ACCOUNTS
        if any(
            held.instrument.expiry_ns or not is_dated for held in trouble.positions(scene, number)
        )
    ]
    return pick(dice, victims) if victims else 0


def _thin(victim: int) -> Move:
    return order_move(trouble.thin, lambda _dice, _scene: victim)


def _pass(dice: Dice, scene: Scene, hours: int) -> Item:
    ts_ns = clock.affordable(scene, scene.state.now_ns + hours * clock.HOUR_NS)
    return _at(dice, scene, ts_ns)


def _to_expiry(dice: Dice, scene: Scene) -> Item:
    """Go to the next expiry, or an hour past it."""
    now = scene.state.now_ns
    ahead = [found.expiry_ns for found in scene.state.instruments.values()]
    expiry_ns = min((expiry for expiry in ahead if expiry > now), default=now + MS)
    late_ns = pick(dice, (0, 0, MS, clock.HOUR_NS))
    return _at(dice, scene, clock.affordable(scene, expiry_ns + late_ns))


def _at(dice: Dice, scene: Scene, ts_ns: int) -> Item:
    asked: Asked = (ORACLE, AdvanceTime())
    return scene.by_staff(dice, ts_ns, *asked)
