"""What is told at the end of a demo, as text and as one JSON document.

Owns the form alone: every number is that of the verdict. Hashes stand for this run and no other,
as the pipeline runs free; that both journals can be re-executed to them is what is reproducible.
"""

from collections.abc import Iterator

import msgspec

from lockstep_desk.demo.folder import Folder
from lockstep_desk.demo.judge import Verdict
from lockstep_desk.demo.messages import Marks
from lockstep_desk.demo.plan import names
from lockstep_desk.demo.screen import shown
from lockstep_desk.demo.validation import Judgement
from lockstep_desk.demo.words import fill_text, price, quantity, seconds
from lockstep_desk.fund.pnl import PnlBucket
from lockstep_desk.recon.findings import Status
from lockstep_desk.stats.display import aligned, as_text, money

Row = tuple[str, ...]
_GOOD = "GOOD"


class Told(msgspec.Struct, frozen=True):
    """All that is told: the folder, the verdict, and how long it took."""

    folder: Folder
    verdict: Verdict
    seconds: float


def text_of(told: Told) -> str:
    """Return everything as text of at most 80 columns, but for what happened and what is wrong."""
    return "\n".join(_sections(told))


def _sections(told: Told) -> Iterator[str]:
    verdict = told.verdict
    notes = "".join(f"{shown(note)}\n" for note in told.folder.notes())
    yield f"What happened\n\n{notes}"
    yield f"Profit by deployment, from the fills\n\n{aligned(_profit_rows(verdict))}"
    yield f"Summary: returns of seconds, ratios of an hour\n\n{as_text(verdict.read.summary)}"
    yield f"Reconciliation\n\n{aligned(_recon_rows(verdict))}"
    yield f"Books and broker\n\n{aligned(_books_rows(verdict))}"
    yield f"Journals\n\n{aligned(_journal_rows(told))}"
    faults = [*verdict.desk_faults, *verdict.exchange_faults]
    if faults:
        wrong = "".join(f"{fault}\n" for fault in faults)
        yield f"What is wrong\n\n{wrong}"
    unjudged = [*verdict.unjudged("desk"), *verdict.unjudged("exchange")]
    if unjudged:
        missing = "".join(f"{one}\n" for one in unjudged)
        yield f"What is not known\n\n{missing}"
    yield f"{verdict_line(told)}\n"


def verdict_line(told: Told) -> str:
    """Return the last line: one verdict for each journal."""
    desk, exchange = _judged(told.verdict, "desk"), _judged(told.verdict, "exchange")
    return f"desk {desk}, exchange {exchange}, {told.seconds:.1f} s"


def _judged(verdict: Verdict, journal: str) -> str:
    if verdict.desk_faults if journal == "desk" else verdict.exchange_faults:
        return "BAD"
    return "no verdict" if verdict.unjudged(journal) else _GOOD


def _profit_rows(verdict: Verdict) -> list[Row]:
    heading = ("", "fills", "volume", "fees", "cash flow", "open, at mark", "profit")
    called = names()
    rows = [
        _profit_row(called.get(bucket.key or "", "nobody"), bucket)
        for bucket in verdict.profit.buckets
    ]
    return [heading, *rows, _profit_row("all", verdict.total.bucket())]


