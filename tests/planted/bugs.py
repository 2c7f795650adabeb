"""The planted bugs: one small, realistic mistake each, as a patch of one file of the engine.

The old text must stand in its file exactly once; when the sources change, the patch changes too.
"""

from tests.planted.bug import Bug
from tests.planted.trouble import TROUBLE_BUGS

_ENGINE = "lockstep_engine"

BUGS = (
    Bug(
        "a tier change does not touch the account",
        f"{_ENGINE}/operations/administration.py",
        "    account.fees = fees\n    core.touch(account)\n",
        "    account.fees = fees\n",
    ),
    Bug(
        "a fill does not touch the position",
        f"{_ENGINE}/money/settle.py",
        "        core.touched.append(holding)\n",
        "        pass\n",
    ),
    Bug(
        "the chain leaves entities marked as touched",
        "lockstep_kernel/chain.py",
        "            entity.is_touched = False\n",
        "",
    ),
    Bug(
        "a nonce is not burnt",
        f"{_ENGINE}/access/nonces.py",
        "    known.add(nonce, core.nonce_capacity)\n",
        "",
    ),
    Bug(
        "a repeated request burns no nonce",
        f"{_ENGINE}/step.py",
        "    accept_nonce(core, account, command.signer, command.nonce, ts_ns)\n",
        "",
    ),
    Bug(
        "a dropped nonce does not raise the floor",
        f"{_ENGINE}/entities.py",
        "                self.floor = dropped\n",
        "                pass\n",
    ),
    Bug(
        "the nonce window is one millisecond short",
        f"{_ENGINE}/access/nonces.py",
        "nonce < now_ms - core.nonce_past_ms",
        "nonce <= now_ms - core.nonce_past_ms",
    ),
    Bug(
        "one request too few is remembered",
        f"{_ENGINE}/access/requests.py",
        "if len(requests) > core.params.request_capacity:",
        "if len(requests) >= core.params.request_capacity:",
    ),
    Bug(
        "a restored account has no exposure",
        f"{_ENGINE}/restore.py",
        "        account.exposure_e6 = exposure_e6(account)\n",
        "        account.exposure_e6 = 0\n",
    ),
    Bug(
        "an agent may withdraw",
        f"{_ENGINE}/access/authority.py",
        "return _NOT_AUTHORIZED if kind in ROOT_KEY_ACTIONS else _ACCEPTED",
        "return _ACCEPTED",
    ),
    Bug(
        "a GTD order outlives its nanosecond",
        f"{_ENGINE}/step.py",
        "if core.timers and core.timers[0][0] <= ts_ns:",
        "if core.timers and core.timers[0][0] < ts_ns:",
    ),
    Bug(
        "an expiring book is cancelled in the order of its queues",
        f"{_ENGINE}/lifecycle/expiry.py",
        "    orders.sort(key=_order_id)\n",
        "",
    ),
    Bug(
        "a partial fill moves the maker to the end of its queue",
        f"{_ENGINE}/matching/sweep.py",
        "    _take_from_maker(core, level, maker, lots)\n",
        "    _take_from_maker(core, level, maker, lots)\n"
        "    if maker.remaining_lots:\n"
        "        cancel_resting(core, maker, 0, [])\n"
        "        rest(core, maker, level.side)\n",
    ),
    Bug(
        "a maker that is filled in part keeps its open lots",
        f"{_ENGINE}/matching/sweep.py",
        "        holding.open_buy_lots -= lots\n",
        "        pass\n",
    ),
    Bug(
        "a level's total is not reduced by a fill",
        f"{_ENGINE}/matching/sweep.py",
        "    level.total_lots -= lots\n",
        "",
    ),
    Bug(
        "the maker's mode decides about a self-trade",
        f"{_ENGINE}/matching/self_trade.py",
        "mode = taker.self_trade",
        "mode = maker.self_trade",
    ),
    Bug(
        "a self-trade group does not count",
        f"{_ENGINE}/matching/self_trade.py",
        "    return maker.self_trade_group != 0 and maker.self_trade_group == taker"
        ".self_trade_group\n",
        "    return False\n",
    ),
    Bug(
        "a decremented taker keeps its whole reserve",
        f"{_ENGINE}/matching/self_trade.py",
        "    taker.reserve_e6 -= taker.reserve_e6 * lots // taker.remaining_lots\n",
        "",
    ),
    Bug(
        "a FOK counts own orders that would be cancelled",
        f"{_ENGINE}/matching/fill_or_kill.py",
        "                return False\n            continue\n",
        "                return False\n",
    ),
    Bug(
        "a FOK counts reduce-only lots that its own fills would cut",
        f"{_ENGINE}/matching/fill_or_kill.py",
        "            self._cut(orders, closing_lots(qty, maker.side))\n",
        "            pass\n",
    ),
    Bug(
        "the taker's reduce-only orders are not cut",
        f"{_ENGINE}/matching/sweep.py",
        "        cut_reduce_only(core, taker.holding, events)\n",
        "",
    ),
    Bug(
        "the oldest reduce-only order is cut first",
        f"{_ENGINE}/matching/reduce_only.py",
        "newest = orders[-1]",
        "newest = orders[0]",
    ),
    Bug(
        "the builder of the taker gets nothing",
        f"{_ENGINE}/matching/sweep.py",
        "        move_cash(core, core.accounts[taker.builder], "
        "_BUILDER_FEE, taker_builder, events)\n",
        "        pass\n",
    ),
    Bug(
        "the maker's fee is rounded down",
        f"{_ENGINE}/money/fees.py",
        "maker_fee = -(-_charge(instrument, maker_fees, maker_rate, qty_lots, value_e6) // _E9)",
        "maker_fee = _charge(instrument, maker_fees, maker_rate, qty_lots, value_e6) // _E9",
    ),
    Bug(
        "the cap of option fees is ignored",
        f"{_ENGINE}/money/fees.py",
        "    return numerator if numerator < capped else capped\n",
        "    return numerator\n",
    ),
    Bug(
        "a rebate exceeds what the other side pays",
        f"{_ENGINE}/money/fees.py",
        "maker_fee = -min(rebate, taker_fee - taker_builder)",
        "maker_fee = -min(rebate, taker_fee)",
    ),
    Bug(
        "released cost is rounded to minus infinity",
        f"{_ENGINE}/money/settle.py",
        "div_trunc(cost * closed, held)",
        "cost * closed // held",
    ),
    Bug(
        "the clearing account is forgotten",
        f"{_ENGINE}/money/settle.py",
        "        instrument.clearing_e6 -= new_cost - cost\n",
        "",
    ),
    Bug(
        "an order that ends keeps its reserve",
        f"{_ENGINE}/book/queue.py",
        "    account.reserve_e6 -= order.reserve_e6\n",
        "",
    ),
    Bug(
        "a dead order stays in the index by client_id",
        f"{_ENGINE}/book/queue.py",
        "        del account.client_ids[order.client_id]\n",
        "        pass\n",
    ),
    Bug(
        "an emptied level stays in the book",
        f"{_ENGINE}/book/queue.py",
        "        _drop_level(level)\n",
        "        pass\n",
    ),
    Bug(
        "orders are restored by identifier, not by arrival",
        f"{_ENGINE}/restore.py",
        "        return sorted(records, key=_arrival)\n",
        "        return sorted(records)\n",
    ),
    Bug(
        "BookChanged lists bids by rising price",
        f"{_ENGINE}/book/changes.py",
        "-level.price_ticks * level.side.sign",
        "level.price_ticks",
    ),
    Bug(
        "an amend to more lots keeps its place",
        f"{_ENGINE}/orders/amend.py",
        "if action.price_ticks != order.price_ticks or qty > order.qty_lots:",
        "if action.price_ticks != order.price_ticks:",
    ),
    Bug(
        "margin ignores the open sells",
        f"{_ENGINE}/risk/margin.py",
        "    down -= holding.open_sell_lots\n    long_lot",
        "    long_lot",
    ),
    Bug(
        "admission trusts a sum that another holding made stale",
        f"{_ENGINE}/risk/margin.py",
        "is_current = not dirty or (len(dirty) == 1 and dirty[0] is holding and ",
        "is_current = len(dirty) < 2 and (not dirty or ",
    ),
    Bug(
        "an option sold in a portfolio does not reserve what it loses",
        f"{_ENGINE}/risk/margin.py",
        "        if instrument.is_option and account.mode != _PORTFOLIO:\n            adverse",
        "        if instrument.is_option:\n            adverse",
    ),
    Bug(
        "what orders lose at the mark is free",
        f"{_ENGINE}/risk/margin.py",
        "sells) + holding.shortfall_e6\n    if is_expired:",
        "sells)\n    if is_expired:",
    ),
    Bug(
        "admission forgets what orders of the instrument lose",
        f"{_ENGINE}/risk/margin.py",
        "account.margin_e6 - holding.margin_e6 + holding.shortfall_e6\n",
        "account.margin_e6 - holding.margin_e6\n",
    ),
    Bug(
        "admission beyond STANDARD forgets what orders lose",
        f"{_ENGINE}/risk/margin.py",
        "sells) + holding.shortfall_e6\n    instrument =",
        "sells)\n    instrument =",
    ),
    Bug(
        "what orders lose outlives them until the mark moves",
        f"{_ENGINE}/risk/margin.py",
        "if holding.shortfall_e6 or holding.seen_version != version:",
        "if holding.seen_version != version:",
    ),
    Bug(
        "a refused amend takes what its order loses away",
        f"{_ENGINE}/book/queue.py",
        "    order.holding.seen_version = 0\n",
        "",
    ),
    Bug(
        "what an order loses is beside its reserve",
        f"{_ENGINE}/risk/shortfall.py",
        "shortfall = loss_e6(order) - order.reserve_e6",
        "shortfall = loss_e6(order)",
    ),
    Bug(
        "bids are not looked at for what they lose",
        f"{_ENGINE}/risk/shortfall.py",
        "is_low = bid is None or bid.price_ticks * value <= mark",
        "is_low = True",
    ),
    Bug(
        "options that are offered lose in no mode",
        f"{_ENGINE}/risk/shortfall.py",
        "if instrument.is_option and holding.account.mode != _PORTFOLIO:",
        "if instrument.is_option:",
    ),
    Bug(
        "an order that helps is admitted though it does not reduce",
        f"{_ENGINE}/risk/margin.py",
        "account.reserve_e6 - reserve\n"
        "    return free >= 0 or (is_reducing(order) and _helps(core, order, value, fee))",
        "account.reserve_e6 - reserve\n    return free >= 0 or _helps(core, order, value, fee)",
    ),
    Bug(
        "a new mark does not reach the margin sums",
        f"{_ENGINE}/risk/marks.py",
        "_FOR_EVER_NS\n    prices_moved(core, instrument)\n",
        "_FOR_EVER_NS\n",
    ),
    Bug(
        "the position limit ignores open orders",
        f"{_ENGINE}/admission/limits.py",
        "worst = holding.qty_lots + holding.open_buy_lots + qty_lots",
        "worst = holding.qty_lots + qty_lots",
    ),
    Bug(
        "one order too many may be open",
        f"{_ENGINE}/admission/limits.py",
        "if len(holding.orders) >= instrument.max_open_orders",
        "if len(holding.orders) > instrument.max_open_orders",
    ),
    Bug(
        "a quote of the same size is not kept",
        f"{_ENGINE}/orders/quote.py",
        "0 < qty <= order.remaining_lots",
        "0 < qty < order.remaining_lots",
    ),
    Bug(
        "unrealised profit may leave",
        f"{_ENGINE}/operations/funds.py",
        "if amount_e6 > account.cash_e6 or amount_e6 > free_e6(core, account):",
        "if amount_e6 > free_e6(core, account):",
    ),
    Bug(
        "CancelAll ignores the MMP mark",
        f"{_ENGINE}/orders/cancel.py",
        "        and (not action.mmp or order.flags & _MMP != 0)\n",
        "",
    ),
    Bug(
        "a fill stays in the window a nanosecond longer",
        f"{_ENGINE}/matching/protection.py",
        "while mmp.window and mmp.window[0].ts_ns <= start_ns:",
        "while mmp.window and mmp.window[0].ts_ns < start_ns:",
    ),
    Bug(
        "reaching a limit is a breach under EXCEEDING too",
        f"{_ENGINE}/protection.py",
        "more = 1 if self.options & _EXCEEDING else 0",
        "more = 0",
    ),
    Bug(
        "the quantity of a window is net",
        f"{_ENGINE}/protection.py",
        "        self.qty_e16 += amount_e16 if amount_e16 > 0 else -amount_e16\n",
        "        self.qty_e16 += amount_e16\n",
    ),
    Bug(
        "a trigger leaves the account's other orders in the book",
        f"{_ENGINE}/matching/protection.py",
        "        cancel_protected(core, order.account, mmp.underlying, events)\n",
        "",
    ),
    Bug(
        "a freeze that ends now goes on",
        f"{_ENGINE}/lifecycle/expiry.py",
        "if mmp is not None and mmp.frozen_until_ns == due[0]:",
        "if mmp is not None and mmp.frozen_until_ns == due[0] < until_ns:",
    ),
    Bug(
        "a fill of an option counts as the underlying",
        f"{_ENGINE}/matching/protection.py",
        "signed_lots, mark.delta_e9, mark.vega_e9)",
        "signed_lots, 10**9, mark.vega_e9)",
    ),
    Bug(
        "volatility is linear in strike, not variance",
        f"{_ENGINE}/risk/surface.py",
        "    return isqrt(div_floor(weighted, above - below))\n",
        "    weighted = vol_below * (above - strike_e6) + vol_above * (strike_e6 - below)\n"
        "    return weighted // (above - below)\n",
    ),
    Bug(
        "puts that cross are no fault of a surface",
        f"{_ENGINE}/risk/surface.py",
        "call > call_below or call + strike < call_below + below",
        "call > call_below",
    ),
    Bug(
        "a mark is stale a nanosecond early",
        f"{_ENGINE}/admission/limits.py",
        "if core.now_ns > instrument.fresh_until_ns:",
        "if core.now_ns >= instrument.fresh_until_ns:",
    ),
    Bug(
        "time passes the marks of a surface by",
        f"{_ENGINE}/operations/prices.py",
        "            mark_expiry(core, surface, events)\n        else:\n",
        "            pass\n        else:\n",
    ),
    Bug(
        "a FOK counts what a trigger would cancel",
        f"{_ENGINE}/matching/fill_or_kill.py",
        "        if order.flags & _MMP and order.account.account in self.frozen:\n"
        "            return 0\n",
        "",
    ),
    Bug(
        "a FOK does not see that its own protection would end it",
        f"{_ENGINE}/matching/fill_or_kill.py",
        "        if run.is_stopped():\n            return False\n",
        "",
    ),
    Bug(
        "a taker goes on after its account froze",
        f"{_ENGINE}/matching/sweep.py",
        "            if is_protected and taker.remaining_lots > 0 and is_frozen(taker):\n"
        "                return _PROTECTED\n",
        "",
    ),
    Bug(
        "MAKER_ONLY counts takers",
        f"{_ENGINE}/protection.py",
        "return self.options & _MAKER_ONLY == 0",
        "return True",
    ),
    Bug(
        "a new protection keeps the window",
        f"{_ENGINE}/operations/mmp.py",
        "    empty_window(core, mmp)\n    return True\n",
        "    return True\n",
    ),
    Bug(
        "a restored freeze has no end",
        f"{_ENGINE}/restore.py",
        "    if mmp.frozen_until_ns > 0:\n        schedule_thaw(core, mmp)\n",
        "",
    ),
    Bug(
        "a taker's fill counts though its account froze as the maker",
        f"{_ENGINE}/matching/protection.py",
        "    mmp = counting(taker, False)\n    if mmp is not None and mmp.frozen_until_ns == 0:\n",
        "    mmp = counting(taker, False)\n    if mmp is not None:\n",
    ),
    Bug(
        "more calls short than long have a cap too",
        f"{_ENGINE}/risk/spread.py",
        "return NO_CAP if slope < 0 else div_ceil(-least, _E16)",
        "return div_ceil(-least, _E16)",
    ),
    Bug(
        "a spread is judged at its strikes only, not at 0",
        f"{_ENGINE}/risk/spread.py",
        "least = payoff if payoff < 0 else 0",
        "least = 0",
    ),
    Bug(
        "what a group offers covers others until it is sold",
        f"{_ENGINE}/risk/spread.py",
        "sold.append((leg.contract, leg.sold_lots))",
        "sold.append((leg.contract, leg.lots))",
    ),
    Bug(
        "an order's group is asked for without the order",
        f"{_ENGINE}/risk/margin.py",
        "leg = spread_leg(instrument, holding.qty_lots, buys, sells)\n        group",
        "leg = spread_leg(instrument, holding.qty_lots, 0, 0)\n        group",
    ),
    Bug(
        "an option in the money needs more than its rate",
        f"{_ENGINE}/risk/standard.py",
        "    if out_e6 > 0:\n        base_e15 -= _E9 * out_e6\n",
        "    base_e15 -= _E9 * out_e6\n",
    ),
    Bug(
        "an add-on has no cap",
        f"{_ENGINE}/risk/standard.py",
        "return margin if margin < whole else whole",
        "return margin",
    ),
    Bug(
        "the discount of shorts is that of longs",
        f"{_ENGINE}/risk/portfolio.py",
        "factor = sums.shape.long_e9 if value >= 0 else sums.shape.short_e9",
        "factor = sums.shape.long_e9",
    ),
    Bug(
        "the volatility up has no least",
        f"{_ENGINE}/risk/shapes.py",
        "    if up < shape.up_vol_min_e9:\n        up = shape.up_vol_min_e9\n",
        "",
    ),
    Bug(
        "an option is no collateral for a reducing order",
        f"{_ENGINE}/risk/margin.py",
        "if not instrument.is_option or order.account.mode == _PORTFOLIO:",
        "if not instrument.is_option:",
    ),
    Bug(
        "a mode that is refused stays",
        f"{_ENGINE}/risk/modes.py",
        "        enter_mode(account, before)\n",
        "",
    ),
    Bug(
        "relief counts one lot too many",
        f"{_ENGINE}/risk/open_lots.py",
        "div_ceil(limit, unit_e16) - 1",
        "div_ceil(limit, unit_e16)",
    ),
    Bug(
        "a closing order of a portfolio is looked at without the others",
        f"{_ENGINE}/risk/margin.py",
        "return not has_orders(account, instrument.underlying.name)",
        "return True",
    ),
    Bug(
        "relief ends the oldest order first",
        f"{_ENGINE}/matching/relief.py",
        "newest = orders.pop()",
        "newest = orders.pop(0)",
    ),
    Bug(
        "a position stays in the sums at its old values",
        f"{_ENGINE}/risk/sums.py",
        "            self._move(leg.risk, leg.lots, 0)\n",
        "",
    ),
    Bug(
        "the shape of an expiry outlives its time",
        f"{_ENGINE}/risk/lots.py",
        "        or shape.to_expiry_ns != to_expiry_ns\n",
        "",
    ),
    Bug(
        "a new portfolio model reaches nobody",
        f"{_ENGINE}/operations/margins.py",
        "            prices_moved(core, instrument)\n",
        "            pass\n",
    ),
    Bug(
        "an account is restored without its mode",
        f"{_ENGINE}/restore.py",
        "    enter_mode(account, mode)\n",
        "",
    ),
    *TROUBLE_BUGS,
)

QUICK = (
    "a level's total is not reduced by a fill",
    "the maker's fee is rounded down",
    "an amend to more lots keeps its place",
)
"""The ones that the test suite runs each time."""
