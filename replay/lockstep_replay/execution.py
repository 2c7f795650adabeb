"""Re-executes records and compares every hash, a page at a time.

It is what recovery, import, export with recomputed events and every view of the past have in
common. It takes a state and records, and knows neither files nor machines by name.
"""

from collections.abc import Callable, Sequence

from lockstep_kernel import (
    Applied,
    DamagedError,
    DivergedError,
    Fault,
    Genesis,
    InvariantError,
    JournalRecord,
    Machine,
    MalformedCommand,
    Sequenced,
    State,
    UnsupportedError,
    apply_batch,
    check_activation,
    dump,
    initial,
    load,
)


class Execution:
    """A state that follows records. Invariant: `state` agrees with every record it was given."""

    def __init__(self, state: State) -> None:
        self.state = state

    def page(self, records: Sequence[JournalRecord]) -> list[Applied]:
        """Apply records in order and return what they did.

        Raises at the first record that is wrong, after the good ones before it were applied:
        `DamagedError` for one that does not follow, `DivergedError` for another hash or a body
        that is no command, `UnsupportedError` for rules that this code does not have,
        `InvariantError` for a bug, after which `state` is consumed.
        """
        commands: Sequence[Sequenced]
        fault: Fault | None
        commands, fault = self._decoded(records)
        try:
            applied = self._apply(commands)
        except UnsupportedError:
            commands, fault = self._supported(commands)
            applied = self._apply(commands)
        for done, record in zip(applied, records, strict=False):
            if done[6] != record.hash or done[5] != record.previous:
                raise _difference(done, record)
        if fault is not None:
            raise fault
        return applied

    def _decoded(
        self, records: Sequence[JournalRecord]
    ) -> tuple[list[Sequenced], DivergedError | None]:
        decode = self.state.machine.codec.decode
        commands: list[Sequenced] = []
        for record in records:
            try:
                commands.append(decode(record.ts_ns, record.body))
            except MalformedCommand as error:
                sentence = f"the record holds no canonical command: {error}"
                return commands, DivergedError(f"sequence {record.seq}: {sentence}", record.seq)
        return commands, None

    def _supported(self, commands: Sequence[Sequenced]) -> tuple[list[Sequenced], Fault | None]:
        """Return the commands before the first that activates unknown rules, and its fault."""
        machine, first = self.state.machine, self.state.seq + 1
        for index, command in enumerate(commands):
            try:
                check_activation(machine, command)
            except UnsupportedError as error:
                fault = UnsupportedError(f"record {first + index}: {error}")
                return list(commands[:index]), fault
        return list(commands), None

    def _apply(self, commands: Sequence[Sequenced]) -> list[Applied]:
        chain = self.state.peek()
        try:
            self.state, applied = apply_batch(self.state, commands)
        except InvariantError as error:
            raise InvariantError(f"record {chain.seq + 1}: {error}") from error
        return applied


class ImportVerifier:
    """Re-executes an import; give it to `import_streams`.

    `find` gives the machine of a genesis. Events in the stream are compared with the recomputed
    ones.
    """

    def __init__(
        self,
        find: Callable[[Genesis], Machine],
        progress: Callable[[int], None] = lambda seq: None,
    ) -> None:
        self._find = find
        self._progress = progress
        self._execution: Execution | None = None

    @property
    def state(self) -> State | None:
        """The state after the last page, None before the first."""
        return None if self._execution is None else self._execution.state

    def start(self, genesis: Genesis, snapshot: bytes | None) -> None:
        """Begin at genesis or after a snapshot, which must load."""
        machine = self._find(genesis)
        if snapshot is None:
            state = initial(machine, genesis)
        else:
            state = load(machine, genesis, snapshot)
        self._execution = Execution(state)

    def page(self, records: Sequence[JournalRecord], events: Sequence[bytes]) -> None:
        """Apply the next records; raise what `Execution.page` raises."""
        execution = self._execution
        if execution is None:
            raise InvariantError("expected start() before the first page")
        applied = execution.page(records)
        for done, encoded in zip(applied, events, strict=False):
            if done[4] != encoded:
                raise DivergedError(
                    f"record {done[0]}: the stream's events are not the recomputed ones", done[0]
                )
        self._progress(execution.state.seq)

    def snapshot(self, seq: int, snapshot: bytes) -> None:
        """Compare a snapshot with the state; raise `DivergedError` unless it is its dump.

        Its hash says nothing of its records, and a recovery would begin with them.
        """
        state = self.state
        if state is None:
            raise InvariantError("expected start() before the first snapshot")
        if state.seq != seq or dump(state) != snapshot:
            raise DivergedError(
                f"snapshot {seq}: the stream's snapshot is not that of the recomputed state", seq
            )


def _difference(done: Applied, record: JournalRecord) -> Fault:
    seq, expected_link, expected_hash = done[0], done[5], done[6]
    if record.seq != seq:
        return DamagedError(f"expected record {seq}, found record {record.seq}", seq)
    if record.previous != expected_link:
        return DamagedError(
            f"record {seq}: expected the link {expected_link.hex()}, found {record.previous.hex()}",
            seq,
        )
    return DivergedError(
        f"sequence {seq}: expected (recomputed) hash {expected_hash.hex()}, "
        f"the record says {record.hash.hex()}",
        seq,
    )
