"""Gamblers with little money and large positions, the crashes they meet, and what follows.

A crash empties the books, moves prices a little and, a chunk later, by 15 to 40 percent. The risk
desk then looks at every account at each border of a chunk, and liquidates those that seem to have
too little. Two gamblers nobody watches: they pay after their contracts have settled, or cannot.
"""

from lockstep_engine.codes import InstrumentKind, MarginMode, Side
from lockstep_engine.commands import (
    CancelAll,
    Deposit,
    FundInsurance,
    Liquidate,
    PlaceOrder,
    Transfer,
    UpdateIndexPrice,
    UpdateMarkPrice,
    Withdraw,
)
from lockstep_runtime.feeds.market.blocks import Leg, block, mark_ticks, options, perpetual_of
from lockstep_runtime.feeds.market.simulation import (
    Behaviour,
    Crash,
    Simulation,
    Step,
    Steps,
)
from lockstep_runtime.feeds.market.view import Listed
from lockstep_runtime.feeds.market.world import (
    FIRST_INDEX_E6,
    MODES,
    RICH_E6,
    UNWATCHED,
    Trader,
    surface,
)

_USD = 1_000_000
_E9 = 10**9
_BUY, _SELL = int(Side.BUY), int(Side.SELL)
_RICH_GAMBLER_E6 = 40_000 * _USD
_CALM_CHUNKS_MIN, _CRASH_PERCENT = 5, 30
_LIQUIDATIONS_MAX = 8
_SPREAD = MarginMode.STANDARD_SPREAD


def gamble(sim: Simulation) -> Steps:
    """Let a gambler stake most of its money on one side of an underlying."""
    return _bet(sim, sim.one_of(sim.world.gamblers), sim.one_of(("BTC", "ETH")), sim.side())


def react(sim: Simulation) -> Steps:
    """At the border of a chunk: let a crash begin or go on, the risk desk looking at everybody."""
    crash = sim.crash
    if crash is None:
        sim.calm_chunks += 1
        is_due = sim.calm_chunks > _CALM_CHUNKS_MIN and sim.chance(_CRASH_PERCENT)
        return _shake(sim) if is_due else []
    if crash.chunks_to_gap:
        crash.chunks_to_gap -= 1
        crash.is_dark = True
        gap = [*_withdraw(sim), *_gap(sim, sim.between(1_500, 4_000)), *_last_quotes(sim, 300)]
        return [*watch(sim), *gap]
    crash.is_dark = False
    crash.alarms -= 1
    if not crash.alarms:
        sim.crash = None
    return watch(sim)


def watch(sim: Simulation) -> Steps:
    """Liquidate who seems to have too little, the worst first."""
    accounts, risk = sim.view.accounts, sim.world.staff.risk
    short: list[tuple[int, int]] = []
    for account in sorted(accounts.cash_e6):
        missing_e6 = accounts.maintenance_e6(account) - accounts.collateral_e6(account)
        if missing_e6 > 0 and _is_watched(sim, account):
            short.append((-missing_e6, account))
    short.sort()
    return [Step(risk, Liquidate(account)) for _missing, account in short[:_LIQUIDATIONS_MAX]]


def refund(sim: Simulation) -> Steps:
    """Pay into the insurance fund when it is empty, or now and then."""
    if sim.view.accounts.insurance_e6 and not sim.chance(10):
        return []
    return [Step(sim.world.staff.treasury, FundInsurance(sim.between(500, 10_000) * _USD))]


def rescue(sim: Simulation) -> Steps:
    """Give money to a trader that lost most of its own."""
    accounts = sim.view.accounts
    for trader in sim.world.traders:
        account = trader.account
        is_in_debt = accounts.debt_e6.get(account, 0) > 0
        if accounts.collateral_e6(account) < RICH_E6 // 4 and not is_in_debt:
            return [Step(sim.world.staff.treasury, Deposit(account, RICH_E6))]
    return []


