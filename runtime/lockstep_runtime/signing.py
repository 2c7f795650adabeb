"""Deterministic keys and nonces for feeds: who asks for a command, in a way that replays.

A key is a hash of a name and signs nothing: the exchange checks authority, gateways check
signatures. Nonces are UTC milliseconds of the feed's time, pushed up by one where that repeats.
"""

from hashlib import sha256

from lockstep_engine.commands import Action, Command

NS_PER_MS = 1_000_000

Item = tuple[int, Command]
"""(ts_ns, command): one step of a feed."""


def key_of(name: str) -> bytes:
    """Return the 32-byte key that belongs to a name."""
    return sha256(b"lockstep key of " + name.encode()).digest()


class Signer:
    """One key that acts for one account (0: the operator). Its nonces rise without end."""

    __slots__ = ("account", "key", "last_nonce")

    def __init__(self, name: str, account: int = 0) -> None:
        self.key = key_of(name)
        self.account = account
        self.last_nonce = -1

    def next_nonce(self, ts_ns: int) -> int:
        """Return the nonce for a command at `ts_ns` and remember it as used."""
        ts_ms = ts_ns // NS_PER_MS
        self.last_nonce = max(ts_ms, self.last_nonce + 1)
        return self.last_nonce

    def sign(self, ts_ns: int, action: Action, request_id: bytes = b"") -> Command:
        """Wrap an action that will be sequenced at `ts_ns`."""
        return Command(self.key, self.next_nonce(ts_ns), action, self.account, request_id)


class Script:
    """Collects items at its own time, which moves on by `step_ns` with each of them."""

    def __init__(self, start_ns: int, step_ns: int = NS_PER_MS) -> None:
        self.now_ns = start_ns
        self.step_ns = step_ns
        self._items: list[Item] = []

    def add(self, signer: Signer, action: Action, request_id: bytes = b"") -> None:
        """Let a signer ask for an action, and let time pass."""
        self._items.append((self.now_ns, signer.sign(self.now_ns, action, request_id)))
        self.now_ns += self.step_ns

    def advance_to(self, ts_ns: int) -> None:
        """Move the time forward; an earlier time changes nothing."""
        self.now_ns = max(self.now_ns, ts_ns)

    def take(self) -> list[Item]:
        """Return what was collected since the last call."""
        items, self._items = self._items, []
        return items
