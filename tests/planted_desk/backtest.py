"""Mistakes in backtests."""

from tests.planted_desk.mistake import Mistake

_RUN = "unit/desk/backtest/test_run.py"
_MANY = "unit/desk/backtest/test_many.py"

BACKTEST: tuple[Mistake, ...] = (
    Mistake(
        "the desk of a backtest runs on the time of the wall",
        ("DESK-D13",),
        "backtest/run.py",
        '            journals.opener("desk")(machine, genesis),\n            clock.now_ns,\n',
        '            journals.opener("desk")(machine, genesis),\n'
        '            __import__("time").time_ns,\n',
        f"{_RUN}::test_a_run_depends_on_its_plan_alone_to_the_hash",
    ),
    Mistake(
        "what is under way when the data ends is lost",
        ("DESK-D14",),
        "backtest/link.py",
        "        while self._under_way:\n            report = self._arrive()\n",
        "        while self._under_way and self._is_open:\n            report = self._arrive()\n",
        f"{_RUN}::test_an_order_for_the_last_candle_is_filled_after_the_data_ended",
    ),
    Mistake(
        "requests that are under way at the end are refused",
        ("DESK-D14", "DESK-78"),
        "backtest/link.py",
        "        self._is_open = False\n",
        "        self._is_open = False\n        self._session.shutdown()\n",
        f"{_RUN}::test_an_order_for_the_last_candle_is_filled_after_the_data_ended",
    ),
    Mistake(
        "orders of a backtest fill at no cost",
        ("DESK-D15",),
        "adapters/exchange/venue.py",
        "            asked.SetFeeTier(DESK_NUMBER, _TIER),\n",
        "",
        f"{_RUN}::test_what_is_bought_and_not_sold_costs_its_fee_and_is_worth_the_price_now",
    ),
    Mistake(
        "results stand in the order in which runs ended",
        ("DESK-79",),
        "backtest/many.py",
        "        return [self._results[place] for place in range(runs)]\n",
        "        return list(reversed(self._results.values()))\n",
        _MANY,
    ),
)
