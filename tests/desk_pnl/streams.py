"""Random streams of fills, each from its seed: any scale, any order, some twice, some flat."""

import random
from typing import NamedTuple

from lockstep_desk import Fill, Side

END_NS = 1_000
_OWNERS = (None, "alpha", "beta", "gamma")
_SYMBOLS = ("BTC", "ETH", "SOL")


class Stream(NamedTuple):
    """Fills as they arrive, marks at the end, and whether every position is flat then."""

    fills: list[Fill]
    marks: dict[str, int]
    is_flat: bool


def stream(seed: int) -> Stream:
    """Return the stream of a seed."""
    dice = random.Random(seed)
    symbols = _SYMBOLS[: dice.randint(1, 3)]
    fills = [_fill(dice, number, symbols) for number in range(dice.choice((0, 1, 5, 20, 60)))]
    is_flat = dice.random() < 0.4
    if is_flat:
        fills += _closing(dice, fills)
    marks = {symbol: dice.randint(0, 10 ** dice.randint(1, 15)) for symbol in symbols}
    arrived = fills + [dice.choice(fills) for _ in range(dice.randint(0, 5)) if fills]
    dice.shuffle(arrived)
    return Stream(arrived, marks, is_flat)


def _fill(dice: random.Random, number: int, symbols: tuple[str, ...]) -> Fill:
    return Fill(
        fill_id=f"{number}",
        order_id="o",
        instrument=dice.choice(symbols),
        side=dice.choice((Side.BUY, Side.SELL)),
        qty_e8=dice.randint(1, 10 ** dice.randint(1, 15)),
        price_e9=dice.randint(0, 10 ** dice.randint(1, 15)),
        fee_e9=dice.randint(-(10**6), 10 ** dice.randint(1, 12)),
        ts_ns=dice.randrange(END_NS - 1),
        seq=number,
        deployment_id=dice.choice(_OWNERS),
    )


def _closing(dice: random.Random, fills: list[Fill]) -> list[Fill]:
    """Return one fill for each open position that closes it, after all others."""
    held: dict[tuple[str | None, str], int] = {}
    for fill in fills:
        key = (fill.deployment_id, fill.instrument)
        held[key] = held.get(key, 0) + fill.signed_qty_e8
    return [
        Fill(
            fill_id=f"c{number}",
            order_id="o",
            instrument=symbol,
            side=Side.SELL if qty > 0 else Side.BUY,
            qty_e8=abs(qty),
            price_e9=dice.randint(0, 10**12),
            fee_e9=dice.randint(-(10**6), 10**12),
            ts_ns=END_NS - 1,
            seq=10**6 + number,
            deployment_id=owner,
        )
        for number, ((owner, symbol), qty) in enumerate(held.items())
        if qty
    ]
