"""A till: the small machine that most runs simulate, with all that a journal can get wrong.

Accounts pay each other under nonces and request ids, as on the exchange: a nonce is good for once,
a repeated request is answered like the first time, money is conserved. Account 0 stands for the
world outside: what it pays is minted, what it is paid is gone. Under rules 2 a payment costs a fee.
"""

import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum

import msgspec

from lockstep_kernel import Codec, Entity, Genesis, MalformedCommand, Record, check

NAME = "till"
RULES = range(1, 3)
OUTSIDE = 0
FEES = 1_000_000
FEE = 1
NONCES = 6
REQUESTS = 8
AMOUNT_MAX = 1_000_000
CLOCKS = struct.Struct(">QQI")


class Kind(IntEnum):
    """The kinds of entities."""

    BALANCE = 1
    NONCES = 2
    REQUEST = 3


class Code(IntEnum):
    """Why nothing was paid; 0 if it was."""

    PAID = 0
    TIME_REGRESSION = 1
    RULES_REGRESSION = 2
    NONCE_REUSED = 3
    NONCE_TOO_OLD = 4
    NO_FUNDS = 5
    BAD_AMOUNT = 6
    REQUEST_CONFLICT = 7


class Pay(msgspec.Struct, frozen=True, array_like=True, tag=1, forbid_unknown_fields=True):
    """Pay `amount` from `account` to `target`; the same request is paid once."""

    account: int
    nonce: int
    request: bytes
    target: int
    amount: int


class ActivateRules(
    msgspec.Struct, frozen=True, array_like=True, tag=2, forbid_unknown_fields=True
):
    """Switch the rules from the next command on."""

    rules_version: int


class Paid(msgspec.Struct, frozen=True, array_like=True, tag=1, forbid_unknown_fields=True):
    """Money moved."""

    account: int
    target: int
    amount: int
    fee: int


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=2, forbid_unknown_fields=True):
    """Nothing was paid."""

    code: int


class Repeated(msgspec.Struct, frozen=True, array_like=True, tag=3, forbid_unknown_fields=True):
    """The request was answered before, with `code`."""

    code: int


class RulesActivated(
    msgspec.Struct, frozen=True, array_like=True, tag=4, forbid_unknown_fields=True
):
    """The rules in force changed."""

    rules_version: int


COMMANDS = (Pay, ActivateRules)
EVENTS = (Paid, Refused, Repeated, RulesActivated)


class Balance(Entity):
    """What an account has."""

    __slots__ = ("account", "amount")

    def __init__(self, account: int) -> None:
        super().__init__()
        self.account = account
        self.amount = 0

    def record(self) -> Record | None:
        """Return the record, None at nothing."""
        return (int(Kind.BALANCE), self.account, self.amount) if self.amount else None


class Nonces(Entity):
    """The nonces that an account has used: those above the floor, ascending."""

    __slots__ = ("account", "floor", "used")

    def __init__(self, account: int) -> None:
        super().__init__()
        self.account = account
        self.floor = -1
        self.used: list[int] = []

    def record(self) -> Record | None:
        """Return the record."""
        return (int(Kind.NONCES), self.account, self.floor, tuple(self.used))

    def refusal(self, nonce: int) -> Code:
        """Return why a nonce is no good, or PAID."""
        if nonce <= self.floor:
            return Code.NONCE_TOO_OLD
        return Code.NONCE_REUSED if nonce in self.used else Code.PAID

    def burn(self, nonce: int) -> None:
        """Use a nonce up."""
        self.used.append(nonce)
        self.used.sort()
        if len(self.used) > NONCES:
            self.floor = self.used.pop(0)


class Request(Entity):
    """A request and its answer; `pay` is None once it is forgotten."""

    __slots__ = ("code", "name", "number", "pay")

    def __init__(self, pay: Pay, number: int, code: int) -> None:
        super().__init__()
        self.name = (pay.account, pay.request)
        self.number = number
        self.code = code
        self.pay: tuple[int, int] | None = (pay.target, pay.amount)

    def record(self) -> Record | None:
        """Return the record, None if it is forgotten."""
        if self.pay is None:
            return None
        return (int(Kind.REQUEST), self.name, self.number, self.code, *self.pay)


class TillCore:
    """Balances, nonces and requests, the clock and the count of requests."""

    def __init__(self, rules: int) -> None:
        self.touched: list[Entity] = []
        self.balances: dict[int, Balance] = {}
        self.nonces: dict[int, Nonces] = {}
        self.requests: dict[tuple[int, bytes], Request] = {}
        self.now_ns = 0
        self.numbered = 0
        self.rules = rules
        self.total = 0

    def clocks(self) -> bytes:
        """Pack the clock, the count of requests and the rules."""
        return CLOCKS.pack(self.now_ns, self.numbered, self.rules)

    def rules_version(self) -> int:
        """Return the rules in force."""
        return self.rules

    def touch(self, entity: Entity) -> None:
        """Have an entity hashed anew."""
        if not entity.is_touched:
            entity.is_touched = True
            self.touched.append(entity)

    def add(self, account: int, amount: int) -> None:
        """Change a balance; the world outside has none."""
        if account == OUTSIDE:
            return
        balance = self.balances.get(account)
        if balance is None:
            balance = self.balances[account] = Balance(account)
        balance.amount += amount
        self.total += amount
        self.touch(balance)

    def balance(self, account: int) -> int:
        """Return what an account has."""
        balance = self.balances.get(account)
        return 0 if balance is None else balance.amount

    def remember(self, request: Request) -> None:
        """Remember a request and forget the oldest of its account if there are too many."""
        self.requests[request.name] = request
        self.touch(request)
        own = [known for known in self.requests.values() if known.name[0] == request.name[0]]
        if len(own) > REQUESTS:
            oldest = min(own, key=_number)
            del self.requests[oldest.name]
            oldest.pay = None
            self.touch(oldest)


