"""The till a second time, for the referee: plain dictionaries, everything looked up anew.

It shares the vocabulary and the numbers with the till, and no code.
"""

from collections.abc import Iterator, Sequence

import msgspec

from lockstep_runtime.simulate import till

Row = tuple[object, ...]


class PlainTill:
    """All that a till knows."""

    def __init__(self) -> None:
        self.money: dict[int, int] = {}
        self.floors: dict[int, int] = {}
        self.used: dict[int, set[int]] = {}
        self.answers: dict[tuple[int, bytes], tuple[int, int, int, int]] = {}
        self.now_ns = 0
        self.numbered = 0
        self.rules = 1

    def step(self, ts_ns: int, command: msgspec.Struct) -> Sequence[msgspec.Struct]:
        """Take one command and return its events."""
        if ts_ns < self.now_ns:
            return [till.Refused(till.Code.TIME_REGRESSION)]
        self.now_ns = ts_ns
        match command:
            case till.ActivateRules(rules_version=version) if version > self.rules:
                self.rules = version
                return [till.RulesActivated(version)]
            case till.ActivateRules():
                return [till.Refused(till.Code.RULES_REGRESSION)]
            case till.Pay():
                return [self._pay(command)]
            case _:
                raise TypeError(f"expected a command of the till, found {command}")

    def clocks(self) -> bytes:
        """Return the clock, the count of requests and the rules."""
        return b"".join(
            (
                self.now_ns.to_bytes(8, "big"),
                self.numbered.to_bytes(8, "big"),
                self.rules.to_bytes(4, "big"),
            )
        )

    def rows(self) -> Iterator[Row]:
        """Yield the record of everything."""
        for account, amount in self.money.items():
            if amount != 0:
                yield 1, account, amount
        for account, used in self.used.items():
            yield 2, account, self.floors.get(account, -1), sorted(used)
        for (account, request), (number, code, target, amount) in self.answers.items():
            yield 3, (account, request), number, code, target, amount

    def _pay(self, pay: till.Pay) -> msgspec.Struct:
        who = pay.account
        used = self.used.get(who, set())
        is_old = pay.nonce <= self.floors.get(who, -1)
        is_good = not is_old and pay.nonce not in used
        answer = self.answers.get((who, pay.request))
        if answer is not None:
            if answer[2:] != (pay.target, pay.amount):
                return till.Refused(till.Code.REQUEST_CONFLICT)
            if is_good:
                self._burn(who, pay.nonce)
            return till.Repeated(answer[1])
        if not is_good:
            return till.Refused(till.Code.NONCE_TOO_OLD if is_old else till.Code.NONCE_REUSED)
        self._burn(who, pay.nonce)
        event = self._perform(pay)
        code = event.code if isinstance(event, till.Refused) else 0
        self.numbered += 1
        self.answers[who, pay.request] = (self.numbered, code, pay.target, pay.amount)
        mine = sorted((row[0], name) for name, row in self.answers.items() if name[0] == who)
        for _number, name in mine[: -till.REQUESTS]:
            del self.answers[name]
        return event

    def _burn(self, who: int, nonce: int) -> None:
        used = self.used.setdefault(who, set())
        used.add(nonce)
        while len(used) > till.NONCES:
            self.floors[who] = min(used)
            used.remove(min(used))

    def _perform(self, pay: till.Pay) -> msgspec.Struct:
        is_inside = till.OUTSIDE not in {pay.account, pay.target}
        fee = till.FEE if is_inside and self.rules == 2 else 0
        if pay.amount < 1 or pay.amount > till.AMOUNT_MAX or pay.account == pay.target:
            return till.Refused(till.Code.BAD_AMOUNT)
        if pay.account != till.OUTSIDE and self.money.get(pay.account, 0) < pay.amount + fee:
            return till.Refused(till.Code.NO_FUNDS)
        for who, change in ((pay.account, -pay.amount - fee), (pay.target, pay.amount)):
            if who != till.OUTSIDE:
                self.money[who] = self.money.get(who, 0) + change
        if fee:
            self.money[till.FEES] = self.money.get(till.FEES, 0) + fee
        return till.Paid(pay.account, pay.target, pay.amount, fee)
