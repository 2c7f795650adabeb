"""The director: starts hosts, listens to them, kills the one that the script says, and starts anew.

Owns the host process. What a host acknowledged before it was killed must be in both journals, under
the hash that it told; the journals are recovered here before another host opens them. However the
director ends, no process of the demo outlives it: a host ends with its stdin, workers with a host.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec

from lockstep_desk.adapters.exchange.durable import is_begun
from lockstep_desk.demo.folder import Death, Folder, Note
from lockstep_desk.demo.history import read_history
from lockstep_desk.demo.host import Order
from lockstep_desk.demo.messages import (
    Ended,
    Happened,
    Mark,
    Marks,
    Message,
    Opened,
    Status,
    Swept,
    from_line,
)
from lockstep_desk.demo.post import is_of_stop
from lockstep_desk.demo.script import (
    DIVERGED,
    ENDED,
    FOUND,
    KILLED,
    RECOVERED,
    RESUMED,
    SILENT,
    STARTED,
    SWEPT,
)
from lockstep_journal import open_reader, rehearse
from lockstep_kernel import CannotRunError, DamagedError, find_machine
from lockstep_kernel.errors import EXIT_DAMAGED, Fault
from lockstep_replay import recover

Watch = Callable[[Message | Note], None]
"""Is told everything, as it happens."""

SILENCE_S: Final = 60.0
"""A host at work tells some times a second how it stands."""

_KEPT_BYTES: Final = 64_000
_WORDS_MAX: Final = 400


class Director:
    """Runs the demo of a folder to its end. `command` starts a host, by default this package's.

    A host that says nothing for `silence_s` seconds is told of.
    """

    def __init__(
        self,
        folder: Folder,
        watch: Watch,
        command: Sequence[str] | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._silence_s = silence_s
        self._folder = folder
        self._watch = watch
        self._command = command or host_command()
        self._started_s = time.monotonic()
        self._done = {note.part for note in folder.notes()}
        self._seen: Marks | None = None
        self._is_welcome = False

    def play(self) -> None:
        """Play the demo, or the rest of it.

        Raises `DamagedError` for a journal that is damaged, `CannotRunError` if a host cannot go
        on for another reason.
        """
        if self._folder.is_resumed:
            # A damaged page would end this process: a child reads first.
            for directory in (self._folder.desk, self._folder.exchange):
                rehearse(directory)
            self._read_script()
        while ENDED not in self._done:
            self._play_host()

    def _read_script(self) -> None:
        """Learn from the desk's journal what a host did before its director noted it."""
        if FOUND in self._done or not is_begun(self._folder.desk):
            return
        history = read_history(self._folder.desk).history
        if any(is_of_stop(record) for _seq, record in history.found):
            self._done.add(FOUND)

    def _play_host(self) -> None:
        """Run one host to the end of the demo, or until the script has it killed."""
        order = Order(str(self._folder.directory), self._folder.plan, tuple(sorted(self._done)))
        is_killed = False
        with HostProcess(self._command, order) as host:
            for message in host.messages(lambda: self._wonder(host), self._silence_s):
                self._take(message)
                if self._is_due(message) and not is_killed:
                    is_killed = True
                    host.kill()
            code, words = host.wait()
        if is_killed:
            self._mourn()
        elif ENDED not in self._done:
            raise _failure(code, words)

    def _wonder(self, host: "HostProcess") -> None:
        """Say that a host is silent; it may only be slow, so it is let alone."""
        second = round(time.monotonic() - self._started_s, 1)
        text = f"no word from the host (process {host.process_id}) for {self._silence_s:g} s"
        self._watch(Note(SILENT, text, second))

    def _take(self, message: Message) -> None:
        match message:
            case Status():
                self._seen = message.marks
            case Opened():
                self._welcome(message)
            case Happened():
                self._note(Note(message.part, message.text))
            case Swept():
                self._sweep(message)
            case Ended():
                self._note(Note(ENDED, "both journals closed"))
        self._watch(message)

    def _is_due(self, message: Message) -> bool:
        """Return whether the host is to be killed now: once, in the middle of its work."""
        if KILLED in self._done or not isinstance(message, Status):
            return False
        return message.moved >= self._folder.plan.killed_at and message.is_linked

    def _welcome(self, opened: Opened) -> None:
        if self._folder.is_resumed and not self._is_welcome:
            self._note(Note(RESUMED, "what is left of this demo is played"))
        self._is_welcome = True
        if opened.marks.desk.seq == 0:
            self._note(Note(STARTED, "exchange, desk and four strategies started"))
            return
        text = f"{opened.replayed:,} commands of both journals recovered in {opened.seconds:.2f} s"
        self._note(Note(RECOVERED, text, found=opened.marks))

    def _sweep(self, swept: Swept) -> None:
        found = f"differs: {len(swept.found)}, fills booked: {swept.booked}"
        text = f"sweep {swept.why}: {found if swept.found else 'nothing differs'}"
        self._note(Note(SWEPT, text))
        for one in swept.found:
            self._note(Note(FOUND if one.is_of_stop else DIVERGED, one.text))

    def _mourn(self) -> None:
        """Recover both journals of a killed host, before anybody else opens them."""
        if self._seen is None:
            raise CannotRunError("expected a host that told where its journals are, found silence")
        seen = self._seen
        desk = _recovered(self._folder.desk, "desk", seen.desk.seq)
        exchange = _recovered(self._folder.exchange, "exchange", seen.exchange.seq)
        death = Death(seen, Marks(desk[0], exchange[0]), Marks(desk[1], exchange[1]))
        text = f"host killed by SIGKILL at desk command {death.recovered.desk.seq:,}"
        self._note(Note(KILLED, text, death=death))

    def _note(self, note: Note) -> None:
        second = round(time.monotonic() - self._started_s, 1)
        note = msgspec.structs.replace(note, second=second)
        self._folder.note(note)
        self._done.add(note.part)
        self._watch(note)


