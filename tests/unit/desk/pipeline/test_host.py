"""What a worker does with one question, of one context or of many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep_desk.pipeline import Host, Outcome, Task
from lockstep_desk.strategy import Open, StrategySpec
from tests.unit.desk.pipeline.support import CATALOG, context_at, spec, traders_of


def asked(each: StrategySpec, *seqs: int) -> list[Outcome]:
    """Ask one strategy about all contexts, the rest again and again, as the pipeline does."""
    (trader,) = traders_of(each)
    host = Host(CATALOG)
    host.add(trader)
    contexts = [context_at(seq, trader) for seq in seqs]
    outcomes: list[Outcome] = []
    while contexts:
        outcomes.append(host.ask(Task(0, contexts[0], tuple(contexts[1:]))))
        del contexts[: outcomes[-1].used]
    return outcomes


@pytest.mark.desk("PIPE-D12")
def test_who_wants_something_is_not_shown_what_comes_after_it() -> None:
    outcomes = asked(spec("every", number=3), 1, 2, 3, 4, 5, 6, 7)
    assert [(3, 3, 1), (3, 6, 1), (1, 7, 0)] == [
        (each.used, each.seq_seen, len(each.intents)) for each in outcomes
    ]


def test_a_failure_names_the_context_it_came_at_and_the_rest_is_asked_of_a_fresh_strategy() -> None:
    first, second = asked(spec("quiet_raises_at", number=2), 1, 2, 3)
    assert (2, 2, "ZeroDivisionError: at 2") == (first.used, first.seq_seen, first.error)
    assert (1, 3, "") == (second.used, second.seq_seen, second.error)


@given(st.integers(1, 6), st.lists(st.integers(1, 30), min_size=1, max_size=12, unique=True))
def test_many_contexts_in_one_question_give_what_one_at_a_time_gives(
    number: int, drawn: list[int]
) -> None:
    seqs = sorted(drawn)
    together = asked(spec("every", number=number), *seqs)
    (trader,) = traders_of(spec("every", number=number))
    host = Host(CATALOG)
    host.add(trader)
    alone = [host.ask(Task(0, context_at(seq, trader))) for seq in seqs]
    wanted = [(each.seq_seen, each.intents) for each in alone if each.intents]
    assert wanted == [(each.seq_seen, each.intents) for each in together if each.intents]
    assert len(seqs) == sum(each.used for each in together)
    assert all(isinstance(wish, Open) for _, wishes in wanted for wish in wishes)
