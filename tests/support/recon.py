"""Small books and pages for the tests of the sweep. Quantities are whole units."""

from collections.abc import Sequence

import msgspec

from lockstep_desk import Fill, Position, Severity, Side
from lockstep_desk.ids import position_id
from lockstep_desk.recon import (
    BookFill,
    BrokerBalance,
    BrokerOrder,
    BrokerPages,
    BrokerPosition,
    Kind,
    LocalView,
    Moment,
    OrderQuery,
    OrderStatus,
    Outcome,
    Page,
    Status,
    SweepConfig,
    make_page,
    sweep,
)

E8, E9, SECOND_NS = 10**8, 10**9, 10**9
BTC, ETH = "BTC-PERP", "ETH-PERP"
ALPHA, BETA = "alpha", "beta"
VENUE, ACCOUNT = "venue", "acc"
BUY, SELL = Side.BUY, Side.SELL
CONFIG = SweepConfig()


def fill(seq: int, side: Side, qty: int, price: int, **fields: object) -> Fill:
    """Return a fill of whole units at `seq` seconds, by nobody's order unless said."""
    made = Fill(
        fill_id=f"f{seq}",
        order_id=f"o{seq}",
        account=ACCOUNT,
        instrument=BTC,
        side=side,
        qty_e8=qty * E8,
        price_e9=price * E9,
        ts_ns=seq * SECOND_NS,
        seq=seq,
    )
    return msgspec.structs.replace(made, **fields)


def position(side: Side, qty: int, price: int, owner: str | None = ALPHA, seq: int = 1) -> Position:
    """Return a position that one fill opened at `seq` seconds."""
    return Position(
        position_id=position_id(ACCOUNT, BTC, owner, seq),
        version=1,
        account=ACCOUNT,
        instrument=BTC,
        deployment_id=owner,
        side=side,
        qty_e8=qty * E8,
        qty_max_e8=qty * E8,
        cost_e17=qty * E8 * price * E9,
        realised_e17=0,
        fees_enter_e9=0,
        fees_exit_e9=0,
        time_enter_ns=seq * SECOND_NS,
        time_update_ns=seq * SECOND_NS,
        fill_ids=(f"f{seq}",),
    )


def view(*positions: Position, **fields: object) -> LocalView:
    """Return the books of the account."""
    return msgspec.structs.replace(
        LocalView(venue=VENUE, account=ACCOUNT, positions=positions), **fields
    )


def moment(seq: int, from_seq: int = 0) -> Moment:
    """Return the moment of a sequence number, at as many seconds."""
    return Moment(seq, seq * SECOND_NS, from_seq)


def pages(
    held: int, fills: Sequence[Fill] = (), at: int = 100, from_seq: int = 0, **fields: object
) -> BrokerPages:
    """Return whole pages of a broker that holds whole units of BTC and has these fills."""
    positions = [BrokerPosition(BTC, held * E8)] if held else []
    orders: list[BrokerOrder] = []
    balances: list[BrokerBalance] = []
    made = BrokerPages(
        VENUE,
        ACCOUNT,
        0,
        make_page(positions, moment(at)),
        make_page(list(fills), moment(at, from_seq)),
        make_page(orders, moment(at)),
        make_page(balances, moment(at)),
    )
    return msgspec.structs.replace(made, **fields)


def broker_order(name: str, filled: int = 0, status: OrderStatus = OrderStatus.OPEN) -> BrokerOrder:
    """Return an order for five units as the broker has it."""
    return BrokerOrder(f"o-{name}", name, BTC, BUY, 5 * E8, filled * E8, status, SECOND_NS)


def asked(name: str, *found: BrokerOrder, at: int = 100) -> OrderQuery:
    """Return the broker's answer to a query for one order."""
    page: Page[BrokerOrder] = make_page(found, moment(at))
    return OrderQuery(name, page)


def swept(books: LocalView, said: BrokerPages, config: SweepConfig = CONFIG) -> Outcome:
    """Sweep, and check that the order in which fills are listed makes no difference."""
    outcome = sweep(books, said, config)
    if isinstance(said.fills, Page):
        turned = list(reversed(said.fills.items))
        at = Moment(said.fills.as_of_seq, said.fills.as_of_ns, said.fills.from_seq)
        other = msgspec.structs.replace(said, fills=make_page(turned, at))
        assert outcome == sweep(books, other, config)
    return outcome


def kinds(outcome: Outcome) -> list[tuple[Kind, Status, Severity]]:
    """Return what was opened."""
    return [(record.kind, record.status, record.severity) for record in outcome.opened]


def booked(outcome: Outcome) -> list[tuple[str, str | None, int, int]]:
    """Return (fill id, deployment, units, price) of everything that is to be booked."""
    return [
        (r.fill.fill_id, r.fill.deployment_id, r.fill.signed_qty_e8 // E8, r.fill.price_e9 // E9)
        for r in outcome.repairs
        if isinstance(r, BookFill)
    ]


def left(kind: Kind) -> list[tuple[Kind, Status, Severity]]:
    """Return `kinds` of one divergence that stands."""
    return [(kind, Status.UNRESOLVED, Severity.CRITICAL)]


def healed(kind: Kind) -> list[tuple[Kind, Status, Severity]]:
    """Return `kinds` of one divergence that was healed."""
    return [(kind, Status.HEALED, Severity.CRITICAL)]
