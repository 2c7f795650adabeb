"""What is true of every state between two commands, each checked by adding up rows."""

from lockstep_engine.codes import InstrumentKind, InstrumentStatus, MarginMode, OrderFlag, Side
from lockstep_kernel import check
from lockstep_naive.access import unpacked_nonces
from lockstep_naive.book import best_price, orders_of_account, orders_of_instrument
from lockstep_naive.core import NaiveCore
from lockstep_naive.exposure import EXPOSURE_BOUND_E6, exposure_e6
from lockstep_naive.funding import is_good_funding
from lockstep_naive.margin import instruments_of, is_closing
from lockstep_naive.marks import is_good_surface
from lockstep_naive.matching import reduce_only_orders
from lockstep_naive.mmp import check_mmp_order, window_of
from lockstep_naive.money import position_of, treasury_of
from lockstep_naive.rows import Instrument
from lockstep_naive.shapes import is_good_model
from lockstep_naive.window import WEIGHED_BYTES, WINDOW_NS
from lockstep_naive.worth import expiry_ns


def check_all(core: NaiveCore) -> None:
    """Raise `InvariantError` for the first invariant that does not hold."""
    core.check_groups()
    check_cash(core)
    check_debt(core)
    check_instruments(core)
    check_settlements(core)
    check_windows(core)
    check_fundings(core)
    check_orders(core)
    check_reduce_only(core)
    check_unique(core)
    check_access(core)
    check_marks(core)
    check_margin(core)
    check_exposure(core)
    check_mmp(core)


def check_cash(core: NaiveCore) -> None:
    """Cash less debt of all accounts, fees, insurance and clearing are the net deposits."""
    treasury = treasury_of(core)
    cash = sum(account.cash_e6 - account.debt_e6 for account in core.accounts.all())
    costs = sum(
        position.cost_e6
        for position in core.positions.all()
        if not core.instruments.must(position.instrument).is_option
    )
    found = cash + treasury.fees_e6 + treasury.insurance_e6 - costs
    expected = treasury.net_deposits_e6
    check(found == expected, f"expected net deposits {expected}, found cash {found}")
    check(treasury.fees_e6 >= 0, f"the exchange has paid {-treasury.fees_e6} of fees")
    check(treasury.insurance_e6 >= 0, f"the insurance fund has {treasury.insurance_e6}")


def check_debt(core: NaiveCore) -> None:
    """An account in debt has nothing but what repays it: no order, no position."""
    for account in core.accounts.all():
        name = f"account {account.account}"
        check(account.debt_e6 >= 0, f"{name} has debt {account.debt_e6}")
        if account.debt_e6 > 0:
            check(account.cash_e6 >= 0, f"{name} is in debt and has cash {account.cash_e6}")
            orders = orders_of_account(core, account.account)
            check(not orders, f"{name} is in debt and has orders")
            positions = core.positions.group("account", account.account)
            check(not positions, f"{name} is in debt and has positions")


def check_instruments(core: NaiveCore) -> None:
    """Positions sum to zero, and no book is crossed or locked."""
    for instrument in core.instruments.all():
        number = instrument.instrument
        positions = core.positions.group("instrument", number)
        lots = sum(position.qty_lots for position in positions)
        check(lots == 0, f"positions of instrument {number} sum to {lots}")
        bid, ask = best_price(core, number, Side.BUY), best_price(core, number, Side.SELL)
        if bid is not None and ask is not None:
            check(bid < ask, f"book {number}: bid {bid}, ask {ask}")
        is_empty = not orders_of_instrument(core, number)
        check(is_empty or not instrument.is_expired, f"expired book {number} has orders")
        is_status = InstrumentStatus.ACTIVE <= instrument.status <= max(InstrumentStatus)
        check(is_status, f"instrument {number} has status {instrument.status}")