class HostProcess:
    """A host and the pipes to it; leaving it ends the host and everything that it started."""

    def __init__(self, command: Sequence[str], order: Order) -> None:
        self._process = subprocess.Popen(
            command,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._words = b""
        # Read on the side, so that neither pipe can fill while the other one is waited for.
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._say(msgspec.json.encode(order) + b"\n")

    def __enter__(self) -> "HostProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait()

    @property
    def process_id(self) -> int:
        """The host's process."""
        return self._process.pid

    def messages(
        self, on_silence: Callable[[], None] = lambda: None, silence_s: float = SILENCE_S
    ) -> Iterator[Message]:
        """Yield what the host tells, until nobody holds its stdout any more.

        `on_silence` is called once whenever nothing came for `silence_s` seconds.
        """
        cut = b""
        for chunk in self._chunks(on_silence, silence_s):
            *lines, cut = (cut + chunk).split(b"\n")
            for line in lines:
                message = from_line(line + b"\n")
                if message is not None:
                    yield message

    def _chunks(self, on_silence: Callable[[], None], silence_s: float) -> Iterator[bytes]:
        """Yield the bytes of stdout as they come."""
        stdout = self._process.stdout
        if stdout is None:
            return
        waiting = select.poll()
        waiting.register(stdout, select.POLLIN)
        while True:
            if not waiting.poll(silence_s * 1_000):
                on_silence()
                waiting.poll()
            chunk = os.read(stdout.fileno(), 65_536)
            if not chunk:
                return
            yield chunk

    def kill(self) -> None:
        """Kill the host as the kernel would; its workers end by themselves."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)

    def wait(self) -> tuple[int, str]:
        """Wait for the host and all that it started; return its exit code and its last words."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            _close(pipe)
        code = process.wait()
        self._listener.join()
        _close(process.stderr)
        lines = self._words.decode("utf-8", "replace").strip().splitlines()
        return code, lines[-1][:_WORDS_MAX] if lines else ""

    def _listen(self) -> None:
        """Keep the end of what is written to stderr; its end is the end of the last process."""
        stderr = self._process.stderr
        while stderr is not None and (chunk := os.read(stderr.fileno(), 4096)):
            self._words = (self._words + chunk)[-_KEPT_BYTES:]

    def _say(self, line: bytes) -> None:
        stdin = self._process.stdin
        if stdin is not None:
            try:
                stdin.write(line)
                stdin.flush()
            except BrokenPipeError:
                return  # it ended already, and its last words say why


def ending(code: int) -> str:
    """Return how a child ended, in words."""
    return f"was killed by signal {-code}" if code < 0 else f"ended with {code}"


def python(module: str, *arguments: str) -> list[str]:
    """Return the command line of a child that runs a module of this installation."""
    flags = ["-O"] if sys.flags.optimize else []
    return [sys.executable, *flags, "-P", "-m", module, *arguments]


def host_command() -> list[str]:
    """Return what starts a host."""
    return python("lockstep_desk.demo")


def environment() -> dict[str, str]:
    """Return the environment in which a child finds the modules that this process finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _failure(code: int, words: str) -> Fault:
    """Return what a host's end before that of the demo means; what it found damaged is damaged."""
    sentence = f"the host of the demo {ending(code)}{words and ': '}{words}"
    return DamagedError(sentence, None) if code == EXIT_DAMAGED else CannotRunError(sentence)


def _recovered(directory: Path, machine: str, acknowledged: int) -> tuple[Mark, Mark]:
    """Recover a journal; return where it ends, and where it was at an acknowledged command."""
    _state, recovery = recover(directory, find_machine(machine))
    with open_reader(directory) as journal:
        seq = min(acknowledged, recovery.last_seq)
        at_acknowledged = journal.hash_at(seq)
    return Mark(recovery.last_seq, recovery.last_hash.hex()), Mark(seq, at_acknowledged.hex())


def _close(pipe: IO[bytes] | None) -> None:
    """Close a pipe; what was to be written to somebody who is gone is not missed."""
    if pipe is not None:
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
