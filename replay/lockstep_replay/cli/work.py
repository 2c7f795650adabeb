"""What the commands of the replay do, in the child process that may die of a damaged file."""

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lockstep_journal import (
    EventSource,
    Exporter,
    HeadDirectory,
    Journal,
    Plain,
    Transferred,
    export,
    heads_between,
    import_streams,
    open_reader,
    plain,
    plain_struct,
    retained_events,
)
from lockstep_journal.child import Work, say, serve
from lockstep_journal.cli.output import Progress, put_json, put_report, put_table, utc
from lockstep_journal.errors import located
from lockstep_journal.newfiles import new_file
from lockstep_journal.values import Label, compact
from lockstep_kernel import (
    CannotRunError,
    Change,
    Genesis,
    Machine,
    find_machine,
)
from lockstep_kernel.errors import EXIT_DIVERGED, EXIT_OK
from lockstep_replay.comparison import Comparison, changes_between, compare
from lockstep_replay.execution import ImportVerifier
from lockstep_replay.history import Filter, Step, Unseen, plain_step, recomputed_events, steps
from lockstep_replay.recovery import recover_from
from lockstep_replay.stats import history_statistics
from lockstep_replay.views import Row, explanation_of, kind_name, label_of, views_of

_Read = Callable[[int], bytes]


def recover(directory: str, seq: int | None, is_json: bool, machine_name: str | None) -> int:
    """Recover and report."""
    progress = Progress("recover")
    with _opened(directory) as journal:
        machine = _machine(journal.genesis, machine_name)
        _state, report = recover_from(journal, machine, seq, progress)
    progress.close()
    for skipped in report.skipped:
        say(f"skipped {skipped.reason}")
    put_report(plain_struct(report, has_types=False), is_json)
    return EXIT_OK


def show(
    directory: str,
    wanted: Mapping[str, Sequence[str]],
    is_json: bool,
    machine_name: str | None,
    **seqs: int | None,
) -> int:
    """Show steps, one a line: those with the `fields` and of the `types` that are wanted."""
    with _opened(directory) as journal:
        machine = _machine(journal.genesis, machine_name)
        passing = _filter(wanted, label_of(machine))
        _check_asked(journal, seqs["first_seq"], seqs["last_seq"])
        unseen = Unseen(passing)
        end = journal.end()
        reached, shown = end.last_seq, 0
        for step in steps(journal, machine, seqs["first_seq"], seqs["last_seq"]):
            reached = step.record.seq
            unseen.see(step)
            if not passing.passes(step):
                continue
            shown += 1
            if is_json:
                put_json(plain_step(step))
            else:
                _put_step(step, passing.label)
    for kind, names in (("a field", unseen.fields), ("a type", unseen.types)):
        if names:
            raise CannotRunError(
                f"expected {kind} that a command or event here has, found '{names[0]}'"
            )
    _say_what_is_missing(directory, seqs, end.first_seq, reached)
    asked = [*wanted["fields"], *wanted["types"]]
    if asked and not shown:
        say(f"{directory}: expected a record with {' and '.join(asked)}, found none")
    return EXIT_OK


def at(directory: str, seq: int, is_json: bool, machine_name: str | None, **asked: Any) -> int:
    """Show the `views` of a state (all if empty), or what made the numbers of an `account`."""
    account: str | None = asked["account"]
    views: Sequence[str] = asked["views"]
    with _opened(directory) as journal:
        machine = _machine(journal.genesis, machine_name)
        state, _report = recover_from(journal, machine, seq, Progress("recover"))
    tables = views_of(state) if account is None else explanation_of(state, account)
    for name in views:
        if name not in tables:
            raise CannotRunError(f"expected a view of {', '.join(tables)}, found '{name}'")
    rows = {name: _rows(tables[name]) for name in views or tables}
    if is_json:
        document: dict[str, Plain] = {"seq": state.seq, "ts_ns": state.ts_ns}
        document["hash"] = state.hash.hex()
        for name, table in rows.items():
            document[name] = list[Plain](table)
        put_json(document)
        return EXIT_OK
    print(f"after {state.seq} at {utc(state.ts_ns)} hash {state.hash.hex()}")
    for name, table in rows.items():
        print(f"\n{name}: {len(table)}")
        put_table(table, "")
    return EXIT_OK