def _profit_row(name: str, bucket: PnlBucket) -> Row:
    pnl = bucket.pnl
    return (
        *(name, f"{bucket.fill_count:,}", money(bucket.gross_volume_e9), money(bucket.fees_e9)),
        *(money(pnl.realized_e9), money(pnl.unrealized_e9)),
        money((pnl.realized_e17 + pnl.unrealized_e17) // 10**8),
    )


def _recon_rows(verdict: Verdict) -> list[Row]:
    history, evidence = verdict.read.history, verdict.evidence
    healed = [record for _seq, record in history.found if record.status is Status.HEALED]
    rows: list[Row] = [
        ("sweeps of the account", f"{len(history.sweeps):,}"),
        ("fills that only a sweep booked", f"{sum(one.booked for one in history.sweeps):,}"),
        ("divergences healed, standing", f"{len(healed):,}, {history.standing:,}"),
        ("alerts", ", ".join(f"{n} {name}" for name, n in sorted(history.alerts.items())) or "-"),
        ("in flight at a death, asked for", f"{history.unknown:,}"),
    ]
    rows += [
        ("link lost for", seconds(outage.back_ns - outage.lost_ns))
        for outage in history.outages
        if outage.back_ns >= 0
    ]
    called = names()
    for fill in evidence.stopped:
        booked = history.fills.get(fill.fill_id)
        owner = called.get((booked.deployment_id or "") if booked else "", "nobody")
        what = f"{fill.instrument}, {fill_text(fill)}"
        rows.append(("native stop, at the exchange", what))
        found = "not booked" if booked is None else f"{owner}, at {price(booked.price_e9)}"
        rows.append(("native stop, in the books", found))
    return rows


def _books_rows(verdict: Verdict) -> list[Row]:
    books, broker = verdict.read.history.held, dict(verdict.evidence.held)
    rows: list[Row] = [("", "books", "broker")]
    rows += [
        (name, quantity(books.get(name, 0)), quantity(broker.get(name, 0)))
        for name in sorted(books.keys() | broker.keys())
    ]
    cash = money(verdict.read.history.cash_e9), money(verdict.evidence.cash_e6 * 1_000)
    fills = f"{len(verdict.read.history.fills):,}", f"{len(verdict.evidence.fills):,}"
    return [*rows, ("cash, usd", *cash), ("fills", *fills)]


def _journal_rows(told: Told) -> list[Row]:
    history, evidence = told.verdict.read.history, told.verdict.evidence
    rows: list[Row] = [("", "desk", "exchange")]
    rows.append(("commands", f"{history.last_seq:,}", f"{evidence.last_seq:,}"))
    for death in told.verdict.deaths:
        rows += [
            _marks_row("acknowledged before the kill", death.acknowledged),
            _hash_row("hash then, as it was told", death.acknowledged),
            _hash_row("hash then, recovered", death.at_acknowledged),
            _marks_row("recovered", death.recovered),
            _hash_row("hash recovered", death.recovered),
        ]
        if death.found is not None:
            rows.append(_hash_row("hash as the next host began", death.found))
    rows.append(("final hash", history.last_hash.hex()[:16], evidence.last_hash.hex()[:16]))
    rows += [_validator_row(one) for one in told.verdict.judgements]
    verdict = told.verdict
    return [*rows, ("verdict", _judged(verdict, "desk"), _judged(verdict, "exchange"))]


def _marks_row(name: str, marks: Marks) -> Row:
    return (name, f"{marks.desk.seq:,}", f"{marks.exchange.seq:,}")


def _hash_row(name: str, marks: Marks) -> Row:
    return (name, marks.desk.hash[:16], marks.exchange.hash[:16])


def _validator_row(one: Judgement) -> Row:
    verdict = "NOT EQUAL" if one.is_verdict else "no verdict"
    found = f"{one.commands:,} equal" if one.is_good else verdict
    is_desk = one.journal == "desk"
    return (f"validator, {one.machine}", found if is_desk else "", "" if is_desk else found)


def document_of(told: Told) -> dict[str, object]:
    """Return everything as one document for programs."""
    verdict, plan = told.verdict, told.folder.plan
    history, evidence = verdict.read.history, verdict.evidence
    called = names()
    return {
        "is_good": verdict.is_good,
        "seed": plan.seed,
        "moves": plan.total,
        "seconds": round(told.seconds, 1),
        "happened": [_plain(note) for note in told.folder.notes()],
        "profit": [_bucket(called.get(one.key or "", None), one) for one in verdict.profit.buckets],
        "total": _bucket(None, verdict.total.bucket()),
        "summary": verdict.read.summary.plain(),
        "reconciliation": _reconciliation(verdict),
        "books": {"held": history.held, "cash_e9": history.cash_e9, "fills": len(history.fills)},
        "broker": {
            "held": dict(evidence.held),
            "cash_e9": evidence.cash_e6 * 1_000,
            "fills": len(evidence.fills),
        },
        "journals": [
            {
                "name": name,
                "commands": seq,
                "hash": hash_.hex(),
                "verdict": _judged(verdict, name),
                "faults": list(faults),
                "validator": [_plain(one) for one in verdict.judgements if one.journal == name],
            }
            for name, seq, hash_, faults in (
                ("desk", history.last_seq, history.last_hash, verdict.desk_faults),
                ("exchange", evidence.last_seq, evidence.last_hash, verdict.exchange_faults),
            )
        ],
        "deaths": [_plain(death) for death in told.verdict.deaths],
    }


def _bucket(name: str | None, bucket: PnlBucket) -> dict[str, object]:
    return {
        "deployment": name,
        "fills": bucket.fill_count,
        "volume_e9": bucket.gross_volume_e9,
        "fees_e9": bucket.fees_e9,
        "cash_flow_e9": bucket.pnl.realized_e9,
        "open_at_mark_e9": bucket.pnl.unrealized_e9,
    }


def _reconciliation(verdict: Verdict) -> dict[str, object]:
    history = verdict.read.history
    return {
        "sweeps": [_plain(one) for one in history.sweeps],
        "divergences": [
            {
                "seq": seq,
                "kind": record.kind.name,
                "status": record.status.name,
                "severity": record.severity.name,
                "instrument": record.instrument,
                "fills": [fill.fill_id for fill in record.fills],
                "note": record.note,
            }
            for seq, record in history.found
        ],
        "standing": history.standing,
        "alerts": history.alerts,
        "outages": [_plain(one) for one in history.outages],
        "stopped": [
            {
                "fill_id": fill.fill_id,
                "instrument": fill.instrument,
                "side": fill.side.name,
                "qty_e8": fill.qty_e8,
                "price_e9": fill.price_e9,
            }
            for fill in verdict.evidence.stopped
        ],
    }


def _plain(value: object) -> object:
    return msgspec.to_builtins(value)
