"""The numbers of the public vocabulary: sides, times in force, flags, statuses, reasons, codes.

A number is never reused and never changes its meaning; tests pin them all.
"""

from enum import IntEnum, IntFlag


class Side(IntEnum):
    """Which side of the book an order stands on."""

    BUY = 0
    SELL = 1


class OrderType(IntEnum):
    """A market order is an IOC order whose price is its protection."""

    LIMIT = 0
    MARKET = 1


class TimeInForce(IntEnum):
    """How long an order may live."""

    GTC = 0
    GTD = 1
    IOC = 2
    FOK = 3


class OrderFlag(IntFlag):
    """Options of an order. POST_ONLY rejects an order that would take, REPRICE moves it away."""

    NONE = 0
    POST_ONLY = 1
    REPRICE = 2
    REDUCE_ONLY = 4
    MMP = 8


class SelfTradeMode(IntEnum):
    """What happens when a taker meets an order of its own account or self-trade group."""

    CANCEL_TAKER = 0
    CANCEL_MAKER = 1
    CANCEL_BOTH = 2
    DECREMENT = 3
    ALLOW = 4


class Role(IntFlag):
    """Powers that the operator root grants to a key."""

    ADMIN = 1
    ORACLE = 2
    TREASURY = 4
    RISK = 8


class InstrumentKind(IntEnum):
    """What a symbol names."""

    PERPETUAL = 1
    FUTURE = 2
    CALL = 3
    PUT = 4


class InstrumentStatus(IntEnum):
    """ACTIVE trades; CLOSE_ONLY takes orders that reduce; HALTED and later take none."""

    ACTIVE = 1
    CLOSE_ONLY = 2
    HALTED = 3
    EXPIRED_PENDING_PRICE = 4
    SETTLED = 5


class CancelReason(IntEnum):
    """Why an order ended without being filled."""

    USER = 1
    IMMEDIATE = 2
    SELF_TRADE = 3
    ORDER_EXPIRED = 4
    INSTRUMENT_EXPIRED = 5
    REDUCE_ONLY = 6
    AMENDED = 7
    REPLACED = 8
    QUOTE = 9
    MMP = 10
    MARGIN = 11
    LIQUIDATION = 12


class AmendReason(IntEnum):
    """Why an order changed without a trade."""

    USER = 1
    REDUCE_ONLY = 2
    SELF_TRADE = 3
    QUOTE = 4


class CashReason(IntEnum):
    """Why cash moved other than by a trade."""

    DEPOSIT = 1
    WITHDRAWAL = 2
    TRANSFER_OUT = 3
    TRANSFER_IN = 4
    BUILDER_FEE = 5
    DEBT_REPAID = 6
    LIQUIDATION_FEE = 7
    INSURANCE = 8
    DEBT = 9


class MmpOption(IntFlag):
    """MAKER_ONLY: fills as a taker do not count. EXCEEDING: reaching a limit is no breach yet.

    RELIEF: open MMP orders need margin up to the quantity limit only ([MRG-5]).
    """

    NONE = 0
    MAKER_ONLY = 1
    EXCEEDING = 2
    RELIEF = 4


class MmpLimit(IntFlag):
    """The limits that a trigger breached."""

    QTY = 1
    DELTA = 2
    VEGA = 4


class MarginMode(IntEnum):
    """How the margin of an account is computed: docs/rules.md, [MRG-1] to [MRG-3]."""

    STANDARD = 0
    STANDARD_SPREAD = 1
    PORTFOLIO = 2


class VolRule(IntEnum):
    """How a risk scenario moves volatilities: FIXED by a factor, UP and DOWN by a power law of the
    time to expiry, LINEAR and WINGS by a skew in the distance of the strike from the forward.
    """

    FIXED = 0
    UP = 1
    DOWN = 2
    LINEAR = 3
    WINGS = 4


