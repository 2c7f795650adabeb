"""Mistakes in statistics, strategies, risk and the pipeline."""

from tests.planted_desk.mistake import Mistake

_STATS = "unit/desk/stats"
_STRATEGY = "unit/desk/strategy"
_RISK = "unit/desk/risk"
_PIPELINE = "unit/desk/pipeline"

STATISTICS: tuple[Mistake, ...] = (
    Mistake(
        "the win rate is that of the losses",
        ("DESK-D1",),
        "stats/trades.py",
        "win_rate=win_rate(self._wins,",
        "win_rate=win_rate(self._losses,",
        _STATS,
    ),
    Mistake(
        "a trade that made nothing is a winner",
        ("DESK-D1",),
        "stats/trades.py",
        "if trade.pnl_e9 > 0:",
        "if trade.pnl_e9 >= 0:",
        _STATS,
    ),
    Mistake(
        "the profit factor takes all profit for gross profit",
        ("DESK-D2",),
        "stats/trades.py",
        "profit_factor=profit_factor(self._gross_profit_e9,",
        "profit_factor=profit_factor(self.pnl_e9,",
        _STATS,
    ),
    Mistake(
        "a report of drawdowns feeds the current one in",
        ("DESK-D3", "I14"),
        "stats/drawdown.py",
        "            sums = sums.copy()\n",
        "",
        _STATS,
    ),
    Mistake(
        "a report closes the interval that is open",
        ("DESK-D3", "I14"),
        "stats/returns.py",
        "samples = self._samples.copy()",
        "samples = self._samples",
        _STATS,
    ),
    Mistake(
        "the drawdown is one of the profit",
        ("DESK-D4",),
        "stats/tearsheet.py",
        "self._drawdown.add(ts_ns, self._equity_e9)",
        "self._drawdown.add(ts_ns, pnl_e9)",
        _STATS,
    ),
    Mistake(
        "a share of a negative peak has its sign turned",
        ("DESK-D4",),
        "stats/drawdown.py",
        "if self.peak_e9 <= 0:",
        "if self.peak_e9 == 0:",
        _STATS,
    ),
    Mistake(
        "a ratio without deviation is the largest number",
        ("DESK-D5",),
        "stats/ratios.py",
        "    if excess is None or not variance:\n        return None\n",
        "    if excess is None:\n        return None\n"
        "    if not variance:\n        return float(2**63)\n",
        _STATS,
    ),
    Mistake(
        "each equity that is seen makes a return",
        ("DESK-D6",),
        "stats/returns.py",
        "        ended = self._ended(ts_ns)\n",
        "        ended = 1\n",
        _STATS,
    ),
    Mistake(
        "a boundary belongs to the interval that ends",
        ("DESK-D6",),
        "stats/returns.py",
        "if ts_ns < self._boundary_ns:",
        "if ts_ns <= self._boundary_ns:",
        _STATS,
    ),
    Mistake(
        "a ratio scales like a rate",
        ("DESK-83",),
        "stats/ratios.py",
        "excess * excess * basis.scale / variance",
        "excess * excess * basis.scale * basis.scale / variance",
        _STATS,
    ),
    Mistake(
        "the old peak reached again ends a drawdown",
        ("DESK-84",),
        "stats/drawdown.py",
        "if equity_e9 > self._peak_e9:",
        "if equity_e9 >= self._peak_e9:",
        _STATS,
    ),
)

