"""Mistakes in backtests."""

from tests.planted_desk.mistake import Mistake

_RUN = "unit/desk/backtest/test_run.py"
_ACCOUNTS = "unit/desk/backtest/test_accounts.py"
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
        "        self._is_open = False\n"
        "        [one.shutdown() for one in self._sessions.values()]\n",
        f"{_RUN}::test_an_order_for_the_last_candle_is_filled_after_the_data_ended",
    ),
    Mistake(
        "orders of a backtest fill at no cost",
        ("DESK-D15",),
        "adapters/exchange/venue.py",
        "                asked.SetFeeTier(owner.account, _TIER),\n",
        "",
        f"{_RUN}::test_what_is_bought_and_not_sold_costs_its_fee_and_is_worth_the_price_now",
    ),
    Mistake(
        "the gates of a backtest do not count working orders",
        ("FUND-3A",),
        "backtest/config.py",
        '        caps_open=section.flag("caps_open", default=default.caps_open),\n',
        '        caps_open=section.flag("caps_open", default=False) is None,\n',
        f"{_RUN}::test_working_orders_count_if_the_gate_caps_them",
    ),
    Mistake(
        "orders of all accounts of a backtest go to one",
        ("I17",),
        "backtest/link.py",
        "        session = self._sessions[item.account]\n",
        "        session = next(reversed(self._sessions.values()))\n",
        _ACCOUNTS,
    ),
    Mistake(
        "every account of a backtest tells of the market",
        ("DESK-79",),
        "adapters/exchange/venue.py",
        "                tells_market=place == 0,\n",
        "",
        f"{_ACCOUNTS}::test_the_market_is_told_once_however_many_accounts_there_are",
    ),
    Mistake(
        "the counter-side of a backtest pays fees that no account has",
        ("I17",),
        "adapters/exchange/venue.py",
        "                asked.SetFeeTier(owner.account, _TIER),\n",
        "            asked.SetFeeTier(_COUNTER, _TIER),\n",
        f"{_ACCOUNTS}::test_positions_and_fees_of_all_accounts_sum_to_zero",
    ),
    Mistake(
        "funding is in no sheet of a backtest",
        ("I1",),
        "backtest/scores.py",
        " + view.funding_e9(*place) * E8\n",
        "\n",
        f"{_ACCOUNTS}::test_funding_is_profit_of_who_held_a_position",
    ),
    Mistake(
        "the capital of an account is that of all",
        ("DESK-79",),
        "backtest/scores.py",
        "{name: capital_e9[trader.account] for name, trader in traders}",
        "{name: sum(capital_e9.values()) for name, trader in traders}",
        _ACCOUNTS,
    ),
    Mistake(
        "a backtest passes by the risk checks",
        ("DESK-50", "DESK-53"),
        "backtest/run.py",
        "risk_of(self._run.checks)",
        "Parts(self._link).risk",
        f"{_RUN}::test_what_the_checks_of_a_run_refuse_is_counted_by_the_check",
    ),
    Mistake(
        "a recording without what a trader trades is a quiet market",
        ("DESK-79",),
        "backtest/run.py",
        "        self._need_data()\n",
        "",
        f"{_RUN}::test_a_recording_without_what_a_trader_trades_is_an_error",
    ),
    Mistake(
        "market makers of a backtest have no protection",
        ("DESK-79",),
        "adapters/exchange/venue.py",
        "*self._protections()]\n",
        "]\n",
        f"{_RUN}::test_a_market_maker_trades_under_the_protection_of_its_account",
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
