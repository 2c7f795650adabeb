"""Who sends a command, when, and with which nonce: mostly as it should be, now and then not.

A scene is what the author of a flow sees: the state so far, and what was sent before.
"""

from collections.abc import Callable

import msgspec

from lockstep_engine.commands import Action, CancelAll, Command, ExecuteBlock
from lockstep_engine.state import Account, ExchangeCore
from tests.property.answers import Answers
from tests.property.dice import Dice, one_in, pick
from tests.property.world import (
    ADMIN,
    AGENTS,
    MAX_STEP_NS,
    MS,
    NONCE_MS,
    ORACLE,
    RISK,
    ROOT,
    SECOND,
    STRANGER,
    TREASURY,
    World,
)

Item = tuple[int, Command]
"""(ts_ns, command)."""

Move = Callable[[Dice, "Scene"], Item]
"""Draws the next command and its time."""

UNKNOWN_ACCOUNT = 9
_REQUESTS = (b"",) * 42 + (b"r1", b"r2", b"r3", b"r4", b"r5", b"r6")
_SIGNERS = (ROOT, ADMIN, ORACLE, TREASURY, RISK, STRANGER)
_SENT_KEPT = 4


class Scene:
    """What the author sees. `core` is set before each command. `plan` holds the moves to come.
    While `is_plain` nothing odd is drawn about signers, times and nonces."""

    def __init__(self, world: World, answers: Answers) -> None:
        self.world = world
        self.answers = answers
        self.core: ExchangeCore | None = None
        self.sent: list[Command] = []
        self.plan: list[Move] = []
        self.is_plain = False
        self._nonces: dict[bytes, list[int]] = {}

    @property
    def state(self) -> ExchangeCore:
        """The engine's state, for reading."""
        assert self.core is not None, "expected a state before the first command"
        return self.core

    def account(self, number: int) -> Account | None:
        """Return an account if it is open."""
        return self.state.accounts.get(number)

    def next_due(self) -> int:
        """Return when the next timer is due, or soon if that is far away."""
        now = self.state.now_ns
        due = self.state.timers[0][0] if self.state.timers else now
        return due if now < due <= now + MAX_STEP_NS else now + MS

    def next_edge(self, dice: Dice) -> int:
        """Return when a fill leaves its window, or until when a mark is fresh: mostly soon."""
        now = self.state.now_ns
        edges = [
            mmp.window[0].ts_ns + mmp.interval_ms * MS
            for account in self.state.accounts.values()
            for mmp in account.mmps.values()
            if mmp.window
        ]
        edges += [found.fresh_until_ns for found in self.state.instruments.values()]
        near = [edge for edge in edges if now <= edge < now + MAX_STEP_NS]
        return pick(dice, near) if near else now + MS

    def is_protected(self, account: int, instrument: int) -> bool | None:
        """Return whether an MMP order would pass; None if it is frozen."""
        found, listed = self.account(account), self.state.instruments.get(instrument)
        if found is None or listed is None:
            return False
        mmp = found.mmps.get(listed.underlying.name)
        if mmp is None:
            return False
        return None if mmp.frozen_until_ns else True

    def setup(self) -> list[Item]:
        """Return the commands that build the world, one a millisecond."""
        items: list[Item] = []
        ts_ns = self.world.start_ns
        for signer, action in self.world.setup():
            ts_ns += MS
            items.append((ts_ns, self.signed(ts_ns, signer, action)))
        for account, action in self.world.chosen():
            ts_ns += MS
            signer = self.world.owner(account)
            items.append((ts_ns, self.signed(ts_ns, signer, action, account)))
        return items

    def signed(self, ts_ns: int, signer: bytes, action: Action, account: int = 0) -> Command:
        """Return a command with a good nonce and nothing odd."""
        return self._kept(Command(signer, self._fresh(ts_ns, signer), action, account))

    def signed_by_both(self, ts_ns: int, account: int, block: ExecuteBlock) -> Command:
        """Return a block with good keys and nonces of both parties."""
        counter = self.world.owner(block.counter_account)
        first = self.signed(ts_ns, self.world.owner(account), block, account)
        nonce = self._fresh(ts_ns, counter)
        self._nonces.setdefault(counter, []).append(nonce)
        block = msgspec.structs.replace(block, counter_signer=counter, counter_nonce=nonce)
        return msgspec.structs.replace(first, action=block)

    def time(self, dice: Dice) -> int:
        """Draw the time of the next command."""
        now = self.state.now_ns
        choice = 0 if self.is_plain else dice.below(48)
        if choice < 26:
            return now + (MS if choice < 20 else 0)
        if choice < 36:
            return now + (SECOND if choice < 32 else 1)
        if choice < 44:
            if choice < 42:
                return self.next_due() - (choice >= 40)
            return max(now, self.next_edge(dice) + dice.below(3) - 1)
        odd = (20 * SECOND, -1, MAX_STEP_NS, MAX_STEP_NS + 1)[choice - 44]
        return max(0, now + odd)

    def by_account(self, dice: Dice, ts_ns: int, account: int, action: Action) -> Item:
        """Return the action as a command of an account: by its owner, an agent, or a stranger."""
        choice = 0 if self.is_plain else dice.below(48)
        signer = self.world.owner(account)
        if choice >= 45:
            signer = STRANGER if choice == 45 else self.world.owner(account + 1)
            account = UNKNOWN_ACCOUNT if choice == 47 else account
        elif choice >= 30:
            signer = self._agent(account) if choice < 44 else AGENTS[0]
        return ts_ns, self._command(dice, ts_ns, Command(signer, 0, action, account))

    def by_both(self, dice: Dice, ts_ns: int, account: int, block: ExecuteBlock) -> Item:
        """Return a block as a command of both parties; now and then one of them is not asked."""
        counter = self.world.owner(block.counter_account)
        choice = 0 if self.is_plain else dice.below(32)
        if choice >= 30:
            counter = STRANGER if choice == 30 else self.world.owner(account)
        elif choice >= 16:
            counter = self._agent(block.counter_account)
        block = msgspec.structs.replace(block, counter_signer=counter)
        ts_ns, command = self.by_account(dice, ts_ns, account, block)
        nonce = self._second_nonce(dice, ts_ns, command, counter)
        self._nonces.setdefault(counter, []).append(nonce)
        block = msgspec.structs.replace(block, counter_nonce=nonce)
        command = msgspec.structs.replace(command, action=block)
        if command.request_id:
            self.sent[0] = command
        return ts_ns, command

    def by_staff(self, dice: Dice, ts_ns: int, signer: bytes, action: Action) -> Item:
        """Return the action as a command of the operator's staff, or of the wrong key."""
        account = 0
        if not self.is_plain and one_in(dice, 16):
            signer = pick(dice, _SIGNERS)
            account = dice.below(2)
        return ts_ns, self._command(dice, ts_ns, Command(signer, 0, action, account))

    def again(self, dice: Dice, ts_ns: int) -> Item:
        """Return a request that was sent before, with its action or with another one."""
        if not self.sent:
            command = Command(self.world.owner(1), 0, CancelAll(), 1, b"r1")
            return ts_ns, self._command(dice, ts_ns, command)
        sent = pick(dice, self.sent)
        action = CancelAll() if sent.account and one_in(dice, 8) else sent.action
        command = Command(sent.signer, 0, action, sent.account, sent.request_id)
        return ts_ns, self._command(dice, ts_ns, command)

    def _agent(self, account: int) -> bytes:
        """Return an agent of the account, or its owner if it has none."""
        found = self.account(account)
        known = sorted(found.agents) if found is not None else []
        return known[0] if known else self.world.owner(account)

    def _command(self, dice: Dice, ts_ns: int, draft: Command) -> Command:
        """Return the draft with a nonce and, if it has none, perhaps a request_id."""
        nonce = self._nonce(dice, ts_ns, draft.signer)
        request_id = draft.request_id or pick(dice, _REQUESTS)
        auth = b"signature" if request_id == b"r3" else b""
        command = Command(draft.signer, nonce, draft.action, draft.account, request_id, auth)
        return self._kept(command)

    def _kept(self, command: Command) -> Command:
        if command.request_id:
            self.sent = [command, *self.sent][:_SENT_KEPT]
        self._nonces.setdefault(command.signer, []).append(command.nonce)
        return command

    def _nonce(self, dice: Dice, ts_ns: int, signer: bytes) -> int:
        choice = 0 if self.is_plain else dice.below(96)
        ts_ms = ts_ns // MS
        if choice < 88:
            return self._fresh(ts_ns, signer)
        if choice < 92:
            return ts_ms + (-NONCE_MS, -NONCE_MS - 1, NONCE_MS, NONCE_MS + 1)[choice - 88]
        if choice < 94:
            return self._fresh(ts_ns, signer) + 3
        used = self._nonces.get(signer, [ts_ms])
        return used[-1] if choice == 94 else used[max(0, len(used) - 4)]

    def _second_nonce(self, dice: Dice, ts_ns: int, command: Command, signer: bytes) -> int:
        """Draw the nonce of the other party: mostly fresh, also as low as it may be, or equal."""
        choice = 0 if self.is_plain else dice.below(24)
        if choice == 15:
            return command.nonce
        if 12 <= choice < 15:
            known = self.state.nonces.get(signer)
            floor = known.floor if known is not None else -1
            lowest = max(floor + 1, ts_ns // MS - NONCE_MS)
            return lowest + (choice == 13)
        return self._nonce(dice, ts_ns, signer)

    def _fresh(self, ts_ns: int, signer: bytes) -> int:
        """Return the lowest nonce from now on that was not sent and stands above the floor."""
        used = self._nonces.get(signer, [])
        known = self.core.nonces.get(signer) if self.core is not None else None
        nonce = max(ts_ns // MS, known.floor + 1 if known is not None else 0)
        while nonce in used:
            nonce += 1
        return nonce
