"""Planted bugs in what time and trouble do: settlement, funding, liquidation, blocks."""

from tests.planted.bug import Bug

_ENGINE = "lockstep_engine"
_LIFECYCLE = f"{_ENGINE}/lifecycle"

TROUBLE_BUGS = (
    Bug(
        "the value before a window weighs nothing",
        f"{_LIFECYCLE}/averages.py",
        "opens_ns if price else now_ns",
        "now_ns",
    ),
    Bug(
        "the last value of a window weighs nothing",
        f"{_LIFECYCLE}/entities.py",
        "weighed = self.weighed + price_e6 * (self.expiry_ns - self.since_ns)",
        "weighed = self.weighed",
    ),
    Bug(
        "an average of prices is rounded down",
        f"{_LIFECYCLE}/entities.py",
        "return div_half_even(weighed, self.expiry_ns - self.open_ns)",
        "return weighed // (self.expiry_ns - self.open_ns)",
    ),
    Bug(
        "a price needs one sample too many",
        f"{_LIFECYCLE}/averages.py",
        "samples >= underlying.min_samples",
        "samples > underlying.min_samples",
    ),
    Bug(
        "a window opens a nanosecond late",
        f"{_LIFECYCLE}/averages.py",
        "if now_ns < opens_ns:",
        "if now_ns <= opens_ns:",
    ),
    Bug(
        "a window outlives its expiry",
        f"{_LIFECYCLE}/averages.py",
        "        price, samples = window.average_e6(price), window.samples\n"
        "        _drop(core, window)\n",
        "        price, samples = window.average_e6(price), window.samples\n",
    ),
    Bug(
        "the next expiry may be now",
        f"{_LIFECYCLE}/averages.py",
        "return ((now_ns - time_ns) // _DAY_NS + 1) * _DAY_NS + time_ns",
        "return -(-(now_ns - time_ns) // _DAY_NS) * _DAY_NS + time_ns",
    ),
    Bug(
        "a sample does not touch its window",
        f"{_LIFECYCLE}/averages.py",
        "    window.add(price, now_ns)\n    core.touch(window)\n",
        "    window.add(price, now_ns)\n",
    ),
    Bug(
        "a restored window has no sum",
        f"{_ENGINE}/restore.py",
        '    window.weighed = int.from_bytes(weighed, "big")\n',
        "",
    ),
    Bug(
        "a put pays what a call pays",
        f"{_ENGINE}/risk/marks.py",
        "        if instrument.kind != _CALL:\n            price = -price\n",
        "",
    ),
    Bug(
        "a restored instrument follows the index after its expiry",
        f"{_ENGINE}/restore.py",
        "    instrument.settlement = core.settlements.get((underlying.name, ",
        "    core.settlements.get((underlying.name, ",
    ),
    Bug(
        "a price set by hand does not touch its record",
        f"{_LIFECYCLE}/settlement.py",
        "    settlement.is_final = True\n    core.touch(settlement)\n",
        "    settlement.is_final = True\n",
    ),
    Bug(
        "the settlement fee is rounded down",
        f"{_ENGINE}/money/fees.py",
        "div_ceil(charge * abs(qty_lots), _E9)",
        "charge * abs(qty_lots) // _E9",
    ),
    Bug(
        "the settlement fee has no cap",
        f"{_ENGINE}/money/fees.py",
        "        fees.settlement_cap_e9 * instrument.mark_lot_e6,\n",
        "        fees.settlement_e9 * instrument.index_lot_e6,\n",
    ),
    Bug(
        "a final position needs nothing for its fee",
        f"{_ENGINE}/risk/expired.py",
        "    if settlement is None or not settlement.is_final:\n",
        "    if settlement is None or settlement.price_e6 >= 0:\n",
    ),
    Bug(
        "a position needs its settlement fee from its expiry on",
        f"{_ENGINE}/risk/expired.py",
        "    if settlement is None or not settlement.is_final:\n",
        "    if settlement is None:\n",
    ),
    Bug(
        "expired positions need nothing in a portfolio",
        f"{_ENGINE}/risk/expired.py",
        "    if account.mode != _PORTFOLIO:\n        return fee, fee\n",
        "    if account.mode >= 0:\n        return fee, fee\n",
    ),
    Bug(
        "a new fee tier leaves the margin of final positions",
        f"{_ENGINE}/operations/administration.py",
        "    note_fees(account)\n    events.append(FeeTierSet",
        "    events.append(FeeTierSet",
    ),
    Bug(
        "new rates leave the margin of final positions",
        f"{_ENGINE}/operations/administration.py",
        "            note_fees(account)\n",
        "            pass\n",
    ),
    Bug(
        "expired positions of a portfolio keep the margin of old rates",
        f"{_ENGINE}/risk/margin.py",
        "if is_moved or holding.orders or is_expired:",
        "if is_moved or holding.orders:",
    ),
    Bug(
        "a settlement leaves its cost in the clearing cash",
        f"{_LIFECYCLE}/settlement.py",
        "        instrument.clearing_e6 += cost\n",
        "        pass\n",
    ),
    Bug(
        "a settlement does not touch the instrument",
        f"{_LIFECYCLE}/settlement.py",
        "        instrument.status = _SETTLED\n        core.touch(instrument)\n",
        "        instrument.status = _SETTLED\n",
    ),
    Bug(
        "an expiry is settled twice",
        f"{_LIFECYCLE}/settlement.py",
        "    if instruments[0].status == _SETTLED:\n        return _ALREADY_SETTLED\n",
        "",
    ),
    Bug(
        "shorts pay funding that longs owe",
        f"{_LIFECYCLE}/funding.py",
        "lot = div_half_even(numerator, _E25)",
        "lot = div_half_even(-numerator, _E25)",
    ),
    Bug(
        "funding is rounded to minus infinity",
        f"{_LIFECYCLE}/funding.py",
        "lot = div_half_even(numerator, _E25)",
        "lot = numerator // _E25",
    ),
    Bug(
        "funding times count from when the rate was set",
        f"{_LIFECYCLE}/entities.py",
        "self.next_ns = (now_ns // interval_ns + 1) * interval_ns",
        "self.next_ns = now_ns + interval_ns",
    ),
    Bug(
        "a funding time that was replaced is kept",
        f"{_LIFECYCLE}/expiry.py",
        "            if funding.next_ns == due[0]:\n"
        "                run_funding(core, funding, events)\n",
        "            run_funding(core, funding, events)\n",
    ),
    Bug(
        "funding does not touch the account",
        f"{_LIFECYCLE}/funding.py",
        "        account.cash_e6 -= qty * lot\n        core.touch(account)\n",
        "        account.cash_e6 -= qty * lot\n",
    ),
    Bug(
        "a new rate does not touch its record",
        f"{_LIFECYCLE}/funding.py",
        "    core.touch(funding)\n    events.append(FundingRateUpdated",
        "    events.append(FundingRateUpdated",
    ),
    Bug(
        "a restored funding is never due",
        f"{_ENGINE}/restore.py",
        "    schedule_funding(core, funding)\n    core.touch(funding)\n",
        "    core.touch(funding)\n",
    ),
    Bug(
        "an account at its maintenance margin is liquidated",
        f"{_LIFECYCLE}/liquidation.py",
        "    if not standing.is_below_maintenance():\n        return _ACCOUNT_HEALTHY\n",
        "    if standing.collateral_e6 > standing.maintenance_e6:\n"
        "        return _ACCOUNT_HEALTHY\n",
    ),
    Bug(
        "positions are closed by instrument, not by margin",
        f"{_LIFECYCLE}/deleveraging.py",
        "    found.sort(key=_falling)\n",
        "",
    ),
    Bug(
        "no position is skipped",
        f"{_LIFECYCLE}/liquidation.py",
        "if closing_helps(core, holding) and _close(",
        "if _close(",
    ),
    Bug(
        "a position whose closing changes nothing is skipped",
        f"{_ENGINE}/risk/standing.py",
        "return gain - initial_change_e6(core, holding, qty, 0) >= 0",
        "return gain - initial_change_e6(core, holding, qty, 0) > 0",
    ),
    Bug(
        "a liquidation may sell a tick below the fund",
        f"{_LIFECYCLE}/liquidation.py",
        "div_ceil(marked - cushion, per_tick)",
        "div_floor(marked - cushion, per_tick)",
    ),
    Bug(
        "a liquidation may sell a tick beyond the penalty",
        f"{_LIFECYCLE}/liquidation.py",
        "div_ceil(mark_e10 - away_e10, tick_e10)",
        "div_floor(mark_e10 - away_e10, tick_e10)",
    ),
    Bug(
        "a liquidation may buy at any price within the fund",
        f"{_LIFECYCLE}/liquidation.py",
        "        div_floor(mark_e10 + away_e10, tick_e10),\n",
        "",
    ),
    Bug(
        "a liquidation is no step away from the mark",
        f"{_LIFECYCLE}/liquidation.py",
        "        instrument.price_step_ticks * tick_e10,\n",
        "        0,\n",
    ),
    Bug(
        "a liquidation takes what its fee needs",
        f"{_LIFECYCLE}/liquidation.py",
        "max(value_e6 - fee, 0)",
        "max(value_e6, 0)",
    ),
    Bug(
        "a liquidation spares the fund",
        f"{_LIFECYCLE}/liquidation.py",
        "value_e6 + core.treasury.insurance_e6",
        "value_e6",
    ),
    Bug(
        "a liquidation fee leaves a deficit",
        f"{_LIFECYCLE}/liquidation.py",
        "    fee = min(fee, standing_of(core, account).value_e6)\n",
        "",
    ),
    Bug(
        "leverage does not count for the rank",
        f"{_LIFECYCLE}/deleveraging.py",
        "self.score = (marked - holding.cost_e6) * abs(marked)",
        "self.score = marked - holding.cost_e6",
    ),
    Bug(
        "equal ranks go by falling account",
        f"{_LIFECYCLE}/deleveraging.py",
        "for _account, account in sorted(core.accounts.items()):",
        "for _account, account in sorted(core.accounts.items(), reverse=True):",
    ),
    Bug(
        "a bankruptcy price is rounded against the others",
        f"{_LIFECYCLE}/deleveraging.py",
        "lot = div_ceil(marked - share_e6, qty)",
        "lot = div_floor(marked - share_e6, qty)",
    ),
    Bug(
        "every position takes a share of all of them",
        f"{_LIFECYCLE}/deleveraging.py",
        "        left -= weight\n        _deleverage",
        "        _deleverage",
    ),
    Bug(
        "a bankruptcy price may be below nothing",
        f"{_LIFECYCLE}/deleveraging.py",
        "min(max(lot, 0), instrument",
        "min(lot, instrument",
    ),
    Bug(
        "a short counterparty pays for what it has not won",
        f"{_LIFECYCLE}/deleveraging.py",
        "return min(lot_e6, max(marked, div_floor(-holding.cost_e6, -qty)))",
        "return lot_e6",
    ),
    Bug(
        "a long counterparty pays for what it has not won",
        f"{_LIFECYCLE}/deleveraging.py",
        "return max(lot_e6, min(marked, div_ceil(holding.cost_e6, qty)))",
        "return lot_e6",
    ),
    Bug(
        "a counterparty that lost is deleveraged at its entry",
        f"{_LIFECYCLE}/deleveraging.py",
        "return min(lot_e6, max(marked, div_floor(-holding.cost_e6, -qty)))",
        "return min(lot_e6, div_floor(-holding.cost_e6, -qty))",
    ),
    Bug(
        "the entry of a counterparty is rounded against it",
        f"{_LIFECYCLE}/deleveraging.py",
        "div_floor(-holding.cost_e6, -qty)",
        "div_ceil(-holding.cost_e6, -qty)",
    ),
    Bug(
        "deleveraging leaves reduce-only orders too large",
        f"{_LIFECYCLE}/deleveraging.py",
        "        cut_reduce_only(core, other, events)\n",
        "",
    ),
    Bug(
        "deleveraging leaves orders that no margin covers",
        f"{_LIFECYCLE}/deleveraging.py",
        "        cut_uncovered(core, other, events)\n",
        "",
    ),
    Bug(
        "expired positions are deleveraged too",
        f"{_LIFECYCLE}/deleveraging.py",
        "positions = by_maintenance(core, account, _EXPIRED)",
        "positions = by_maintenance(core, account, _EXPIRED + 1)",
    ),
    Bug(
        "the fund pays more than is missing",
        f"{_LIFECYCLE}/deleveraging.py",
        "paid = min(core.treasury.insurance_e6, -account.cash_e6)",
        "paid = core.treasury.insurance_e6 if account.cash_e6 < 0 else 0",
    ),
    Bug(
        "the fund's payment does not touch the treasury",
        f"{_LIFECYCLE}/deleveraging.py",
        "        core.treasury.insurance_e6 -= paid\n        core.touch(core.treasury)\n",
        "        core.treasury.insurance_e6 -= paid\n",
    ),
    Bug(
        "debt is forgiven",
        f"{_LIFECYCLE}/deleveraging.py",
        "        account.debt_e6 += missing\n",
        "",
    ),
    Bug(
        "an account is restored without its debt",
        f"{_ENGINE}/restore.py",
        "    account.debt_e6 = debt\n",
        "",
    ),
    Bug(
        "a transfer repays no debt",
        f"{_ENGINE}/operations/funds.py",
        "        _repay(core, receiver, events)\n",
        "        pass\n",
    ),
    Bug(
        "an account in debt may withdraw",
        f"{_ENGINE}/operations/funds.py",
        "    if account.debt_e6:\n        return _ACCOUNT_IN_DEBT\n",
        "",
    ),
    Bug(
        "the other party's nonce is not burnt",
        f"{_ENGINE}/access/nonces.py",
        "        _burn(core, core.nonces.get(signer), signer, nonce)\n",
        "",
    ),
    Bug(
        "the first nonce of a block is burnt though the other is refused",
        f"{_ENGINE}/access/nonces.py",
        "        code = _code(core, core.nonces.get(signer), nonce, ts_ns)\n"
        "    if code == _ACCEPTED and signer == command.signer and nonce == command.nonce:\n"
        "        code = _REUSED\n"
        "    if code == _ACCEPTED:\n"
        "        _burn(core, core.nonces.get(command.signer), command.signer, command.nonce)\n"
        "        _burn",
        "        code = _code(core, core.nonces.get(signer), nonce, ts_ns)\n"
        "        _burn(core, core.nonces.get(command.signer), command.signer, command.nonce)\n"
        "        if code == _ACCEPTED and signer == command.signer and nonce == command.nonce:\n"
        "            code = _REUSED\n"
        "    if code == _ACCEPTED:\n"
        "        _burn",
    ),
    Bug(
        "one nonce may serve both parties",
        f"{_ENGINE}/access/nonces.py",
        "    if code == _ACCEPTED and signer == command.signer and nonce == command.nonce:\n"
        "        code = _REUSED\n",
        "",
    ),
    Bug(
        "a block lowers the floor of nonces",
        f"{_ENGINE}/entities.py",
        "            if dropped > self.floor:\n                self.floor = dropped\n",
        "            self.floor = dropped\n",
    ),
    Bug(
        "a block pays the fees of takers",
        f"{_ENGINE}/orders/block.py",
        "fees.block_e9, lots, value",
        "fees.option_taker_e9, lots, value",
    ),
    Bug(
        "a block has the band of orders",
        f"{_ENGINE}/orders/block.py",
        "instrument.limits.block_band_bps",
        "instrument.limits.price_band_bps",
    ),
    Bug(
        "the second party of a block needs no margin",
        f"{_ENGINE}/orders/block.py",
        "if not (_is_covered(core, first) and _is_covered(core, second)):",
        "if not _is_covered(core, first):",
    ),
    Bug(
        "a refused block leaves its cash",
        f"{_ENGINE}/orders/block.py",
        "        party.account.cash_e6 = party.cash_e6\n",
        "        pass\n",
    ),
    Bug(
        "a refused block leaves its cost",
        f"{_ENGINE}/orders/block.py",
        "holding.qty_lots, holding.cost_e6 = trade.qty_lots, trade.cost_e6",
        "holding.qty_lots = trade.qty_lots",
    ),
    Bug(
        "a refused block leaves its clearing cash",
        f"{_ENGINE}/orders/block.py",
        "                found.instrument.clearing_e6 += holding.cost_e6 - trade.cost_e6\n",
        "                pass\n",
    ),
    Bug(
        "a refused block leaves its fees",
        f"{_ENGINE}/orders/block.py",
        "        core.treasury.fees_e6 = fees\n",
        "",
    ),
    Bug(
        "the other party keeps its reduce-only orders",
        f"{_ENGINE}/orders/block.py",
        "        cut_reduce_only(core, found.second.holding, events)\n",
        "",
    ),
    Bug(
        "a block reduces if one of its legs does",
        f"{_ENGINE}/orders/block.py",
        "        party.is_reducing = False\n",
        "        pass\n",
    ),
    Bug(
        "a reducing block has to help",
        f"{_ENGINE}/orders/block.py",
        "_cushion_e6(core, account) < party.cushion_e6",
        "_cushion_e6(core, account) <= party.cushion_e6",
    ),
    Bug(
        "both parties of a block are checked on one side",
        f"{_ENGINE}/orders/block.py",
        "return _party_code(core, second, instrument, 1 - leg.side, leg.qty_lots)",
        "return _party_code(core, second, instrument, leg.side, leg.qty_lots)",
    ),
    Bug(
        "a block adds nothing to an exposure",
        f"{_ENGINE}/orders/block.py",
        "    party.exposure_e6 += added_exposure_e6(holding, side, qty_lots)\n",
        "",
    ),
    Bug(
        "a block may be of one group",
        f"{_ENGINE}/access/authority.py",
        "    if is_own(other, account):\n",
        "    if other is account:\n",
    ),
    Bug(
        "a short option below its maintenance",
        f"{_ENGINE}/risk/standard.py",
        "    if maintenance > initial:\n        initial = maintenance\n",
        "",
    ),
    Bug(
        "a skew lets an expiry gain",
        f"{_ENGINE}/risk/portfolio.py",
        "return -gain if is_skew and gain > 0 else gain",
        "return gain",
    ),
)