STRATEGIES: tuple[Mistake, ...] = (
    Mistake(
        "a strategy never goes short",
        ("PIPE-D6",),
        "strategy/examples.py",
        "return TradeSignal.SHORT if rsi_e6 > self._options.high_e6 else None",
        "return None",
        _STRATEGY,
    ),
    Mistake(
        "the RSI has a period of its own",
        ("PIPE-D6",),
        "strategy/indicators.py",
        "return div_half_even(average * (self.period - 1) + new, self.period)",
        "return div_half_even(average * 13 + new, 14)",
        _STRATEGY,
    ),
    Mistake(
        "the low of an averaged candle starts at zero",
        ("PIPE-D7",),
        "strategy/indicators.py",
        "low_e9=min(candle.low_e9, opened, close)",
        "low_e9=min(candle.low_e9, opened, close, 0)",
        _STRATEGY,
    ),
    Mistake(
        "the high of an averaged candle leaves its open out",
        ("PIPE-D7",),
        "strategy/indicators.py",
        "high_e9=max(candle.high_e9, opened, close)",
        "high_e9=max(candle.high_e9, close)",
        _STRATEGY,
    ),
    Mistake(
        "a ring grows",
        ("PIPE-D8",),
        "strategy/ring.py",
        "if len(self._values) < self._capacity:",
        "if len(self._values) < 10**9:",
        _STRATEGY,
    ),
    Mistake(
        "a turn only closes",
        ("PIPE-D10",),
        "strategy/base.py",
        "    if wanted:\n",
        "    if wanted and not held:\n",
        _STRATEGY,
    ),
    Mistake(
        "a candle may be incoherent",
        ("PIPE-D10",),
        "strategy/market.py",
        "if not max(self.open_e9, self.close_e9) <= self.high_e9:",
        "if False:",
        _STRATEGY,
    ),
    Mistake(
        "a signal is sent again while an order is in flight",
        ("PIPE-D12",),
        "strategy/base.py",
        "if signal is None or not context.is_quiet:",
        "if signal is None:",
        _STRATEGY,
    ),
    Mistake(
        "a callback may want one more than it may",
        ("FUND-71",),
        "strategy/base.py",
        "if len(self._intents) >= INTENTS_MAX:",
        "if len(self._intents) > INTENTS_MAX:",
        _STRATEGY,
    ),
    Mistake(
        "a position is closed at no price",
        ("DESK-24",),
        "strategy/hooks.py",
        "priced = [c for c in contexts if c.market.price_e9 is not None]",
        "priced = contexts",
        _STRATEGY,
    ),
)

RISK: tuple[Mistake, ...] = (
    Mistake(
        "what equals the limit is refused",
        ("DESK-51",),
        "risk/checks.py",
        "return value <= self.limit",
        "return value < self.limit",
        _RISK,
    ),
    Mistake(
        "a check that raises lets pass",
        ("DESK-53",),
        "risk/checks.py",
        'reason = f"the check failed: {error!r:.80}"',
        "reason = None if error else None",
        _RISK,
    ),
    Mistake(
        "a breach that repeats halts again",
        ("FUND-22",),
        "risk/monitor.py",
        "standing.halted < action",
        "standing.halted <= action",
        _RISK,
    ),
    Mistake(
        "a liquidation closes while orders work",
        ("FUND-21",),
        "risk/monitor.py",
        "    if any(exposure.orders for exposure in standing.exposures):\n        return ()\n",
        "",
        _RISK,
    ),
)