def check_settlements(core: NaiveCore) -> None:
    """What is past its expiry, and only that, has a price; what is settled has no positions."""
    keys = {_expiry_of(core, each) for each in core.instruments.all() if each.is_expired}
    settled = {settlement.key for settlement in core.settlements.all()}
    check(keys == settled, f"expected prices of {sorted(keys)}, found {sorted(settled)}")
    for instrument in core.instruments.all():
        number = instrument.instrument
        at_ns = expiry_ns(core, instrument)
        is_past = at_ns != 0 and at_ns <= core.now_ns
        check(instrument.is_expired == is_past, f"instrument {number} expires at {at_ns}")
        if instrument.status == InstrumentStatus.SETTLED:
            positions = core.positions.group("instrument", number)
            check(not positions, f"settled instrument {number} has positions")
            settlement = core.settlements.must(_expiry_of(core, instrument))
            check(settlement.is_final, f"instrument {number} is settled at no final price")
    for settlement in core.settlements.all():
        name = f"settlement price of {settlement.key}"
        check(settlement.price_e6 >= 0 and settlement.samples >= 0, f"{name} is negative")
        check(settlement.price_e6 > 0 or not settlement.is_final, f"{name} is final and 0")


def check_windows(core: NaiveCore) -> None:
    """A window of the index was begun and last updated within its half hour, before now."""
    for window in core.windows.all():
        name = f"window of {window.underlying}"
        check(core.underlyings.get(window.underlying) is not None, f"{name} has no underlying")
        start_ns = window.expiry_ns - WINDOW_NS
        is_in_order = start_ns <= window.open_ns <= window.since_ns < window.expiry_ns
        check(is_in_order and window.since_ns <= core.now_ns, f"{name} has times out of order")
        check(window.samples >= 1, f"{name} has {window.samples} samples")
        check(len(window.weighed) == WEIGHED_BYTES, f"{name} has a sum of other size")
        key = (window.underlying, window.expiry_ns)
        check(core.settlements.get(key) is None, f"{name} is of a price that is fixed")


def check_fundings(core: NaiveCore) -> None:
    """Funding is of perpetuals, and within its bounds."""
    for funding in core.fundings.all():
        instrument = core.instruments.get(funding.instrument)
        is_known = instrument is not None and instrument.contract.kind == InstrumentKind.PERPETUAL
        is_good = is_known and is_good_funding(funding)
        check(is_good, f"funding of {funding.instrument} is out of its bounds")


def check_orders(core: NaiveCore) -> None:
    """Every resting order is live, of an account, in time and counted below the counters."""
    for order in core.orders.all():
        name = f"order {order.order_id}"
        check(core.accounts.get(order.account) is not None, f"{name} has no account")
        check(core.instruments.get(order.instrument) is not None, f"{name} has no instrument")
        check(order.side in {Side.BUY, Side.SELL}, f"{name} has side {order.side}")
        check(1 <= order.remaining_lots <= order.qty_lots, f"{name} has a bad remaining")
        check(order.price_ticks >= 1, f"{name} has price {order.price_ticks}")
        check(order.reserve_e6 >= 0, f"{name} has reserve {order.reserve_e6}")
        check(1 <= order.order_id < core.time.next_order_id, f"{name} is not given out yet")
        check(1 <= order.arrival < core.time.next_arrival, f"{name} has arrival {order.arrival}")
        is_in_time = order.expires_ns == 0 or order.expires_ns > core.now_ns
        check(is_in_time, f"{name} expired at {order.expires_ns}")


def check_reduce_only(core: NaiveCore) -> None:
    """Per account, instrument and side reduce-only orders never exceed the position."""
    for order in core.orders.all():
        if order.has(OrderFlag.REDUCE_ONLY):
            position_lots = position_of(core, order.account, order.instrument).qty_lots
            bound = abs(position_lots) if is_closing(position_lots, order.side) else 0
            same = reduce_only_orders(core, order.account, order.instrument, order.side)
            lots = sum(other.remaining_lots for other in same)
            check(lots <= bound, f"order {order.order_id}: reduce-only {lots} above {bound}")


def check_unique(core: NaiveCore) -> None:
    """Arrivals, client ids of an account, and sides of a quote set are unique."""
    orders = core.orders.all()
    client_ids = [(order.account, order.client_id) for order in orders if order.client_id]
    quotes = [
        (order.account, order.quote_set, order.instrument, order.side)
        for order in orders
        if order.quote_set
    ]
    symbols = [instrument.symbol for instrument in core.instruments.all()]
    check(len({order.arrival for order in orders}) == len(orders), "two orders have one arrival")
    check(len({*client_ids}) == len(client_ids), "two orders of an account have one client_id")
    check(len({*quotes}) == len(quotes), "two orders are one side of one quote set")
    check(len({*symbols}) == len(symbols), "two instruments are one contract")