def diff(directory: str, others: Sequence[str], is_json: bool, machine_name: str | None) -> int:
    """Compare two sequence numbers of one journal, or two journals."""
    is_seqs = len(others) == 2 and all(other.isdecimal() for other in others)
    if not is_seqs and len(others) != 1:
        raise CannotRunError(f"expected two sequence numbers or one directory, found {others}")
    with _opened(directory) as journal:
        machine = _machine(journal.genesis, machine_name)
        if is_seqs:
            before, after = int(others[0]), int(others[1])
            _put_changes(changes_between(journal, machine, before, after), machine, is_json)
            return EXIT_OK
        with _opened(others[0]) as other:
            found = compare(journal, other)
            _put_comparison(journal, other, found, is_json)
    if found.divergence is None:
        _say_prefix((directory, found.left_last_seq), (others[0], found.right_last_seq))
        return EXIT_OK
    say(
        f"the journals part at {found.divergence.seq}: "
        f"{directory} has {found.divergence.left_hash.hex()}, "
        f"{others[0]} has {found.divergence.right_hash.hex()}"
    )
    return EXIT_DIVERGED


def stats(directory: str, is_json: bool, machine_name: str | None) -> int:
    """Count commands and events."""
    progress = Progress("stats")
    with _opened(directory) as journal:
        machine = _machine(journal.genesis, machine_name)
        report = plain_struct(history_statistics(journal, machine, progress), has_types=False)
    progress.close()
    put_report(report, is_json)
    return EXIT_OK


def export_stream(
    directory: str,
    destination: str,
    is_json: bool,
    machine_name: str | None,
    **options: Any,
) -> int:
    """Write a stream to a new file, synced, or to stdout."""
    with ExitStack() as stack:
        journal = stack.enter_context(_opened(directory))
        seqs = options["from_seq"], options["to_seq"]
        last_seq = _checked_last(journal, *seqs)
        events = _event_source(journal, machine_name) if options["has_events"] else None
        heads = _heads(journal, options["heads"], last_seq)

        def write_to(write: Callable[[bytes], object]) -> Transferred:
            if seqs[1] is None:
                return export(journal, write, seqs[0], events, heads)
            return _exported_prefix(Exporter(journal, write, events, heads), *seqs)

        if destination == "-":
            write_to(sys.stdout.buffer.write)
            sys.stdout.buffer.flush()
            return EXIT_OK
        new = stack.enter_context(new_file(Path(destination), "stream"))
        done = write_to(new.file.write)
        new.publish()
    put_report(plain_struct(done, has_types=False), is_json)
    return EXIT_OK


def _checked_last(journal: Journal, from_seq: int | None, to_seq: int | None) -> int:
    """Return the last record to export; raise `CannotRunError` for a range without records."""
    end = journal.end()
    if from_seq is not None and from_seq > end.last_seq:
        raise CannotRunError(
            f"{journal.directory}: expected --from up to {end.last_seq}, found {from_seq}"
        )
    first = end.first_seq if from_seq is None else max(from_seq, end.first_seq)
    if to_seq is not None and not first <= to_seq <= end.last_seq:
        raise CannotRunError(
            f"{journal.directory}: expected --to from {first} to {end.last_seq}, found {to_seq}"
        )
    return end.last_seq if to_seq is None else to_seq


def _exported_prefix(exporter: Exporter, from_seq: int | None, to_seq: int) -> Transferred:
    """Write a whole stream that ends at `to_seq`; the records behind it may be damaged."""
    start = exporter.begin(from_seq)
    if to_seq < start:
        raise CannotRunError(
            f"expected --to {start} or later, where the stream would begin, found {to_seq}"
        )
    exporter.send_to(to_seq)
    return exporter.finish()


def _heads(journal: Journal, directory: str | None, last_seq: int) -> Mapping[int, bytes]:
    return {} if directory is None else heads_between(HeadDirectory(directory), journal, last_seq)


def import_journal(
    directory: str,
    sources: Sequence[str],
    is_trusting: bool,
    is_json: bool,
    machine_name: str | None,
) -> int:
    """Make a journal of streams."""
    with ExitStack() as stack:
        last = [""]
        reads = [_named(source, _opened_stream(stack, source), last) for source in sources]
        verifier = None if is_trusting else ImportVerifier(partial(_machine, name=machine_name))
        with located(last):
            done = import_streams(directory, reads, verifier)
    put_report(plain_struct(done, has_types=False), is_json)
    return EXIT_OK


def _machine(genesis: Genesis, name: str | None) -> Machine:
    return find_machine(name or genesis.machine)


