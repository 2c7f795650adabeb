"""Checks of what a strategy wants, before it is sent; whatever cannot be known refuses ([DESK-53]).

Owns the decision per intent, and the arithmetic of notional, deviation and delta ([DESK-52]). It
changes no intent: a refusal carries the intent and a sentence. The gate of `fund` looks at what
passes here once more, at the submit boundary; positions and caps are its business.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from lockstep_desk.errors import InvalidValueError, need_int
from lockstep_desk.strategy.base import Cancel, Context, Open
from lockstep_desk.types import E8, Side
from lockstep_kernel.arith import div_ceil, div_trunc

BPS = 10_000


class Contract(NamedTuple):
    """What risk knows of an instrument: units of the underlying per 1, whether it is an option."""

    size_e8: int = E8
    is_option: bool = False


class Input(NamedTuple):
    """One wanted order, the context it was wanted in, and its contract; None is not known."""

    open: Open
    context: Context
    contract: Contract | None


class RiskRefused(NamedTuple):
    """An intent that may not go, and why."""

    item: Open | Cancel
    reason: str


class Decision(NamedTuple):
    """What may go and what may not, each in the order in which it came ([DESK-50])."""

    cancels: tuple[Cancel, ...]
    opens: tuple[Open, ...]
    refused_cancels: tuple[RiskRefused, ...]
    refused_opens: tuple[RiskRefused, ...]


class RiskCheck(Protocol):
    """One rule."""

    def name(self) -> str:
        """Return what the rule is called in a refusal."""
        ...

    def check(self, wanted: Input) -> str | None:
        """Return None to let it pass, or a sentence that says why not."""
        ...


class CheckHigherThan:
    """A bound: what is at most the limit passes ([DESK-51])."""

    def __init__(self, limit: int) -> None:
        self.limit = need_int("limit", limit, 0)

    def check(self, value: int) -> bool:
        """Return whether a value passes: equality does."""
        return value <= self.limit


class KnownContract:
    """Refuses an instrument that nothing is known of, and options ([DESK-53])."""

    def name(self) -> str:
        """Return the name."""
        return "contract"

    def check(self, wanted: Input) -> str | None:
        """Return why the instrument may not be traded."""
        if wanted.contract is None:
            return f"expected a known instrument, found {wanted.open.instrument}"
        if wanted.contract.is_option:
            return f"expected no option, found {wanted.open.instrument}"
        return None


class NotionalCap:
    """Bounds the value of each order; a market order is worth its quantity at the price now."""

    def __init__(self, limit_e9: int) -> None:
        self._bound = CheckHigherThan(limit_e9)

    def name(self) -> str:
        """Return the name."""
        return "order notional"

    def check(self, wanted: Input) -> str | None:
        """Return why the order is too large."""
        price_e9 = wanted.open.price_e9 or wanted.context.market.price_e9
        if price_e9 is None:
            return f"expected a price of {wanted.open.instrument}, found none"
        size_e8 = wanted.contract.size_e8 if wanted.contract else E8
        value_e9 = notional_e9(wanted.open.qty_e8, price_e9, size_e8)
        if self._bound.check(value_e9):
            return None
        return f"expected a value of at most {self._bound.limit} e-9, found {value_e9}"


class PriceDeviation:
    """Keeps the price of an order within a share of the price now; a market order has that price.

    A market order is compared with the far side of the quote that it would meet, if there is one:
    that is where it would trade.
    """

    def __init__(self, limit_bps: int) -> None:
        self._bound = CheckHigherThan(limit_bps)

    def name(self) -> str:
        """Return the name."""
        return "price deviation"

    def check(self, wanted: Input) -> str | None:
        """Return why the price is off."""
        market = wanted.context.market
        now_e9 = market.price_e9
        if now_e9 is None:
            return f"expected a price of {wanted.open.instrument}, found none"
        price_e9 = wanted.open.price_e9
        if price_e9 is None:
            quote = market.quote
            is_buy = wanted.open.side is Side.BUY
            touch_e9 = (quote.ask_e9 if is_buy else quote.bid_e9) if quote else 0
            price_e9 = touch_e9 or now_e9
        off_bps = deviation_bps(price_e9, now_e9)
        if self._bound.check(off_bps):
            return None
        return f"expected a price within {self._bound.limit} bps of {now_e9}, found {off_bps} bps"


class RiskManager:
    """Puts every wanted order before every check, in order; the first that objects refuses it.

    Cancels always pass. A check that raises refuses: nobody knows what it would have said.
    """

    def __init__(self, checks: Sequence[RiskCheck], contracts: dict[str, Contract]) -> None:
        self._checks = tuple(checks)
        self._contracts = contracts

    def check(self, context: Context, cancels: Sequence[Cancel], opens: Sequence[Open]) -> Decision:
        """Return what may go; changes nothing."""
        passed: list[Open] = []
        refused: list[RiskRefused] = []
        for wanted in opens:
            reason = self._reason(Input(wanted, context, self._contracts.get(wanted.instrument)))
            if reason is None:
                passed.append(wanted)
            else:
                refused.append(RiskRefused(wanted, reason))
        return Decision(tuple(cancels), tuple(passed), (), tuple(refused))

    def _reason(self, wanted: Input) -> str | None:
        if wanted.open.instrument != wanted.context.instrument:
            return (
                f"instrument: expected {wanted.context.instrument}, the one the strategy sees, "
                f"found {wanted.open.instrument}"
            )
        for rule in self._checks:
            try:
                reason = rule.check(wanted)
            except Exception as error:  # noqa: BLE001  # whatever a check raises, it did not pass
                reason = f"the check failed: {error!r:.80}"
            if reason is not None:
                return f"{rule.name()}: {reason}"
        return None


def notional_e9(qty_e8: int, price_e9: int, size_e8: int = E8) -> int:
    """Return quantity x price x contract size in 1e-9, rounded up: a cap is never passed by less.

    >>> notional_e9(150_000_000, 2_000_000_000)
    3000000000
    """
    return div_ceil(qty_e8 * price_e9 * size_e8, E8 * E8)


def deviation_bps(price: int, reference: int) -> int:
    """Return |price - reference| / reference in 1e-4, rounded up.

    >>> deviation_bps(101, 100), deviation_bps(99, 100)
    (100, 100)
    """
    if reference <= 0:
        raise InvalidValueError(f"reference: expected a price above zero, found {reference}")
    return div_ceil(abs(price - reference) * BPS, reference)


def signed_delta_e8(side: Side, qty_e8: int, delta_e9: int, size_e8: int = E8) -> int:
    """Return delta x quantity x contract size, signed by the side, rounded towards zero.

    >>> signed_delta_e8(Side.SELL, 200_000_000, 500_000_000)
    -100000000
    """
    return div_trunc(side.sign * qty_e8 * delta_e9 * size_e8, E8 * 10**9)
