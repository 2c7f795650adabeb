"""An exchange inside your own program: two accounts trade, and every step can be proved."""

from lockstep_engine import Command, ExchangeParams, TradingLimits
from lockstep_engine import commands as do
from lockstep_engine.exchange import MACHINE, best, exchange_genesis
from lockstep_kernel import apply, initial, verify

ROOT, ALICE, BOB = (name.ljust(32, b".") for name in (b"root", b"alice", b"bob"))
NOW_MS = 1_767_225_600_000  # 2026-01-01: time is an input, the core reads no clock

steps: list[tuple[bytes, int, do.Action]] = [
    (ROOT, 0, do.GrantRole(ROOT, roles=1 | 2 | 4)),  # admin, oracle and treasury in one key
    (ROOT, 0, do.CreateUnderlying("BTC", max_index_price_e6=10**12)),
    (ROOT, 0, do.CreateInstrument(1, "BTC-PERP", 500_000, 100_000, 10**8, TradingLimits())),
    (ROOT, 0, do.UpdateMarkPrice(1, price_e6=60_000_000_000)),
    (ROOT, 0, do.OpenAccount(1, ALICE)),
    (ROOT, 0, do.OpenAccount(2, BOB)),
    (ROOT, 0, do.Deposit(1, amount_e6=10_000_000_000)),
    (ROOT, 0, do.Deposit(2, amount_e6=10_000_000_000)),
    (ALICE, 1, do.PlaceOrder(1, side=1, price_ticks=120_010, qty_lots=50)),
    (BOB, 2, do.PlaceOrder(1, side=0, price_ticks=120_010, qty_lots=20)),
]
state = initial(MACHINE, exchange_genesis(ExchangeParams(ROOT, NOW_MS * 10**6)))
for nonce, (signer, account, action) in enumerate(steps, NOW_MS):
    command = Command(signer, nonce, action, account)
    state, events, hash_ = apply(state, MACHINE.codec.sequence(nonce * 10**6, command))
    print(state.seq, hash_.hex(), *events, sep="\n  ")

fork = state.fork()  # an independent copy: what happens there does not happen here
again = Command(BOB, NOW_MS + len(steps), do.PlaceOrder(1, 0, 120_010, qty_lots=30), 2)
fork, events, _hash = apply(fork, MACHINE.codec.sequence((NOW_MS + 10) * 10**6, again))
print("best bid and ask here", best(state, 1), "and in the fork", best(fork, 1))
verify(state)  # rehashes everything, rebuilds everything derived, checks every invariant
