"""The golden history of a desk: every command, and every event but that of newer rules.

Small memories, so that fills, ended orders and divergences are forgotten on the way.
"""

from typing import Any, Final

import msgspec

from lockstep_desk.core.codes import (
    OrderKind,
    Origin,
    Scope,
    SendError,
    TimeInForce,
)
from lockstep_desk.core.commands import (
    NO_ACCOUNT_LIMITS,
    AccountLimits,
    ActivateRules,
    AdoptBrokerPosition,
    BalanceReport,
    CancelOrders,
    ClearHalt,
    ClosePositions,
    ExitPosition,
    FeeReport,
    Filter,
    FundingReport,
    Halt,
    Limits,
    OpenRequest,
    PositionReport,
    QueryOrders,
    Reconcile,
    RecordAccountDisconnect,
    RecordBalance,
    RecordCancelResponse,
    RecordCandle,
    RecordFee,
    RecordFill,
    RecordFunding,
    RecordL1,
    RecordMarketDisconnect,
    RegisterDeployment,
    RegisterVenue,
    ReplaceAccount,
    Resume,
    RiskRefusal,
    SendCancelRequests,
    SendOpenRequests,
    SetAccountLimits,
    SetLifecycle,
    SetLimits,
    SetQuarantine,
    SettleOrder,
    Shutdown,
    SubmitIntents,
)
from lockstep_desk.core.events import BrokerDiverged, OrderRequested
from lockstep_desk.core.params import DeskParams
from lockstep_desk.core.recon.carry import report_of
from lockstep_desk.fund import LifecycleState
from lockstep_desk.oms.states import OrderError, OrderState
from lockstep_desk.recon import BrokerPages, BrokerPosition, Moment, OrderQuery, make_page
from lockstep_desk.types import Fill, HaltAction, Liquidity, Side
from tests.support.desk import (
    ACCOUNT,
    BTC,
    E8,
    E9,
    ETH,
    VENUE,
    WIDE,
    Desk,
    fill_of,
    intents,
    limit_buy,
    limit_sell,
    market,
    of,
    report,
    reported,
    sent,
)

DESK_PARAMS: Final = DeskParams("golden", 40, 6, 3)


class Story(Desk):
    """A desk that keeps every command that it was sent, with its time."""

    def __init__(self) -> None:
        super().__init__(DESK_PARAMS)
        self.commands: list[tuple[int, msgspec.Struct]] = []
        self.told: list[Fill] = []

    def send(self, command: msgspec.Struct, ts_ns: int | None = None) -> list[Any]:
        events = super().send(command, ts_ns)
        self.commands.append((self.now_ns, command))
        return events

    def requested(self, command: msgspec.Struct) -> OrderRequested:
        """Send a command that lets one order go, and return that."""
        (order,) = of(OrderRequested, self.send(command))
        return order

    def trade(self, order: OrderRequested, qty: int, price: int) -> Fill:
        """Let an order trade whole units at the broker, and tell the desk."""
        made = self.broker_fill(order.side, qty, price, order.client_order_id)
        self.send(RecordFill(ACCOUNT, report_of(made)))
        return made

    def exit(self, owner: str, held: int, ordinal: int, qty: int = 1) -> None:
        """Ask to close whole units of a position, of which the broker holds as many as told."""
        position_id = self.core.book((ACCOUNT, BTC, owner)).position_id
        said = self.pages(held)
        self.send(ExitPosition(position_id, ordinal, qty * E8, said.positions, said.fills, 0))

    def broker_fill(self, side: Side, qty: int, price: int, name: str = "") -> Fill:
        """Let the account trade whole units of BTC at its broker, who numbers it."""
        seq = len(self.told) + 1
        made = Fill(
            fill_id=f"b{seq}",
            order_id=f"v{seq}",
            client_order_id=name,
            account=ACCOUNT,
            instrument=BTC,
            side=side,
            qty_e8=qty * E8,
            price_e9=price * E9,
            fee_e9=-(seq % 2) * E9,
            liquidity=Liquidity.MAKER,
            ts_ns=self.now_ns + seq,
            seq=seq,
        )
        self.told.append(made)
        return made

    def pages(self, held: int, **fields: object) -> BrokerPages:
        """Return what the broker says: all its fills, and whole units that it holds."""
        moment = Moment(len(self.told), self.now_ns + 10**6)
        positions = [BrokerPosition(BTC, held * E8)] if held else []
        made = BrokerPages(
            *(VENUE, ACCOUNT, 0, make_page(positions, moment), make_page(self.told, moment)),
            *(make_page([], moment), make_page([], moment)),
        )
        return msgspec.structs.replace(made, **fields)