def _check_asked(journal: Journal, first_seq: int | None, last_seq: int | None) -> None:
    """Raise `CannotRunError` for a range that holds no record of the journal."""
    end = journal.end()
    for name, seq in (("--from", first_seq), ("--to", last_seq)):
        if seq is not None and (seq < 0 or (name == "--from" and seq > end.last_seq)):
            raise CannotRunError(
                f"{journal.directory}: expected {name} from {end.first_seq} to {end.last_seq}, "
                f"found {seq}"
            )
    first = end.first_seq if first_seq is None else first_seq
    if last_seq is not None and last_seq < first:
        raise CannotRunError(
            f"{journal.directory}: expected --to {first} or later, found {last_seq}"
        )


def _say_what_is_missing(
    directory: str, asked: Mapping[str, int | None], first_kept: int, reached: int
) -> None:
    """Name on stderr the records that were asked for and are not there."""
    first, last = asked["first_seq"], asked["last_seq"]
    if first is not None and 0 < first < first_kept:
        say(f"{directory}: records before {first_kept} are archived")
    if last is not None and last > reached:
        say(f"{directory}: the journal ends at sequence {reached}, before --to {last}")


def _filter(asked: Mapping[str, Sequence[str]], label: Label) -> Filter:
    wanted: dict[str, frozenset[str]] = {}
    for field in asked["fields"]:
        name, separator, value = field.partition("=")
        if not separator:
            raise CannotRunError(f"expected NAME=VALUE, found '{field}'")
        wanted[name] = wanted.get(name, frozenset()) | {value}
    return Filter(wanted, frozenset(asked["types"]), label)


def _event_source(journal: Journal, machine_name: str | None) -> EventSource:
    if journal.keeps_events:
        return retained_events(journal)
    return recomputed_events(journal, _machine(journal.genesis, machine_name))


@contextmanager
def _opened(directory: str) -> Generator[Journal]:
    """Open a journal for reading; what is wrong with its records names it."""
    with located([str(Path(directory))]), open_reader(directory) as journal:
        yield journal


def _named(source: str, read: _Read, last: list[str]) -> _Read:
    """Return `read`, which keeps in `last` the name of the stream that was read last."""

    def read_named(size: int) -> bytes:
        last[0] = "standard input" if source == "-" else source
        return read(size)

    return read_named


def _opened_stream(stack: ExitStack, source: str) -> _Read:
    if source == "-":
        return sys.stdin.buffer.read
    try:
        file = Path(source).open("rb")  # noqa: SIM115  # the stack closes it
    except OSError as error:
        raise CannotRunError(f"{source}: cannot be read: {error.strerror}") from None
    return stack.enter_context(file).read


def _rows(table: Sequence[Row]) -> list[dict[str, Plain]]:
    return [{name: plain(value) for name, value in row.items()} for row in table]


def _put_step(step: Step, label: Label) -> None:
    record = step.record
    print(f"{record.seq}\t{utc(record.ts_ns)}\t{record.hash.hex()}\t{compact(step.command, label)}")
    for event in step.events:
        print(f"\t\t\t{compact(event, label)}")


def _say_prefix(left: tuple[str, int], right: tuple[str, int]) -> None:
    """Say which of two journals that agree, given by name and last sequence number, goes on."""
    if left[1] == right[1]:
        return
    (short, short_seq), (long, long_seq) = sorted((left, right), key=lambda side: side[1])
    say(
        f"{short} is a prefix of {long}: they agree up to sequence {short_seq}, "
        f"{long} goes on to {long_seq}"
    )


def _put_changes(found: Sequence[Change], machine: Machine, is_json: bool) -> None:
    rows = _rows(
        [
            {
                "kind": kind_name(machine, change.kind),
                "key": change.key,
                "before": None if change.before is None else change.before[2:],
                "after": None if change.after is None else change.after[2:],
            }
            for change in found
        ]
    )
    if is_json:
        put_json(list(rows))
    else:
        put_table(rows, "")


def _put_comparison(left: Journal, right: Journal, found: Comparison, is_json: bool) -> None:
    report = plain_struct(found, has_types=False)
    divergence = found.divergence
    if divergence is not None and divergence.is_exact and divergence.seq:
        for name, journal in (("left", left), ("right", right)):
            machine = _machine(journal.genesis, None)
            step = next(steps(journal, machine, divergence.seq, divergence.seq))
            report[f"{name}_step"] = plain_step(step)
    put_report(report, is_json)


def main(argv: Sequence[str]) -> int:
    """Do what the parent asked for."""
    works: dict[str, Work] = {
        "recover": recover,
        "show": show,
        "at": at,
        "diff": diff,
        "stats": stats,
        "export": export_stream,
        "import": import_journal,
    }
    return serve(works, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
