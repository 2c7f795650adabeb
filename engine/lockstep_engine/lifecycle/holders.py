"""Who holds what: all positions in instruments, in the order in which they are settled."""

from collections.abc import Sequence

from lockstep_engine.state import ExchangeCore, Holding, Instrument


def holders_of(core: ExchangeCore, instruments: Sequence[Instrument]) -> list[list[Holding]]:
    """Return for each instrument the holdings that are not flat, by account.

    O(accounts log accounts + all holdings).
    """
    places = {found.instrument: place for place, found in enumerate(instruments)}
    holders: list[list[Holding]] = [[] for _found in instruments]
    for _account, account in sorted(core.accounts.items()):
        for number, holding in account.holdings.items():
            if holding.qty_lots and number in places:
                holders[places[number]].append(holding)
    return holders