def desk_day() -> list[tuple[int, msgspec.Struct]]:
    """A day from its registrations to its end, and the beginning of the next."""
    story = Story()
    alpha = story.open_market()
    _market(story)
    _broker(story, alpha)
    _orders(story, alpha)
    _unknown(story, alpha)
    _operator(story, alpha)
    _books(story, alpha)
    _account_limits(story, alpha)
    _snapshot(story, alpha)
    _restart(story, alpha)
    return story.commands


def _market(story: Story) -> None:
    """Prices of every kind, an old one, a bad one, and a link that is lost."""
    story.send(RegisterVenue(VENUE))
    story.price(BTC, 10_000)
    story.price(ETH, 2)
    story.send(RecordL1(BTC, 9_990 * E9, E8, 10_010 * E9, 3 * E8, 5))
    story.send(RecordL1(BTC, 9_990 * E9, E8, 10_010 * E9, 3 * E8, 5))
    story.send(RecordL1("nothing", 1, 1, 2, 1, 6))
    story.send(RecordCandle(ETH, E9, 3 * E9, E9, 2 * E9, 7 * E8, 10, 20))
    story.send(RecordMarketDisconnect(VENUE))
    story.send(ReplaceAccount(ACCOUNT, 1, (BalanceReport("usdt", 10**15, 10**15, 1),), (), None))
    story.price(BTC, 10_001)
    story.enable()


def _orders(story: Story, alpha: str) -> None:
    """Orders with every option, refused by everybody who may, sent, and not sent."""
    beta = story.one(RegisterDeployment("beta", "strategy", "v2", 1, WIDE)).deployment
    story.want(beta, limit_buy())
    story.allow_manual()
    gtd = OpenRequest(
        *(ACCOUNT, BTC, Side.BUY, 2 * E8, 9_900 * E9, OrderKind.LIMIT, TimeInForce.GTD),
        *(True, False, 10**15, True),
    )
    first = story.resting(alpha, gtd)
    story.send(report(first, OrderState.OPEN, E8, story.now_ns))
    refusal = RiskRefusal("too much at once", "", limit_sell())
    story.send(SubmitIntents(Origin.ALGO, alpha, 3, 1, ("nobody",), (limit_buy(1),), (refusal,)))
    story.send(SubmitIntents(Origin.ALGO, alpha, 3, 2**40))
    story.send(intents("nobody", limit_buy()))
    failed = story.requested(intents(alpha, limit_buy(), origin=Origin.HOOK))
    story.send(sent(failed.client_order_id, "nobody", error=SendError.UNHEALTHY))
    by_hand = story.requested(SendOpenRequests((limit_sell(E8, 10_100),)))
    story.send(sent(by_hand.client_order_id))
    story.send(SendCancelRequests((by_hand.client_order_id, first.client_order_id)))
    story.send(SendCancelRequests((by_hand.client_order_id,)))
    story.send(sent(by_hand.client_order_id, cancel=True))
    story.send(RecordCancelResponse(ACCOUNT, by_hand.client_order_id, OrderError.NONE, 9))
    refused = OrderError.ALREADY_FULLY_FILLED
    story.send(RecordCancelResponse(ACCOUNT, first.client_order_id, refused, 9))
    story.send(report(first, OrderState.FULLY_FILLED, None, story.now_ns))