PIPELINE: tuple[Mistake, ...] = (
    Mistake(
        "only as many traders start as there are workers",
        ("PIPE-D1",),
        "pipeline/pool.py",
        "if not queue and task.trader not in self._busy:",
        "if not queue and task.trader not in self._busy and task.trader < self._base:",
        f"{_PIPELINE}/test_pools.py::test_more_traders_than_workers_all_get_their_turn",
    ),
    Mistake(
        "a thread that is stuck is not relieved",
        ("I16", "PIPE-D1"),
        "pipeline/pool.py",
        "if self._patience_s is None or not self._ready or self._is_stopping:",
        "if self._patience_s is not None:",
        f"{_PIPELINE}/test_pools.py"
        "::test_a_strategy_that_sleeps_on_the_only_thread_holds_up_no_other",
    ),
    Mistake(
        "a process that is stuck keeps its other traders",
        ("I16", "PIPE-D1"),
        "pipeline/processes.py",
        "            if moving:\n",
        "            if len(moving) > 10**9:\n",
        f"{_PIPELINE}/test_pools.py"
        "::test_a_strategy_that_sleeps_in_the_only_process_holds_up_no_other",
    ),
    Mistake(
        "a full mailbox stops the dispatcher",
        ("PIPE-D2", "I16"),
        "pipeline/live.py",
        "name, capacity, Overflow.DROP_OLDEST",
        "name, capacity, Overflow.BLOCK",
        f"{_PIPELINE}/test_live.py"
        "::test_a_trader_that_sleeps_delays_no_other_key_and_its_events_are_conflated",
    ),
    Mistake(
        "what is dropped is not counted",
        ("PIPE-D2",),
        "pipeline/channel.py",
        "                self._values.popleft()\n                self._dropped += 1\n",
        "                self._values.popleft()\n",
        f"{_PIPELINE}/test_channel.py",
    ),
    Mistake(
        "orders may be dropped",
        ("PIPE-D2",),
        "pipeline/channel.py",
        "if is_lossless and overflow.drops:",
        "if is_lossless and overflow is Overflow.RAISE:",
        f"{_PIPELINE}/test_channel.py",
    ),
    Mistake(
        "a trader without a position is not asked",
        ("PIPE-D3",),
        "pipeline/portfolio.py",
        "if seen.now_ns < self._due_ns[trader] or not",
        "if not standing.holding.qty_e8 or not",
        f"{_PIPELINE}/test_lockstep.py::test_from_an_empty_portfolio_an_order_comes",
    ),
    Mistake(
        "a command reaches one trader",
        ("PIPE-D4",),
        "pipeline/portfolio.py",
        "for trader in named:",
        "for trader in named[:1]:",
        f"{_PIPELINE}/test_lockstep.py"
        "::test_a_command_reaches_every_trader_that_it_names_and_is_written_down",
    ),
    Mistake(
        "a command is not written down",
        ("PIPE-D4",),
        "pipeline/portfolio.py",
        "        self._desk.record(command)\n",
        "",
        f"{_PIPELINE}/test_lockstep.py"
        "::test_a_command_reaches_every_trader_that_it_names_and_is_written_down",
    ),
    Mistake(
        "a stop never arrives",
        ("PIPE-D5",),
        "pipeline/supervisor.py",
        "        self._stop.set()\n",
        "        self._stop.clear()\n",
        f"{_PIPELINE}/test_supervisor.py",
    ),
    Mistake(
        "a join has no deadline",
        ("PIPE-D5",),
        "pipeline/supervisor.py",
        "            if not service.join(max(deadline - time.monotonic(), 0)):\n",
        "            if not service.join(3600):\n",
        f"{_PIPELINE}/test_supervisor.py",
    ),
    Mistake(
        "instruments of one asset are one",
        ("PIPE-D9",),
        "pipeline/router.py",
        "return self._by_instrument.get(instrument, ())",
        'asset = instrument.split("/")[0]\n'
        "        return next(\n"
        "            (who for name, who in self._by_instrument.items() "
        'if name.split("/")[0] == asset), ()\n'
        "        )",
        f"{_PIPELINE}/test_router.py",
    ),
    Mistake(
        "a candle's high is its close",
        ("PIPE-D10",),
        "pipeline/generator.py",
        "high_e9=max(path) * walk.tick_e9",
        "high_e9=path[-1] * walk.tick_e9",
        f"{_PIPELINE}/test_feeds.py",
    ),
    Mistake(
        "a candle opens anywhere",
        ("PIPE-D10",),
        "pipeline/generator.py",
        "prices[place] = path[-1]",
        "prices[place] = path[0] + 1",
        f"{_PIPELINE}/test_feeds.py",
    ),
    Mistake(
        "a configuration is read and dropped",
        ("PIPE-D11",),
        "pipeline/config.py",
        "traders=tuple(named.trader for named in traders_of(root, catalog)),",
        "traders=tuple(named.trader for named in traders_of(root, catalog)[:0]),",
        f"{_PIPELINE}/test_config.py",
    ),
    Mistake(
        "lines of nested tables are counted through",
        ("PIPE-D11",),
        "pipeline/section.py",
        "            del counts[inner]\n",
        "            counts[inner] += 0\n",
        "unit/desk/backtest/test_plan.py",
    ),
    Mistake(
        "an unknown key of a configuration is passed over",
        ("PIPE-D11",),
        "pipeline/section.py",
        "            if key not in self._known:\n",
        "            if key not in self._values:\n",
        f"{_PIPELINE}/test_config.py",
    ),
    Mistake(
        "what is unanswered is in flight for nobody",
        ("PIPE-D12",),
        "pipeline/live.py",
        "if not unanswered:",
        "if unanswered:",
        f"{_PIPELINE}/test_live.py"
        "::test_orders_that_nobody_answers_are_in_flight_and_never_dropped",
    ),
    Mistake(
        "who wants something is shown what comes after it",
        ("PIPE-D12",),
        "pipeline/actor.py",
        "while used <= len(task.more) and not len(actions):",
        "while used <= len(task.more):",
        f"{_PIPELINE}/test_host.py",
    ),
    Mistake(
        "what a trader did not look at is lost",
        ("PIPE-D2",),
        "pipeline/live.py",
        "del place.shown[: outcome.used]",
        "place.shown.clear()",
        f"{_PIPELINE}/test_live.py::test_every_event_is_seen_when_nobody_is_slow",
    ),
    Mistake(
        "answers are ordered by trader",
        ("I15",),
        "pipeline/pool.py",
        "return sorted(outcomes, key=lambda outcome: outcome.order)",
        "return sorted(outcomes, key=lambda outcome: outcome.trader)",
        f"{_PIPELINE}/test_lockstep.py",
    ),
    Mistake(
        "a new worker starts its traders afresh",
        ("I15", "PIPE-19"),
        "pipeline/processes.py",
        "Load(record.trader, record.state, tuple(record.log))",
        "Load(record.trader)",
        f"{_PIPELINE}/test_pools.py::test_a_killed_worker_is_replaced_and_can_be_seen_in_no_answer",
    ),
    Mistake(
        "what a dead worker was asked is lost",
        ("I15", "PIPE-19"),
        "pipeline/processes.py",
        "heir.queue.extend((*asked, *worker.queue))",
        "heir.queue.extend(worker.queue)",
        f"{_PIPELINE}/test_pools.py"
        "::test_a_worker_killed_between_question_and_answer_is_asked_again",
    ),
    Mistake(
        "a strategy that raised goes on as it is",
        ("PIPE-19",),
        "pipeline/actor.py",
        "            self.add(self._traders[task.trader])\n",
        "",
        f"{_PIPELINE}/test_pools.py::test_a_strategy_that_raised_begins_afresh",
    ),
    Mistake(
        "one failure too many is allowed",
        ("PIPE-19",),
        "pipeline/guard.py",
        "health.counted >= policy.failures_max",
        "health.counted > policy.failures_max",
        f"{_PIPELINE}/test_guard.py",
    ),
    Mistake(
        "all orders wait for each other",
        ("PIPE-16", "I16"),
        "pipeline/orders.py",
        "            async for answer in self._taken(self._news):\n"
        "                queue = queues.get(answer.trader.index)\n"
        "                if queue is None:\n"
        "                    queue = queues[answer.trader.index] = asyncio.Queue()\n",
        "            async for answer in self._taken(self._news):\n"
        "                queue = queues.get(0)\n"
        "                if queue is None:\n"
        "                    queue = queues[0] = asyncio.Queue()\n",
        f"{_PIPELINE}/test_orders.py",
    ),
    Mistake(
        "a stop forgets what was taken",
        ("DESK-D14",),
        "pipeline/orders.py",
        "            news.clear()\n",
        "            news.clear()\n"
        "            if self._channel.is_closed:\n"
        "                return\n",
        f"{_PIPELINE}/test_orders.py",
    ),
    Mistake(
        "a channel needs no bound",
        ("DESK-D16",),
        "pipeline/channel.py",
        'self.capacity = need_int("capacity", capacity, 1)',
        "self.capacity = capacity or 10**9",
        f"{_PIPELINE}/test_channel.py",
    ),
    Mistake(
        "an unknown target names nobody",
        ("DESK-D17", "PIPE-D4"),
        "pipeline/router.py",
        "named = index.get(target.key)",
        "named = index.get(target.key, ())",
        f"{_PIPELINE}/test_router.py",
    ),
)

REPORTS: tuple[Mistake, ...] = (
    Mistake(
        "a thinned curve forgets its extremes",
        ("DESK-84",),
        "reports/curve.py",
        "high_e9=max(one.high_e9, other.high_e9),",
        "high_e9=other.high_e9,",
        "unit/desk/reports",
    ),
    Mistake(
        "a name goes into a page as it is",
        ("DESK-85",),
        "reports/page.py",
        'f"<th>{escape(cell)}</th>" for cell in rows[0]',
        'f"<th>{cell}</th>" for cell in rows[0]',
        "unit/desk/reports",
    ),
)

PIPELINE_AND_STRATEGIES = (*STATISTICS, *STRATEGIES, *RISK, *PIPELINE, *REPORTS)
