"""Mistakes in order management, the desk's machine, its engine and its way to the exchange."""

from tests.planted_desk.mistake import Mistake

_STATES = "unit/desk/oms/test_states.py"
_SPEC = "unit/desk/oms/test_spec.py"
_POSITIONS = "unit/desk/core/test_positions.py"
_HOST = "unit/desk/core/test_host_code.py"
_ENGINE = "unit/desk/core/test_engine.py"
_FILLS = "contract/desk/test_fills.py"
_ACCOUNT = "contract/desk/test_account.py"
_MARKET = "contract/desk/test_market_and_links.py"
_SUBMIT = "contract/desk/test_submit.py"
_CLOSING = "contract/desk/test_closing.py"
_NAMES = "contract/desk/test_registration.py"
_SESSION = "contract/desk/test_exchange_session.py"
_PROPERTIES = "contract/desk/test_properties.py"
_SCENARIO = "scenario/test_desk_scenario.py"

CORE: tuple[Mistake, ...] = (
    Mistake(
        "funding that is told twice is paid twice",
        ("DESK-D10", "RECON-42"),
        "core/funding.py",
        "        remember(core, account, name, Seen(content, funding.ts_ns))\n",
        "",
        "contract/desk/test_funding.py",
    ),
    Mistake(
        "funding is not in an account's equity",
        ("RECON-21",),
        "core/equity.py",
        "    return traded_e17 + (funded_e9 - fees_e9) * E8\n",
        "    return traded_e17 - fees_e9 * E8\n",
        "contract/desk/test_funding.py",
    ),
    Mistake(
        "what no holding explains of a funding is dropped",
        ("I2",),
        "core/funding.py",
        "    if rest or not shares:\n",
        "    if not shares:\n",
        "contract/desk/test_funding.py",
    ),
    Mistake(
        "funding while the link is lost is told after all fills",
        ("DESK-71",),
        "adapters/exchange/account.py",
        "            told += [RecordFill(self.name, fill) for fill in self.fills[fills:before]]\n",
        "            before = fills\n",
        "contract/desk/test_exchange_session.py",
    ),
    Mistake(
        "a closing strategy of the host passes the risk manager",
        ("DESK-12",),
        "core/engine.py",
        "        if origin is Origin.ALGO:\n",
        "        if origin is not Origin.HOOK:\n",
        _HOST,
    ),
    # Orders
    Mistake(
        "a filled order stays tracked",
        ("DESK-D8",),
        "oms/states.py",
        "    if column in (Column.OPEN, Column.CANCEL_IN_FLIGHT) and has_nothing_left(report):\n"
        "        return Outcome(Move.IGNORE if standing is None else Move.REMOVE, None)\n",
        "",
        _STATES,
    ),
    Mistake(
        "an open that timed out is dead",
        ("DESK-D11", "DESK-44"),
        "oms/states.py",
        "    if report.state is OrderState.OPEN_FAILED and report.error.is_unanswered:\n"
        "        return Column.UNANSWERED\n",
        "",
        _ACCOUNT,
    ),
    Mistake(
        "what is unknown is not asked for",
        ("DESK-D11", "DESK-70"),
        "core/reports.py",
        "    if outcome.move is Move.UNKNOWN:\n        query(core, events, order)\n    elif",
        "    if",
        _ACCOUNT,
    ),
    Mistake(
        "an older open replaces a newer one",
        ("DESK-41",),
        "oms/states.py",
        "    return right if left.time_ns <= right.time_ns else left",
        "    return right",
        _STATES,
    ),
    Mistake(
        "an equally old open is dropped",
        ("DESK-41",),
        "oms/states.py",
        "    return right if left.time_ns <= right.time_ns else left",
        "    return right if left.time_ns < right.time_ns else left",
        _STATES,
    ),
    Mistake(
        "a refused cancel leaves the order in flight",
        ("DESK-42",),
        "oms/states.py",
        "        return Outcome(Move.OPEN, Standing(OrderState.OPEN, standing.live))",
        "        return Outcome(Move.IGNORE, standing)",
        _STATES,
    ),
    Mistake(
        "a cancel in flight is cancelled again",
        ("DESK-15",),
        "oms/states.py",
        "standing.state.is_active and standing.state is not OrderState.CANCEL_IN_FLIGHT",
        "standing.state.is_active",
        _SUBMIT,
    ),
    Mistake(
        "an order that was not sent stays in flight",
        ("DESK-14",),
        "core/handlers/intents.py",
        "        if order.live is None:\n            end(core",
        "        if order.live is not None:\n            end(core",
        _ACCOUNT,
    ),
    Mistake(
        "client order ids leave the deployment out",
        ("DESK-45",),
        "oms/submit.py",
        "        name = client_order_id(asker.deployment or None, instrument, number)\n",
        "        name = client_order_id(None, instrument, number)\n",
        f"{_SUBMIT}::test_client_order_ids_are_derived_and_never_the_same",
    ),
    Mistake(
        "an order off its tick goes",
        ("DESK-D19",),
        "oms/spec.py",
        "    if request.kind is OrderKind.LIMIT and price_e9 % spec.tick_e9:",
        "    if request.kind is OrderKind.MARKET and price_e9 % spec.tick_e9:",
        _SPEC,
    ),
    # The boundary
    Mistake(
        "commands pass no gate",
        ("DESK-D19", "I4"),
        "oms/submit.py",
        "    if isinstance(verdict, Breach):",
        "    if isinstance(verdict, Breach) and asker.origin is Origin.ALGO:",
        _SUBMIT,
    ),
    Mistake(
        "manual orders need no limits",
        ("DESK-D19", "I4"),
        "oms/submit.py",
        "    deployment = core.deployments.get(asker.deployment or MANUAL)\n",
        "    deployment = core.deployments.get(asker.deployment or MANUAL)\n"
        "    if deployment is None:\n"
        "        deployment = next(iter(core.deployments.values()), None)\n",
        _SUBMIT,
    ),
    Mistake(
        "an order does not count for the rate",
        ("FUND-35", "I4"),
        "oms/submit.py",
        "    deployment.gate.record_submitted(core.now_ns, priced.intent)\n",
        "",
        _SUBMIT,
    ),
    Mistake(
        "the gate's counters are not rehashed",
        ("I4",),
        "oms/submit.py",
        "    deployment.gate.record_submitted(core.now_ns, priced.intent)\n"
        "    core.touch(deployment)\n",
        "    deployment.gate.record_submitted(core.now_ns, priced.intent)\n",
        _SUBMIT,
    ),
    Mistake(
        "asking the gate costs rate",
        ("I5",),
        "fund/gate.py",
        '"""Return every breach, those that only warn as well. Changes nothing."""\n'
        "        with self._lock:\n",
        '"""Return every breach, those that only warn as well. Changes nothing."""\n'
        "        with self._lock:\n"
        "            self._book.count_sent(now_ns, self._options.window)\n",
        f"{_PROPERTIES}::test_asking_a_gate_leaves_the_hash_as_it_is",
    ),
    Mistake(
        "while disabled nothing may be reduced",
        ("DESK-21", "RECON-22"),
        "oms/submit.py",
        "(not is_closing or block.code is Refusal.SHUT_DOWN)",
        "True",
        _SUBMIT,
    ),
    Mistake(
        "quarantine of an account is not looked at",
        ("RECON-55",),
        "oms/submit.py",
        "    if core.accounts[request.account].is_quarantined:",
        "    if core.accounts[request.account].is_quarantined and core.desk.is_shut_down:",
        _SUBMIT,
    ),
    Mistake(
        "a deployment on paper sends",
        ("RECON-56",),
        "oms/submit.py",
        "    elif deployment.is_paper:",
        "    elif deployment.is_paper and core.desk.is_shut_down:",
        _SUBMIT,
    ),
    Mistake(
        "an unknown instrument ends the machine",
        ("DESK-D17",),
        "oms/submit.py",
        "    if instrument is None:\n"
        "        return _Refused(Refusal.UNKNOWN_INSTRUMENT, request.instrument)\n",
        "    if instrument is None:\n        raise KeyError(request.instrument)\n",
        _SUBMIT,
    ),
    Mistake(
        "an unknown venue is taken",
        ("DESK-D17",),
        "core/handlers/registration.py",
        "    if command.venue not in core.venues:\n"
        "        refuse(events, command, Refusal.UNKNOWN_VENUE, command.venue)\n"
        "        return\n"
        "    account =",
        "    account =",
        _NAMES,
    ),
    # Fills, positions, prices
    Mistake(
        "a fill that is told twice counts twice",
        ("DESK-D10", "I7"),
        "core/fills.py",
        "    known = recall(core, account, fill.fill_id)\n",
        "    known = recall(core, account, str(core.sequence))\n",
        _FILLS,
    ),
    Mistake(
        "the memory of fills is lost in a restart",
        ("DESK-D10", "I7"),
        "core/restore.py",
        "    core.fills.setdefault(account, OrderedDict())[fill_id] = note\n",
        "    core.fills.setdefault(account, OrderedDict())\n",
        f"{_PROPERTIES}::test_a_fill_is_booked_once_under_repeats_disorder_and_restarts",
    ),
    Mistake(
        "a fee in another asset is not its deployment's",
        ("DESK-D18",),
        "core/fees.py",
        "    owner = order.deployment if order is not None and",
        "    owner = fee.asset if order is not None and",
        "contract/desk/test_fees.py",
    ),
    Mistake(
        "all deployments hold one position",
        ("DESK-D18", "DESK-38"),
        "core/fills.py",
        "for key in (NET, owner)]",
        'for key in (NET, owner and "all")]',
        "contract/desk/test_fees.py",
    ),
    Mistake(
        "another fill under a known id is dropped in silence",
        ("RECON-45",),
        "core/fills.py",
        "        if known.content == _content(fill):",
        "        if known.content:",
        _FILLS,
    ),
    Mistake(
        "a fill does not move its gate",
        ("FUND-38", "I3"),
        "core/fills.py",
        "    count_fill(told, owner)\n",
        "",
        _FILLS,
    ),
    Mistake(
        "open positions are not revalued by trades and quotes",
        ("DESK-D7",),
        "core/handlers/market.py",
        "    core.touch(market)\n    mark_books(core, market.instrument)\n",
        "    core.touch(market)\n",
        _MARKET,
    ),
    Mistake(
        "the estimate of an exit fee lowers the unrealised profit",
        ("DESK-34",),
        "core/positions.py",
        "        return self.qty_e8 * self.mark_e9 - self.cost_e17 if self.mark_e9 >= 0 else 0",
        "        fee = self.exit_fee_estimate_e9 * E8\n"
        "        return self.qty_e8 * max(self.mark_e9, 0) - self.cost_e17 - fee",
        _POSITIONS,
    ),
    Mistake(
        "a flip charges its whole fee to what closes",
        ("DESK-33", "DESK-37"),
        "core/positions.py",
        "    fee = fill.fee_e9 - div_trunc(fill.fee_e9 * abs(over), abs(fill.qty_e8))\n",
        "    fee = fill.fee_e9\n",
        _POSITIONS,
    ),
    Mistake(
        "a reduction moves the average price",
        ("DESK-31", "DESK-37"),
        "core/positions.py",
        "    released = div_trunc(book.cost_e17 * abs(fill.qty_e8), abs(book.qty_e8))\n",
        "    released = -fill.qty_e8 * fill.price_e9\n",
        _POSITIONS,
    ),
    Mistake(
        "an equally old trade moves the price",
        ("DESK-2B",),
        "core/handlers/market.py",
        "    if command.time_ns <= market.trade_ns:",
        "    if command.time_ns < market.trade_ns:",
        _MARKET,
    ),
    Mistake(
        "an equally old balance is dropped",
        ("DESK-2A",),
        "core/handlers/account.py",
        "    if report.time_ns < balance.time_ns or report.time_ns < 0:",
        "    if report.time_ns <= balance.time_ns or report.time_ns < 0:",
        _ACCOUNT,
    ),
    # Snapshots and links
    Mistake(
        "a snapshot only adds",
        ("DESK-D9",),
        "core/handlers/account.py",
        "            _take_absence(core, events, order, command.time_ns)\n",
        "            pass\n",
        _ACCOUNT,
    ),
    Mistake(
        "the fills of a snapshot are not booked",
        ("DESK-D9",),
        "core/handlers/account.py",
        "    for fill in command.fills:\n        _take_fill(core, events, account, fill)\n",
        "",
        _ACCOUNT,
    ),
    Mistake(
        "an order in flight that a snapshot lacks is dropped",
        ("DESK-D9", "DESK-D11"),
        "core/handlers/account.py",
        "    if order.live is None:\n        query(core, events, order)\n        return\n",
        "    if order.live is None:\n"
        "        end(core, events, order, OrderState.VANISHED, OrderError.NONE)\n"
        "        return\n",
        _ACCOUNT,
    ),
    Mistake(
        "one healthy link makes the whole healthy",
        ("DESK-22",),
        "core/state.py",
        "        return self.lost_links == 0 and bool(self.venues)",
        "        return self.lost_links <= 1 and bool(self.venues)",
        _MARKET,
    ),
    Mistake(
        "a restart sends again what was in flight",
        ("RECON-44", "F6"),
        "core/engine.py",
        "        self._query(call, _of(events, OrderQueried))\n",
        "",
        _ENGINE,
    ),
    Mistake(
        "a repeated close closes again",
        ("DESK-24",),
        "core/closing.py",
        "        and order.origin is Origin.CLOSE\n",
        "        and order.origin is Origin.OPERATOR\n",
        _CLOSING,
    ),
    # The engine
    Mistake(
        "strategies are asked while disabled",
        ("DESK-04", "DESK-21"),
        "core/engine.py",
        "        return view.trading is TradingState.ENABLED and not view.is_shut_down",
        "        return not view.is_shut_down",
        _ENGINE,
    ),
    Mistake(
        "the hook is called for every repeated disabling",
        ("DESK-20",),
        "core/engine.py",
        "    return (change.previous, change.current) == "
        "(TradingState.ENABLED, TradingState.DISABLED)",
        "    return change.current is TradingState.DISABLED",
        _ENGINE,
    ),
    Mistake(
        "opens are sent before cancels",
        ("DESK-18", "DESK-17"),
        "core/engine.py",
        "        results = [self._hand_over(request) for request in cancels]\n"
        "        results += [self._hand_over(request) for request in opens]\n",
        "        results = [self._hand_over(request) for request in opens]\n"
        "        results += [self._hand_over(request) for request in cancels]\n",
        _ENGINE,
    ),
    Mistake(
        "after an unrecoverable error strategies are asked",
        ("DESK-04", "DESK-1A"),
        "core/engine.py",
        "        if not call.errors and self._may_trade():",
        "        if self._may_trade():",
        _ENGINE,
    ),
    Mistake(
        "what comes back at the end is lost",
        ("DESK-D14",),
        "core/engine.py",
        "            if not replies:\n                return\n",
        "            return\n",
        _ENGINE,
    ),
    Mistake(
        "a clock that follows events sees them too late",
        ("DESK-D13", "DESK-68"),
        "core/engine.py",
        "        call = _Call()\n        self._observe(event)\n",
        "        call = _Call()\n",
        _ENGINE,
    ),
    Mistake(
        "a tick misses the commands of strategies",
        ("DESK-D12", "I11"),
        "core/engine.py",
        "            call.journaled.append(Journaled(seq, state.ts_ns, encode(command), hash_))\n",
        "            if type(command) is not SubmitIntents:\n"
        "                done = Journaled(seq, state.ts_ns, encode(command), hash_)\n"
        "                call.journaled.append(done)\n",
        _ENGINE,
    ),
    Mistake(
        "a snapshot takes no number",
        ("DESK-60", "I12"),
        "core/audit.py",
        "        return self.tick(event, state, (), ())\n",
        "        tick = self.tick(event, state, (), ())\n"
        "        self.next_seq -= 1\n"
        "        return tick\n",
        _ENGINE,
    ),
    Mistake(
        "a replica takes a tick after a gap",
        ("DESK-64", "I12"),
        "core/replica.py",
        "        if tick.seq != self.seq + 1:",
        "        if tick.seq < self.seq:",
        _ENGINE,
    ),
    Mistake(
        "a replica compares no hash",
        ("DESK-64", "I11"),
        "core/replica.py",
        "        if found != expected:",
        "        if len(found) != len(expected):",
        _ENGINE,
    ),
    Mistake(
        "an auditor that dies stops the desk",
        ("DESK-63",),
        "core/audit.py",
        "                self._sink = None\n",
        "                raise\n",
        _ENGINE,
    ),
    # The exchange in process
    Mistake(
        "the maker's side is the taker's",
        ("DESK-D15",),
        "adapters/exchange/account.py",
        "        bought = is_taker == (event.taker_side == Side.BUY)\n",
        "        bought = event.taker_side == Side.BUY\n",
        _SESSION,
    ),
    Mistake(
        "fees of the exchange are taken for the desk's unit",
        ("DESK-D15",),
        "adapters/exchange/account.py",
        "            side.fee_e6 * E9_PER_E6,\n",
        "            side.fee_e6,\n",
        _SESSION,
    ),
    Mistake(
        "a request has no name at the exchange",
        ("RECON-44", "F6"),
        "adapters/exchange/session.py",
        "        code = self._submit(action, request.client_order_id.encode())\n",
        '        code = self._submit(action, b"")\n',
        _SESSION,
    ),
    Mistake(
        "a price between two ticks is rounded",
        ("DESK-D15",),
        "adapters/exchange/units.py",
        "        if value % step:",
        "        if value < 0:",
        _SESSION,
    ),
    Mistake(
        "the scenario's closing order is bought",
        ("DESK-24", "DESK-37"),
        "core/closing.py",
        "            Side.SELL if book.qty_e8 > 0 else Side.BUY,\n",
        "            Side.BUY,\n",
        _SCENARIO,
    ),
)
