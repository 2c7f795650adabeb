"""One validation from the opened source to the verdict. It decides nothing about single frames."""

from lockstep_kernel import (
    CannotRunError,
    Chain,
    DamagedError,
    Genesis,
    InvariantError,
    LockstepError,
    Machine,
    MalformedCommand,
    StreamReader,
    TornTailError,
    find_machine,
    initial,
)
from lockstep_validator.execution import Execution
from lockstep_validator.options import Options, check_options
from lockstep_validator.source import Input, Source, opened
from lockstep_validator.trust import Start, trusted_start
from lockstep_validator.verdict import Diverged, Divergence, Status, Verdict


def validate(source: Source, options: Options | None = None) -> Verdict:
    """Re-execute a stream and return what was found; every `LockstepError` becomes a verdict.

    Anything else that it raises is a bug of the machine. Costs what applying every command costs,
    and a dump of the state per snapshot in the stream.
    """
    session = Session(options or Options())
    try:
        session.run(source)
    except LockstepError as error:
        return session.failed(error)
    return session.verdict(Status.OK, session.seq, session.good_end())


class Session:
    """What is known while one validation runs, so that a verdict can be given at any moment."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._input: Input | None = None
        self._machine = ""
        self._reader: StreamReader | None = None
        self._execution: Execution | None = None

    @property
    def seq(self) -> int | None:
        """The last validated sequence number, None before the first state is there."""
        return self._execution.seq if self._execution else None

    def run(self, source: Source) -> None:
        """Validate as far as the options say; raise the `LockstepError` that ended it."""
        check_options(self._options)
        with opened(source, self._options) as data:
            self._input = data
            try:
                self._run(data)
            except TornTailError:
                if not data.is_stopped:
                    raise
        self._check_reached()

    def failed(self, error: LockstepError) -> Verdict:
        """Return the verdict that an error means."""
        status = Status(error.exit_code)
        if isinstance(error, Diverged):
            return self.verdict(status, error.seq, str(error), error.divergence)
        if isinstance(error, DamagedError | TornTailError):
            return self._bad_data(status, str(error), error.seq)
        if isinstance(error, InvariantError):
            return self.verdict(status, self.seq, f"the machine contradicts itself: {error}")
        return self.verdict(status, self.seq, str(error))

    def verdict(
        self,
        status: Status,
        seq: int | None,
        message: str,
        divergence: Divergence | None = None,
    ) -> Verdict:
        """Put together what was found so far."""
        execution = self._execution
        return Verdict(
            status=status,
            seq=seq,
            hash=execution.hash if execution else b"",
            validated_seq=execution.seq if execution else 0,
            commands=execution.commands if execution else 0,
            events=execution.events if execution else 0,
            machine=self._machine,
            rules_version=execution.rules_version if execution else 0,
            message=message,
            divergence=divergence,
        )

    def good_end(self) -> str:
        """Say how a good validation ended."""
        execution = self._execution
        if execution is not None and execution.is_ended:
            end = "every hash is equal, and the stream is complete"
        elif self._options.until == self.seq:
            end = f"every hash up to {self.seq} is equal"
        else:
            end = f"every hash so far is equal, and the stream is still open at {self.seq}"
        return f"{end}{_told_heads(execution)}"

    def _run(self, data: Input) -> None:
        reader = StreamReader(self._read, self._options.is_following)
        self._machine = reader.genesis.machine
        first = _first_chain(reader.genesis, self._options.machine)
        self._reader = reader
        frames = reader.frames()
        trust = self._options.trust
        start = Start(first, 0) if trust is None else trusted_start(first, frames, trust)
        execution = self._execution = Execution(reader, start, self._options)
        execution.run(frames)
        if execution.is_ended:
            data.close_end()
            reader.finish()

    def _read(self, size: int) -> bytes:
        assert self._input is not None  # noqa: S101  # a reader exists only while it is open
        if self._options.on_progress is not None:
            self._options.on_progress(self.seq or 0)
        return self._input.read(size)

    def _check_reached(self) -> None:
        execution = self._execution
        is_stopped = self._input is not None and self._input.is_stopped
        if execution is None:
            raise CannotRunError("stopped before the first record")
        if execution.expected:
            raise CannotRunError(f"the stream ends at {execution.seq}; {execution.unreached()}")
        until = self._options.until
        if until is not None and execution.seq < until and not is_stopped:
            raise CannotRunError(f"the stream ends at {execution.seq}, before --until {until}")

    def _bad_data(self, status: Status, message: str, seq: int | None) -> Verdict:
        if seq is None and self._reader is not None:
            seq = self._reader.next_seq
        where = "header" if seq is None else f"sequence {seq}"
        if not message.startswith(f"{where}:"):
            message = f"{where}: {message}"
        if status is Status.TORN and self._execution is not None and self._execution.expected:
            message = f"{message}; {self._execution.unreached()}"
        return self.verdict(status, seq, message)


def _told_heads(execution: Execution | None) -> str:
    if execution is None:
        return ""
    if execution.heads is not None and not execution.heads.checked:
        return "; signed heads: none in this stream, so the key vouches for nothing"
    if execution.heads is not None:
        return f"; signed heads: {execution.heads.checked}, all good"
    if execution.unchecked_heads:
        return f"; signed heads: {execution.unchecked_heads}, not checked without --key"
    return ""


def _first_chain(genesis: Genesis, chosen: Machine | str | None) -> Chain:
    if chosen is None:
        chosen = genesis.machine
    machine = find_machine(chosen) if isinstance(chosen, str) else chosen
    try:
        return initial(machine, genesis).take()
    except MalformedCommand as error:
        raise DamagedError(f"header: machine parameters: {error}", None) from None
