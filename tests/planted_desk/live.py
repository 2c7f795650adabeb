"""Mistakes in the live desk: turns, host, monitor, risk checks, and the pipeline on it."""

from tests.planted_desk.mistake import Mistake

_DESK = "unit/desk/live/test_live_desk.py"
_POOL = "unit/desk/adapters/test_pool_algo.py"
_HOST = "unit/desk/live/test_host.py"
_RISK = "unit/desk/adapters/test_risk.py"
_FREE = "unit/desk/pipeline/test_live.py"

LIVE: tuple[Mistake, ...] = (
    Mistake(
        "who came last has the next turn",
        ("I16",),
        "live/turns.py",
        "self._waiting.popleft().release()",
        "self._waiting.pop().release()",
        f"{_DESK}::test_turns_come_in_the_order_in_which_they_were_asked_for",
    ),
    Mistake(
        "an answer closes after strategies were disabled",
        ("DESK-17",),
        "core/engine.py",
        "check = self._parts.risk.check if self._may_trade() else _hold_back",
        "check = self._parts.risk.check",
        f"{_DESK}::test_an_answer_that_comes_after_strategies_were_disabled_opens_nothing",
    ),
    Mistake(
        "traders are asked while strategies are disabled",
        ("DESK-17",),
        "pipeline/live.py",
        "if not stop.is_set() and self._desk.is_trading:",
        "if not stop.is_set():",
        f"{_DESK}::test_while_strategies_are_disabled_nobody_is_asked_and_what_comes_is_conflated",
    ),
    Mistake(
        "what nobody trades has no price",
        ("I16",),
        "live/services.py",
        "if event is not None and not self._pipeline.publish(event):",
        "if event is not None and self._pipeline.publish(event) is None:",
        f"{_DESK}::test_what_nobody_trades_has_its_price_on_the_desk",
    ),
    Mistake(
        "a clear leaves the desk's halt",
        ("PIPE-D4",),
        "live/desk.py",
        "if command.kind is CommandKind.CLEAR:",
        "if command.kind is CommandKind.PAUSE:",
        f"{_DESK}::test_who_failed_too_often_is_halted_and_a_clear_ends_that_on_the_desk_too",
    ),
    Mistake(
        "an error of the engine ends nothing",
        ("DESK-61",),
        "live/desk.py",
        "        if tick.errors:\n            raise DeskEndedError(",
        "        if len(tick.errors) > 10**9:\n            raise DeskEndedError(",
        f"{_DESK}::test_an_error_of_the_engine_ends_the_pipeline_and_is_named",
    ),
    Mistake(
        "reports are dropped at the end",
        ("PIPE-D2", "DESK-D14"),
        "live/services.py",
        "            is_last = stop.is_set()\n            self._desk.take(self._link.take())\n",
        "            is_last = stop.is_set()\n            told = self._link.take()\n"
        "            self._desk.take(told[:-1] if len(told) > 1 else told)\n",
        f"{_DESK}::test_it_ends_quiet_with_books_that_are_the_brokers",
    ),
    Mistake(
        "the first of a batch alone is in the tick",
        ("I11",),
        "core/engine.py",
        "        told = self._submit_all(call, events)\n",
        "        told = self._submit_all(call, events)\n        del call.journaled[1:]\n",
        f"{_DESK}::test_a_replica_that_follows_the_ticks_has_the_same_hash",
    ),
    Mistake(
        "a pipeline is quiet while its dispatcher works",
        ("PIPE-11",),
        "pipeline/live.py",
        "return is_still and before % 2 == 0 and before == self._half_rounds",
        "return is_still",
        f"{_FREE}::test_what_the_dispatcher_has_in_its_hands_is_not_quiet",
    ),
    Mistake(
        "strategies may be enabled before a sweep",
        ("F5",),
        "live/desk.py",
        "            if why_not:\n",
        "            if len(why_not) > 10**9:\n",
        f"{_HOST}::test_nobody_enables_strategies_before_a_whole_sweep",
    ),
    Mistake(
        "a desk that crashed trades on at once",
        ("F5", "F6"),
        "live/host.py",
        "        self._desk.process(Resume())\n",
        "",
        f"{_HOST}::test_a_desk_that_crashed_while_it_traded_begins_disabled_and_swept",
    ),
    Mistake(
        "nobody asks what the key may do",
        ("RECON-12",),
        "live/host.py",
        "need_scopes(place.view.venue, place.scopes())",
        "place.scopes()",
        f"{_HOST}::test_a_key_that_can_withdraw_is_refused_at_the_start",
    ),
    Mistake(
        "a silent link is told at every look",
        ("RECON-51",),
        "live/host.py",
        "        self._silent.add(name)\n        self.alerts",
        "        self.alerts",
        f"{_HOST}::test_a_link_that_falls_silent_is_lost_once_and_made_up_for_when_it_is_back",
    ),
    Mistake(
        "a link that is back is not swept",
        ("F3",),
        "live/host.py",
        "                    self.demand_sweep(name)\n",
        "",
        f"{_HOST}::test_a_link_that_falls_silent_is_lost_once_and_made_up_for_when_it_is_back",
    ),
    Mistake(
        "a quarantine is the shell's alone",
        ("RECON-55",),
        "live/host.py",
        "        self._desk.process(_quarantine(venue, account, is_on=True))\n",
        "",
        f"{_HOST}::test_a_quarantine_keeps_an_account_from_opening_and_lets_it_close",
    ),
    Mistake(
        "an order at the market rests",
        ("F2", "PIPE-D12"),
        "adapters/strategies.py",
        "None if order.kind is OrderKind.MARKET else order.price_e9",
        "order.price_e9",
        f"{_POOL}::test_an_order_at_the_market_has_no_price_at_which_it_rests",
    ),
    Mistake(
        "what a check is against goes all the same",
        ("DESK-53",),
        "adapters/risk.py",
        "            if reason is None:\n",
        "            if reason is None or reason:\n",
        _RISK,
    ),
    Mistake(
        "an instrument that nobody registered is a contract",
        ("DESK-53",),
        "adapters/risk.py",
        "if contract is None and view.market(instrument) is not None:",
        "if contract is None:",
        f"{_RISK}::test_without_a_price_and_without_a_contract_nothing_goes",
    ),
)
