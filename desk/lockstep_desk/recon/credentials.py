"""Credentials that cannot withdraw, by type ([RECON-12]).

Owns the one thing that a venue adapter is given to act with. `TradeCredentials` signs orders and
cancels; there is no method in it that could sign anything else, and it does not hold the key: what
it holds is a signer that was made for trading. An adapter checks at its venue that the key may do
no more than that, and refuses to start otherwise (`need_scopes`).
"""

from collections.abc import Callable, Iterable
from enum import IntFlag
from typing import Final

from lockstep_desk.errors import InvalidValueError, need_text


class KeyScope(IntFlag):
    """What a venue lets a key do. TRADE places and cancels orders."""

    NONE = 0
    READ = 1
    TRADE = 2
    TRANSFER = 4
    WITHDRAW = 8
    ADMIN = 16


TRADE_SCOPES: Final = KeyScope.READ | KeyScope.TRADE
"""All that a desk's key may have."""


class TradeCredentials:
    """Who trades, for which account, and how an order or a cancel is signed."""

    __slots__ = ("_sign", "account", "signer", "venue")

    def __init__(
        self, venue: str, account: str, signer: bytes, sign: Callable[[bytes], bytes]
    ) -> None:
        self.venue = need_text("venue", venue)
        self.account = need_text("account", account)
        self.signer = signer
        self._sign = sign

    def sign_order(self, body: bytes) -> bytes:
        """Return the signature of an order's bytes."""
        return self._sign(body)

    def sign_cancel(self, body: bytes) -> bytes:
        """Return the signature of a cancel's bytes."""
        return self._sign(body)

    def __repr__(self) -> str:
        return f"TradeCredentials(venue={self.venue!r}, account={self.account!r})"


def need_scopes(venue: str, found: KeyScope) -> None:
    """Raise `InvalidValueError` unless a key trades and can do nothing beyond."""
    beyond = found & ~TRADE_SCOPES
    if beyond or not found & KeyScope.TRADE:
        raise InvalidValueError(
            f"scopes of the key at {venue}: expected {_named(TRADE_SCOPES)} and no more, "
            f"found {_named(found)}"
        )


def _named(scopes: KeyScope) -> str:
    names: Iterable[str] = (scope.name or "" for scope in KeyScope if scope and scope in scopes)
    return ", ".join(names) or "none"