class Till:
    """The machine."""

    name = NAME
    rules_versions = RULES
    codec = Codec(COMMANDS, EVENTS)

    def genesis(self, rules_version: int, params: bytes) -> TillCore:
        """Build the first state; there are no parameters."""
        if params:
            raise MalformedCommand(f"expected no parameters, found {len(params)} bytes")
        return TillCore(rules_version)

    def step(self, core: TillCore, ts_ns: int, command: msgspec.Struct) -> Sequence[msgspec.Struct]:
        """Change the core by one command and return the events."""
        if ts_ns < core.now_ns:
            return [Refused(Code.TIME_REGRESSION)]
        core.now_ns = ts_ns
        if isinstance(command, ActivateRules):
            if command.rules_version <= core.rules:
                return [Refused(Code.RULES_REGRESSION)]
            core.rules = command.rules_version
            return [RulesActivated(core.rules)]
        return [_pay(core, command)] if isinstance(command, Pay) else []

    def rules_required(self, command: msgspec.Struct) -> int:
        """Return the rules version that a command would activate, else 0."""
        return command.rules_version if isinstance(command, ActivateRules) else 0

    def entities(self, core: TillCore) -> Iterable[Record]:
        """Yield the record of every entity that is not at its default."""
        for entity in (*core.balances.values(), *core.nonces.values(), *core.requests.values()):
            record = entity.record()
            if record is not None:
                yield record

    def restore(self, params: bytes, clocks: bytes, records: Iterable[Record]) -> TillCore:
        """Build a core from records."""
        now_ns, numbered, rules = CLOCKS.unpack(clocks)
        core = TillCore(rules)
        core.now_ns, core.numbered = now_ns, numbered
        for record in records:
            _restore(core, record)
        return core

    def verify(self, core: TillCore) -> None:
        """Compare the total with the balances."""
        total = sum(balance.amount for balance in core.balances.values())
        check(core.total == total, f"total is {core.total}, recomputed {total}")


TILL = Till()


def till_genesis(digest_every: int = 1) -> Genesis:
    """Return a genesis of the till."""
    return Genesis(NAME, 1, digest_every, b"")


def _pay(core: TillCore, pay: Pay) -> msgspec.Struct:
    nonces = core.nonces.get(pay.account)
    if nonces is None:
        nonces = Nonces(pay.account)
    refusal = nonces.refusal(pay.nonce)
    known = core.requests.get((pay.account, pay.request))
    if known is not None and known.pay != (pay.target, pay.amount):
        return Refused(Code.REQUEST_CONFLICT)
    if known is None and refusal:
        return Refused(refusal)
    if not refusal:
        nonces.burn(pay.nonce)
        core.nonces[pay.account] = nonces
        core.touch(nonces)
    if known is not None:
        return Repeated(known.code)
    event, code = _carry_out(core, pay)
    core.numbered += 1
    core.remember(Request(pay, core.numbered, code))
    return event


def _carry_out(core: TillCore, pay: Pay) -> tuple[msgspec.Struct, int]:
    fee = FEE if core.rules > 1 and OUTSIDE not in {pay.account, pay.target} else 0
    if not 0 < pay.amount <= AMOUNT_MAX or pay.account == pay.target:
        return Refused(Code.BAD_AMOUNT), Code.BAD_AMOUNT
    if pay.account != OUTSIDE and core.balance(pay.account) < pay.amount + fee:
        return Refused(Code.NO_FUNDS), Code.NO_FUNDS
    core.add(pay.account, -pay.amount - fee)
    core.add(pay.target, pay.amount)
    if fee:
        core.add(FEES, fee)
    return Paid(pay.account, pay.target, pay.amount, fee), Code.PAID


def _restore(core: TillCore, record: Record) -> None:
    match record:
        case (Kind.BALANCE, account, amount):
            core.add(account, amount)
        case (Kind.NONCES, account, floor, used):
            nonces = core.nonces[account] = Nonces(account)
            nonces.floor, nonces.used = floor, list(used)
            core.touch(nonces)
        case (Kind.REQUEST, (account, request), number, code, target, amount):
            known = Request(Pay(account, 0, request, target, amount), number, code)
            core.requests[known.name] = known
            core.touch(known)
        case _:
            raise ValueError(f"expected the record of a till, found kind {record[0]}")


def _number(request: Request) -> int:
    return request.number
