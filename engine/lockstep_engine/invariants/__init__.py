"""What is always true between commands: one sentence, one file, one function each."""

from typing import Final

from lockstep_engine.invariants.book_is_not_crossed import book_is_not_crossed
from lockstep_engine.invariants.cash_is_conserved import cash_is_conserved
from lockstep_engine.invariants.clearing_matches_open_cost import clearing_matches_open_cost
from lockstep_engine.invariants.debt_stands_alone import debt_stands_alone
from lockstep_engine.invariants.exposure_stays_bounded import exposure_stays_bounded
from lockstep_engine.invariants.index_matches_books import index_matches_books
from lockstep_engine.invariants.insurance_fund_is_not_negative import (
    insurance_fund_is_not_negative,
)
from lockstep_engine.invariants.level_totals_match_orders import level_totals_match_orders
from lockstep_engine.invariants.margin_matches_positions import margin_matches_positions
from lockstep_engine.invariants.mmp_window_sums_match import mmp_window_sums_match
from lockstep_engine.invariants.no_mmp_order_lives_while_frozen import (
    no_mmp_order_lives_while_frozen,
)
from lockstep_engine.invariants.nonce_is_never_accepted_twice import nonce_is_never_accepted_twice
from lockstep_engine.invariants.positions_sum_to_zero import positions_sum_to_zero
from lockstep_engine.invariants.reduce_only_never_exceeds_position import (
    reduce_only_never_exceeds_position,
)
from lockstep_engine.invariants.reserve_matches_orders import reserve_matches_orders
from lockstep_engine.invariants.settled_instruments_have_no_positions import (
    settled_instruments_have_no_positions,
)
from lockstep_engine.state import ExchangeCore

INVARIANTS: Final = (
    cash_is_conserved,
    positions_sum_to_zero,
    clearing_matches_open_cost,
    book_is_not_crossed,
    level_totals_match_orders,
    index_matches_books,
    reserve_matches_orders,
    margin_matches_positions,
    nonce_is_never_accepted_twice,
    reduce_only_never_exceeds_position,
    no_mmp_order_lives_while_frozen,
    mmp_window_sums_match,
    settled_instruments_have_no_positions,
    insurance_fund_is_not_negative,
    debt_stands_alone,
    exposure_stays_bounded,
)


def check_all(core: ExchangeCore) -> None:
    """Raise `InvariantError` with the sentence of the first invariant that does not hold."""
    for invariant in INVARIANTS:
        invariant(core)