def repay(sim: Simulation) -> Steps:
    """Let an account with debt try to trade and to withdraw, and have its debt paid, or a part."""
    debts = [account for account, debt in sorted(sim.view.accounts.debt_e6.items()) if debt]
    if not debts:
        return []
    account = sim.one_of(debts)
    owing_e6, world = sim.view.accounts.debt_e6[account], sim.world
    debtor, helper = trader_of(sim, account), sim.one_of(world.takers)
    tries: list[Step] = []
    if debtor is not None:
        listed = perpetual_of(sim, "BTC")
        order = PlaceOrder(listed.number, _BUY, listed.on_step(mark_ticks(listed)), 10)
        tries = [Step(debtor.root, order), Step(debtor.root, Withdraw(1))]
        if helper is not debtor:
            tries += block(sim, debtor, helper, [(listed, _BUY, 10)])
    given_e6 = owing_e6 // 2 + 1 if sim.chance(30) else owing_e6 + sim.between(0, 3_000) * _USD
    if sim.chance(40) and helper.account != account:
        return [*tries, Step(helper.root, Transfer(account, given_e6))]
    return [*tries, Step(world.staff.treasury, Deposit(account, given_e6))]


def gambling_behaviours() -> list[tuple[int, Behaviour]]:
    """Return (weight, behaviour) of gamblers, crashes and the risk desk."""
    return [(8, gamble), (2, watch), (1, refund), (2, rescue), (3, repay)]