def _unknown(story: Story, alpha: str) -> None:
    """Orders of which nobody knows: timed out, asked for, settled both ways."""
    for is_found in (True, False):
        order = story.opened(alpha, limit_buy(E8, 9_800))
        story.send(report(order, OrderState.OPEN_FAILED, None, 0, OrderError.TIMEOUT))
        story.send(QueryOrders(Filter(Scope.INSTRUMENTS, (BTC,))))
        found = reported(order, OrderState.OPEN, 0, story.now_ns) if is_found else None
        story.send(SettleOrder(ACCOUNT, order.client_order_id, found))
    story.send(CancelOrders(Filter(Scope.ACCOUNTS, (ACCOUNT,))))
    story.send(CancelOrders(Filter(Scope.VENUES, ("nowhere",))))


def _operator(story: Story, alpha: str) -> None:
    """Limits, halts, states, quarantine, and what each of them refuses."""
    small = Limits(10**14, 100, 10**6, HaltAction.WARN, True, 500, 10**9, is_sliding=True)
    story.send(SetLimits(alpha, small))
    story.want(alpha, limit_buy(E8, 10_000))
    story.send(SetLimits(alpha, msgspec.structs.replace(small, halt_action=HaltAction.LIQUIDATE)))
    story.want(alpha, limit_buy(E8, 10_000))
    story.send(SetLimits(alpha, Limits(0, 1, 1)))
    story.send(SetLimits(alpha, Limits(10**14, 10**14, 10**6, is_strict=True)))
    story.send(Halt(alpha, HaltAction.HARD_HALT, "a look at it"))
    story.want(alpha, limit_buy())
    story.send(ClearHalt(alpha))
    states = (LifecycleState.LIVE, LifecycleState.HALTED)
    for source, target in (states, states, (states[1], states[0])):
        story.send(SetLifecycle(alpha, source, target))
    for is_on in (True, False):
        story.send(SetQuarantine(Scope.ACCOUNTS, ACCOUNT, is_on))
        story.want(alpha, market(Side.BUY, instrument=ETH))
    story.send(SetLimits(alpha, Limits(10**14, 10**14, 10**6)))
    story.send(ActivateRules(1))


def _books(story: Story, alpha: str) -> None:
    """Fills: once, twice, another one, by nobody's order, with a fee elsewhere, through zero."""
    buying = story.resting(alpha, limit_buy(3 * E8))
    told = fill_of(buying, "one", 2 * E8, 10_000 * E9, 3 * E9)
    story.send(RecordFill(ACCOUNT, told))
    story.send(RecordFill(ACCOUNT, told))
    story.send(RecordFill(ACCOUNT, msgspec.structs.replace(told, fee_e9=4 * E9)))
    story.send(RecordFee(ACCOUNT, FeeReport("one", buying.client_order_id, "bnb", 5, 7)))
    story.send(RecordFunding(ACCOUNT, FundingReport("first", buying.instrument, 2 * E8, -E9, 8)))
    balance = RecordBalance(ACCOUNT, BalanceReport("usdt", 9 * 10**14, 8 * 10**14, 50))
    story.send(balance)
    story.send(balance)
    turning = story.resting(alpha, limit_sell(5 * E8, 10_200))
    story.fill(turning, 5 * E8, 10_200, 5)
    unknown = msgspec.structs.replace(told, fill_id="two", client_order_id="x", ts_ns=9_999)
    story.send(RecordFill(ACCOUNT, unknown))
    closing = story.requested(ClosePositions())
    story.send(sent(closing.client_order_id))
    story.fill(closing, closing.qty_e8, 10_150, 1)
    by_hand = story.requested(SendOpenRequests((market(Side.SELL, 2 * E8),)))
    story.fill(by_hand, 2 * E8, 10_150, 1)