def check_access(core: NaiveCore) -> None:
    """Nonces rise above their floor, and neither nonces nor requests exceed their capacity."""
    for row in core.nonces.all():
        nonces = unpacked_nonces(row)
        rising = [row.floor, *sorted({*nonces})]
        check([row.floor, *nonces] == rising and len(row.packed) == 8 * len(nonces), "bad nonces")
        check(min(nonces, default=row.floor) > row.floor, "a nonce is not above its floor")
        check(len(nonces) <= core.params.nonce_capacity, "a signer has too many nonces")
    for request in core.requests.all():
        count = len(core.requests.group("account", request.account))
        check(count <= core.params.request_capacity, "an account has too many requests")
        check(1 <= request.number < core.time.next_request, "a request has a bad number")


def check_marks(core: NaiveCore) -> None:
    """Marks are of instruments and of the past, surfaces within their bounds."""
    for mark in core.marks.all():
        name = f"mark {mark.instrument}"
        instrument = core.instruments.get(mark.instrument)
        check(instrument is not None, f"{name} has no instrument")
        check(mark.price_e6 >= 0, f"{name} has price {mark.price_e6}")
        check(0 <= mark.marked_ns <= core.now_ns, f"{name} was set at {mark.marked_ns}")
    for surface in core.surfaces.all():
        underlying = core.underlyings.get(surface.underlying)
        is_good = underlying is not None and is_good_surface(underlying, surface)
        check(is_good, f"surface {surface.key} is out of its bounds")


def check_margin(core: NaiveCore) -> None:
    """Models are good and of underlyings; what has mode PORTFOLIO has a model for all it has."""
    for model in core.models.all():
        is_known = core.underlyings.get(model.underlying) is not None
        check(
            is_known and is_good_model(model), f"model of {model.underlying} is out of its bounds"
        )
    for account in core.accounts.all():
        name = f"account {account.account}"
        is_mode = account.margin_mode in {*MarginMode}
        check(is_mode, f"{name} has margin mode {account.margin_mode}")
        if account.margin_mode == MarginMode.PORTFOLIO:
            for number in instruments_of(core, account.account):
                underlying = core.instruments.must(number).contract.underlying
                check(core.models.get(underlying) is not None, f"{name} has {number} without model")


def check_exposure(core: NaiveCore) -> None:
    """No account can come to hold more than it may, whatever fills."""
    for account in core.accounts.all():
        exposure = exposure_e6(core, account.account)
        is_bounded = exposure <= EXPOSURE_BOUND_E6
        check(is_bounded, f"exposure of account {account.account} is {exposure}")


def check_mmp(core: NaiveCore) -> None:
    """Windows are of their configurations and not breached; MMP orders rest where not frozen."""
    for mmp in core.mmps.all():
        account, underlying = mmp.key
        name = f"protection {account} in {underlying}"
        is_known = core.underlyings.get(underlying) is not None
        check(core.accounts.get(account) is not None and is_known, f"{name} protects nothing")
        is_future = mmp.frozen_until_ns > core.now_ns
        check(mmp.frozen_until_ns in {0, -1} or is_future, f"{name} was frozen up to the past")
        window = window_of(core, mmp.key)
        check(not (window and mmp.is_frozen), f"{name} is frozen and has fills in its window")
        times = [fill.ts_ns for fill in window]
        check(
            [*times, core.now_ns] == sorted([*times, core.now_ns]), f"{name} has fills out of time"
        )
        numbers = [fill.key[2] for fill in window]
        expected = list(range(mmp.next_fill - len(window), mmp.next_fill))
        check(numbers == expected and mmp.next_fill > len(window), f"{name} has numbers {numbers}")
    for fill in core.mmp_fills.all():
        check(core.mmps.get(fill.window) is not None, f"fill {fill.key} is of no protection")
        check(core.marks.get(fill.instrument) is not None, f"fill {fill.key} has no mark")
        check(fill.lots != 0, f"fill {fill.key} has no lots")
    for order in core.orders.all():
        refusal = check_mmp_order(core, order)
        check(refusal is None, f"order {order.order_id} rests without protection: {refusal}")


def _expiry_of(core: NaiveCore, instrument: Instrument) -> tuple[str, int]:
    return instrument.contract.underlying, expiry_ns(core, instrument)