def _shake(sim: Simulation) -> Steps:
    """Empty the books, shake the prices, and leave a few bids or offers for what must be closed.

    Just before, those whom nobody watches stake their money on the wrong side.
    """
    underlyings = sim.one_of((("BTC",), ("ETH",), ("BTC", "ETH")))
    highs = [sim.index_e6[name] * 10 // FIRST_INDEX_E6[name] for name in underlyings]
    sim.crash = Crash(underlyings, max(highs) > 12 or (min(highs) > 7 and sim.chance(60)))
    sim.calm_chunks = 0
    side = _BUY if sim.crash.is_down else _SELL
    bets = [
        step
        for gambler in sim.world.gamblers
        if gambler.account in UNWATCHED
        for step in _bet(sim, gambler, underlyings[0], side)
    ]
    return [*bets, *_withdraw(sim), *_gap(sim, sim.between(60, 300)), *_last_quotes(sim, 3_000)]


def _bet(sim: Simulation, gambler: Trader, underlying: str, side: int) -> Steps:
    """Let a gambler with few positions put most of its money into another one, as a block."""
    accounts, account = sim.view.accounts, gambler.account
    collateral_e6 = accounts.collateral_e6(account)
    if collateral_e6 < 0 or accounts.debt_e6.get(account):
        return []
    money_e6 = collateral_e6 - 2 * accounts.maintenance_e6(account)
    steps: list[Step] = []
    if money_e6 > _RICH_GAMBLER_E6:
        steps.append(Step(gambler.root, Withdraw(money_e6 - _RICH_GAMBLER_E6 // 4)))
        money_e6 = _RICH_GAMBLER_E6 // 4
    if money_e6 < 500 * _USD:
        added_e6 = sim.between(1_000, 10_000) * _USD
        steps.append(Step(sim.world.staff.treasury, Deposit(account, added_e6)))
        money_e6 += added_e6
    if money_e6 <= 0 or len(accounts.held.get(account, {})) > 3:
        return steps
    legs = [_stake(sim, account, underlying, side, money_e6 * sim.between(30, 95) // 100)]
    if MODES.get(account) == _SPREAD:
        legs = [*_spread(sim, underlying, side, money_e6 // 3), (*legs[0][:2], legs[0][2] // 2)]
    steps += block(sim, gambler, sim.one_of(sim.world.takers), legs)
    return [*steps, _far_order(sim, gambler, legs[0][0], side)]


def _is_watched(sim: Simulation, account: int) -> bool:
    """Return whether the risk desk looks at an account; at two not before they have settled."""
    return account not in UNWATCHED or not sim.view.accounts.held.get(account)


def _far_order(sim: Simulation, gambler: Trader, listed: Listed, side: int) -> Step:
    """Return the step in which a gambler rests an order far from the market, or takes all back."""
    if len(sim.view.orders_of(gambler.account)) > 2:
        return Step(gambler.root, CancelAll())
    price = listed.on_step(sim.price_near(listed, side, sim.between(500, 900)))
    lots = max(listed.created.limits.min_order_lots, listed.created.limits.qty_step_lots)
    return Step(gambler.root, PlaceOrder(listed.number, side, price, lots))


def _stake(sim: Simulation, account: int, underlying: str, side: int, money_e6: int) -> Leg:
    """Return the leg in which so much money is at stake: its initial margin, about."""
    futures = sim.futures(underlying)
    listed = perpetual_of(sim, underlying)
    if futures and account in UNWATCHED:
        listed = futures[0]
    elif futures and sim.chance(30):
        listed = sim.one_of(futures)
    rate_e9 = sim.view.accounts.rates_of(listed.number).future_initial_e9
    if MODES.get(account) == MarginMode.PORTFOLIO:
        rate_e9 = max(rate_e9, _E9 // 5)
    lot_e6 = max(1, sim.view.accounts.lot_e6(listed.number))
    return listed, side, _lots(listed, money_e6 * _E9 // (lot_e6 * (rate_e9 + _E9 // 1_000)))


def _spread(sim: Simulation, underlying: str, side: int, money_e6: int) -> list[Leg]:
    """Return the sale of a spread that loses what the gambler's other leg loses on.

    With a long one that is the sale of a put above the put that covers it.
    """
    kind = InstrumentKind.PUT if side == _BUY else InstrumentKind.CALL
    chains = [chain for key, chain in options(sim, underlying).items() if key[1] == kind]
    if not chains:
        return []
    chain = sim.one_of(chains)
    low, high = chain[0], chain[-1]
    sold, bought = (high, low) if kind == InstrumentKind.PUT else (low, high)
    created = low.created
    width_e6 = high.created.strike_e6 - created.strike_e6
    lot_e6 = max(1, width_e6 * created.lot_e8 * created.contract_size_e8 // 10**16)
    lots = _lots(low, money_e6 // lot_e6)
    return [(sold, _SELL, lots), (bought, _BUY, lots)]


def _lots(listed: Listed, lots: int) -> int:
    """Return a size that the limits allow, 0 if it is too small."""
    limits = listed.created.limits
    lots = min(lots, limits.max_position_lots // 8) // limits.qty_step_lots * limits.qty_step_lots
    return lots if lots >= limits.min_order_lots else 0


def _withdraw(sim: Simulation) -> Steps:
    """Let everybody who makes a market take all orders back."""
    return [Step(trader.root, CancelAll()) for trader in sim.world.traders]


def _gap(sim: Simulation, gap_bps: int) -> Steps:
    """Move index, marks and surfaces of what crashes by so much, in the crash's direction."""
    crash, oracle = sim.crash, sim.world.staff.oracle
    steps: list[Step] = []
    for underlying in crash.underlyings if crash is not None else ():
        moved = -gap_bps if crash is not None and crash.is_down else gap_bps
        before_e6 = sim.index_e6[underlying]
        price_e6 = before_e6 + before_e6 * moved // 10_000
        perpetual, vol_e9 = perpetual_of(sim, underlying).number, sim.between(700, 1_200) * 10**6
        steps.append(Step(oracle, UpdateIndexPrice(underlying, price_e6)))
        steps.append(Step(oracle, UpdateMarkPrice(perpetual, price_e6)))
        for future in sim.futures(underlying):
            marks = surface(underlying, future.created.expiry_ns, price_e6, vol_e9)
            steps.append(Step(oracle, marks))
        sim.index_e6[underlying] = price_e6
    return steps


def _last_quotes(sim: Simulation, lots: int) -> Steps:
    """Let somebody rest orders that those who are closed will meet, worse and worse."""
    crash = sim.crash
    steps: list[Step] = []
    for underlying in crash.underlyings if crash is not None else ():
        side = _BUY if crash is not None and crash.is_down else _SELL
        for listed in (perpetual_of(sim, underlying), *sim.futures(underlying)):
            index_e6 = sim.index_e6[underlying]
            away_e6 = index_e6 * sim.between(30, 400) // 10_000
            price_e6 = index_e6 - away_e6 if side == _BUY else index_e6 + away_e6
            price = listed.on_step(price_e6 // listed.created.tick_e6)
            order = PlaceOrder(listed.number, side, price, _lots(listed, lots))
            steps.append(Step(sim.one_of(sim.world.takers).root, order))
    return steps


def trader_of(sim: Simulation, account: int) -> Trader | None:
    """Return the trader or gambler with an account's number."""
    everybody = (*sim.world.traders, *sim.world.gamblers)
    return next((found for found in everybody if found.account == account), None)