def _account_limits(story: Story, alpha: str) -> None:
    """A drawdown that blocks and ends, one direction, and bad limits."""
    _quote(story, 10_150)
    flat = story.resting(alpha, limit_buy(2 * E8, 10_150))
    story.fill(flat, 2 * E8, 10_150)
    story.send(SetAccountLimits(ACCOUNT, AccountLimits("usdt", 1_000 * E9, 1_000, True)))
    story.send(SetAccountLimits(ACCOUNT, AccountLimits("usdt", 1_000 * E9, 0)))
    order = story.resting(alpha, limit_buy(E8, 10_150))
    story.fill(order, E8, 10_150)
    story.send(SendOpenRequests((limit_sell(),)))
    _quote(story, 10_000)
    story.want(alpha, limit_buy())
    _quote(story, 10_149)
    selling = story.resting(alpha, limit_sell(E8, 10_149))
    story.fill(selling, E8, 10_149)
    story.send(SetAccountLimits(ACCOUNT, NO_ACCOUNT_LIMITS))


def _snapshot(story: Story, alpha: str) -> None:
    """A lost link, and a snapshot that lacks one order and has a stranger and another position."""
    kept = story.resting(alpha, limit_buy(E8, 9_700))
    story.resting(alpha, limit_buy(E8, 9_600))
    story.send(RecordAccountDisconnect(ACCOUNT))
    stranger = msgspec.structs.replace(kept, client_order_id="stranger")
    orders = tuple(reported(one, OrderState.OPEN, 0, story.now_ns) for one in (kept, stranger))
    held = (PositionReport(BTC, 7),)
    story.send(ReplaceAccount(ACCOUNT, story.now_ns, (), orders, held))
    story.send(CancelOrders())
    for name in (kept.client_order_id, "stranger"):
        story.send(RecordCancelResponse(ACCOUNT, name, OrderError.NONE, story.now_ns))


def _broker(story: Story, alpha: str) -> None:
    """Sweeps that find nothing, a hidden close, a size to adopt; exits sent, repeated, deferred."""
    opening = story.resting(alpha, limit_buy(6 * E8))
    story.trade(opening, 6, 10_000)
    story.send(Reconcile(story.pages(6)))
    story.exit(alpha, 6, 0)
    story.exit(alpha, 6, 0)
    story.exit(alpha, 6, 0, 2)
    closing = list(story.core.live.values())[-1]
    made = story.broker_fill(Side.SELL, 1, 9_990, closing.client_order_id)
    story.send(RecordFill(ACCOUNT, report_of(made)))
    hidden = story.broker_fill(Side.SELL, 5, 9_900)
    story.exit(alpha, 0, 1)
    story.send(RecordFill(ACCOUNT, report_of(hidden)))
    story.send(Reconcile(story.pages(0)))
    unknown = story.opened(alpha, limit_buy(E8, 9_000))
    story.send(report(unknown, OrderState.OPEN_FAILED, None, 0, OrderError.TIMEOUT))
    answer = OrderQuery(unknown.client_order_id, make_page([], Moment(len(story.told), 10**18)))
    told = of(BrokerDiverged, story.send(Reconcile(story.pages(2, queries=(answer,)))))
    (adopted,) = [one.record.divergence_id for one in told if one.record.gap_e8]
    story.send(AdoptBrokerPosition(ACCOUNT, adopted, alpha))
    story.send(AdoptBrokerPosition(ACCOUNT, adopted, alpha, 9_950 * E9))
    story.send(Reconcile(story.pages(3)))
    selling = story.resting(alpha, limit_sell(2 * E8, 9_950))
    story.trade(selling, 2, 9_950)
    story.send(Reconcile(story.pages(0)))


def _restart(story: Story, alpha: str) -> None:
    """The end, what still comes back, and a restart that asks for what was in flight."""
    late, pending = (story.opened(alpha, limit_buy(E8, price)) for price in (9_000, 9_001))
    story.send(Shutdown())
    story.send(report(late, OrderState.OPEN, 0, story.now_ns))
    story.want(alpha, limit_buy())
    story.send(Resume())
    story.send(SettleOrder(ACCOUNT, pending.client_order_id, None))


def _quote(story: Story, price: int) -> None:
    story.send(RecordL1(BTC, (price - 1) * E9, E8, (price + 1) * E9, E8, story.now_ns + 1))