class EntityKind(IntEnum):
    """The kinds of records in the state digest, each with its key."""

    ACCOUNT = 1
    AGENT = 2
    ROLE = 3
    NONCES = 4
    REQUEST = 5
    UNDERLYING = 6
    INSTRUMENT = 7
    BOOK = 8
    ORDER = 9
    POSITION = 10
    FEE_SCHEDULE = 11
    TREASURY = 12
    MARK = 13
    SURFACE = 14
    MMP = 15
    MMP_FILL = 16
    PORTFOLIO_MODEL = 17
    INDEX_WINDOW = 18
    SETTLEMENT = 19
    FUNDING = 20


class Code(IntEnum):
    """Why a command or an order was refused; blocks of one hundred per subsystem."""

    ACCEPTED = 0

    TIME_REGRESSION = 101
    CLOCK_STEP = 102

    UNKNOWN_ACCOUNT = 201
    UNKNOWN_SIGNER = 202
    NOT_AUTHORIZED = 203

    REQUEST_ID_CONFLICT = 301
    NONCE_OUT_OF_WINDOW = 311
    NONCE_TOO_OLD = 312
    NONCE_REUSED = 313

    DUPLICATE_CLIENT_ID = 401
    UNKNOWN_INSTRUMENT = 402
    BAD_SIDE = 403
    BAD_ORDER_TYPE = 404
    BAD_TIME_IN_FORCE = 405
    BAD_FLAGS = 406
    BAD_SELF_TRADE_MODE = 407
    BAD_EXPIRY = 408
    BAD_CLIENT_ID = 409
    BAD_LINEAGE = 410
    BAD_BUILDER = 411
    BAD_BATCH = 412
    BAD_QUOTE = 413
    UNKNOWN_ORDER = 414

    PRICE_NOT_POSITIVE = 501
    PRICE_OFF_TICK = 502
    PRICE_ABOVE_MAX = 503
    PRICE_OUT_OF_BAND = 504

    SIZE_NOT_POSITIVE = 601
    SIZE_OFF_LOT = 602
    SIZE_BELOW_MIN = 603
    SIZE_ABOVE_MAX = 604
    NOTIONAL_BELOW_MIN = 605

    INSTRUMENT_HALTED = 701
    INSTRUMENT_EXPIRED = 702
    INSTRUMENT_CLOSE_ONLY = 703
    NO_INDEX_PRICE = 704
    NO_MARK_PRICE = 705
    STALE_MARK = 706

    OPEN_ORDERS_LIMIT = 801
    POSITION_LIMIT = 802

    REDUCE_ONLY_WOULD_INCREASE = 901
    POST_ONLY_WOULD_CROSS = 902
    FOK_UNFILLABLE = 903
    INSUFFICIENT_MARGIN = 904
    NO_MARGIN_MODEL = 905
    NO_SURFACE = 906

    AMOUNT_NOT_POSITIVE = 1001
    AMOUNT_ABOVE_LIMIT = 1002
    INSUFFICIENT_FUNDS = 1003

    ALREADY_EXISTS = 1101
    BAD_SYMBOL = 1102
    BAD_PARAMETER = 1103
    UNKNOWN_UNDERLYING = 1104
    VALUE_NOT_WHOLE = 1105
    UNKNOWN_ROLE = 1106
    RULES_NOT_NEWER = 1107
    UNKNOWN_AGENT = 1108
    UNKNOWN_FEE_TIER = 1109
    BAD_SURFACE = 1110
    SURFACE_EXISTS = 1111
    BAD_MARGIN_MODEL = 1112

    MMP_NOT_CONFIGURED = 1201
    MMP_FROZEN = 1202
    BAD_MMP_CONFIG = 1203

    ACCOUNT_IN_DEBT = 1301
    ACCOUNT_HEALTHY = 1302

    BAD_BLOCK = 1401
    BLOCK_SAME_PARTY = 1402
    BLOCK_OFF_MARKET = 1403

    NOT_EXPIRED = 1501
    UNKNOWN_EXPIRY = 1502
    NO_SETTLEMENT_PRICE = 1503
    SETTLEMENT_PRICE_FINAL = 1504
    ALREADY_SETTLED = 1505
    NOT_PERPETUAL = 1506
