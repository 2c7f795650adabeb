"""The numbers of the desk's vocabulary: states, scopes, refusals, divergences.

A number is never reused and never changes its meaning; tests pin them all.
"""

from enum import IntEnum


class TradingState(IntEnum):
    """Whether strategies are asked for orders. DISABLED is where a desk starts ([DESK-20])."""

    DISABLED = 0
    ENABLED = 1


class Health(IntEnum):
    """Whether a link delivers. RECONNECTING is where a link starts ([DESK-22])."""

    RECONNECTING = 0
    HEALTHY = 1


class Link(IntEnum):
    """What a link delivers: the market data of a venue, or what happens in an account."""

    MARKET = 1
    ACCOUNT = 2


class OrderKind(IntEnum):
    """A market order takes at any price; its price only says what it is valued at."""

    LIMIT = 0
    MARKET = 1


class TimeInForce(IntEnum):
    """How long an order may live; GTD ends with a time."""

    GTC = 0
    GTD = 1
    IOC = 2
    FOK = 3


class Scope(IntEnum):
    """What the keys of a filter name; ALL takes no keys ([DESK-11])."""

    ALL = 0
    VENUES = 1
    INSTRUMENTS = 2
    UNDERLYINGS = 3
    DEPLOYMENTS = 4
    ACCOUNTS = 5


class Origin(IntEnum):
    """Who asked for an order. ALGO is a strategy after an event; CLOSE and HOOK answer to one.

    VENUE is nobody here: the venue tells of an order that the desk never asked for.
    """

    ALGO = 1
    CLOSE = 2
    HOOK = 3
    OPERATOR = 4
    VENUE = 5


class SendError(IntEnum):
    """What became of handing a request over ([DESK-13], [DESK-1A]).

    UNHEALTHY is recoverable: the desk goes on. After the others it stops.
    """

    NONE = 0
    UNHEALTHY = 1
    TERMINATED = 2
    NO_CHANNEL = 3

    @property
    def is_unrecoverable(self) -> bool:
        """Return whether the desk stops."""
        return self >= SendError.TERMINATED


class Refusal(IntEnum):
    """Why a command or a part of it changed nothing."""

    UNKNOWN_INSTRUMENT = 10
    UNKNOWN_DEPLOYMENT = 11
    UNKNOWN_ACCOUNT = 12
    UNKNOWN_ORDER = 13
    UNKNOWN_VENUE = 14
    UNKNOWN_UNDERLYING = 15
    BAD_QUANTITY = 20
    BAD_PRICE = 21
    OFF_TICK = 22
    OFF_LOT = 23
    BELOW_MINIMUM = 24
    ABOVE_MAXIMUM = 25
    BAD_OPTION = 26
    NO_PRICE = 27
    OTHER_VENUE = 28
    BAD_VALUE = 29
    GATE = 30
    TRADING_DISABLED = 31
    QUARANTINED = 32
    RISK = 33
    NOT_CANCELLABLE = 34
    DRAWDOWN = 35
    DIRECTION = 36
    SHUT_DOWN = 40
    ALREADY_REGISTERED = 41
    OTHER_STATE = 42
    FUTURE_SEQUENCE = 43
    TIME_REGRESSION = 44
    ALREADY_DONE = 45
    OTHER_PAYLOAD = 46


class Divergence(IntEnum):
    """What an account says that the desk did not expect. It is written down and never dropped."""

    FILL_OF_UNKNOWN_ORDER = 1
    FILL_OTHER_CONTENT = 2
    FILL_TOO_OLD = 3
    FILL_OVER_QUANTITY = 4
    FILL_OF_OTHER_ORDER = 5
    FILL_MALFORMED = 6
    FILL_OUT_OF_RANGE = 7
    ORDER_NOT_OURS = 8
    ORDER_VANISHED = 9
    ORDER_CAME_BACK = 10
    ORDER_MALFORMED = 11
    POSITION_DIFFERS = 12
    UNKNOWN_NAME = 13
    BALANCE_MALFORMED = 14


class EntityKind(IntEnum):
    """What the desk's state consists of."""

    DESK = 1
    VENUE = 2
    ACCOUNT = 3
    INSTRUMENT = 4
    MARKET = 5
    DEPLOYMENT = 6
    ORDER = 7
    POSITION = 8
    BALANCE = 9
    FILL = 10
    DIVERGENCE = 11
    MESSAGE = 12
    SYNC_POINT = 13
    STANDING = 14
    BROKER_FILL = 15
    DEFERRED = 16
    FEE = 20
    FUNDING = 21
    ACCOUNT_LIMITS = 22
