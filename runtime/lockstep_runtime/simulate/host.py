"""The machine that runs an exchange: its process starts, recovers, serves, dies and starts again.

Everything between the queue and the disk is the product: owner, recovery, sequencer, snapshots.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple, NoReturn

from lockstep_journal import (
    JournalFailed,
    MapFull,
    MapPolicy,
    OutletFailed,
    Outlets,
    Owner,
    Result,
    SnapshotPolicy,
)
from lockstep_journal.writer import write_empty
from lockstep_kernel import CannotRunError, Genesis, Machine
from lockstep_kernel import Fault as ProductFault
from lockstep_replay import Live, LiveOptions
from lockstep_runtime.simulate.clients import Ticket
from lockstep_runtime.simulate.disk import PAGE_BYTES, Disk, Process
from lockstep_runtime.simulate.faults import Board, Fault, Reached
from lockstep_runtime.simulate.follower import PLACE
from lockstep_runtime.simulate.outlets import Sink, Subscriber
from lockstep_runtime.simulate.referee import Asked, Referee, Violation
from lockstep_runtime.simulate.store import SimulatedEnvironment
from lockstep_runtime.simulate.survey import judge_refusal, judge_success, survey

_PLENTY = 1 << 40


class NoLock:
    """A lock on a file that somebody deleted: it keeps nobody out. The epoch must."""

    def release(self) -> None:
        """Do nothing."""


class Settings(NamedTuple):
    """How the journal is kept in one run."""

    machine: Machine
    genesis: Genesis
    snapshots: SnapshotPolicy
    keeps_events: bool


class Down(Exception):  # a state, not an error of the product
    """The process has ended, as it should; it starts again."""


class Host:
    """One process at a time, on one disk; now and then two, where that is the fault."""

    def __init__(
        self, disk: Disk, board: Board, referee: Referee, settings: Settings, world: "Surroundings"
    ) -> None:
        self._disk = disk
        self._board = board
        self._referee = referee
        self.settings = settings
        self._world = world
        self._limit_bytes = _drawn_limit(board)
        self._wall_ns = 0
        self.process = Process()
        self.live: Live | None = None
        self._sinks: list[Sink] = []
        self._subscriber = Subscriber(referee, board, self.process)
        self._is_created = False

    def start(self) -> None:
        """Start a process, recover, claim. Raises `Crash`, or `Down` if it cannot go on."""
        self.process = Process()
        self._world.arm(self.process)
        environment = self.environment(self.process)
        try:
            self._create(environment)
            found = survey(self._disk.page, self._referee)
            owner = Owner(environment, PLACE, NoLock(), self._policy())
            self.live = self._recovered(owner)
        except JournalFailed as failed:
            self._ended(failed)
        except ProductFault as fault:
            self._refused(fault)
        report = self.live.recovery
        skipped = [skip.seq for skip in report.skipped]
        judge_success(found, report.snapshot_seq, skipped, self._disk.has_lied)
        self._count_recovery(report.snapshot_seq, bool(skipped))
        state = self.live.sequencer.state
        kept = self._referee.recovered((state.seq, state.hash, state.digest))
        self._referee.claimed(self.live.owner.owner_epoch)
        if kept is not None:
            self._board.reach(Reached.BATCH_KEPT if kept else Reached.BATCH_LOST)
        for sink in self._sinks:
            sink.next_seq = state.seq + 1
        self._subscriber.connect(self.settings.genesis, state)

    def serve(self, tickets: Sequence[Ticket]) -> list[tuple[Ticket, Result]]:
        """Submit a batch and judge the results. Raises `Crash`, or `Down` if the writer ended."""
        live = self._up()
        self._wall_ns = self._world.wall_ns()
        asked = [
            Asked(self._wall_ns if one.proposed_ns is None else one.proposed_ns, one.body)
            for one in tickets
        ]
        self._referee.submitting(asked)
        items = [
            one.body if one.proposed_ns is None else (one.proposed_ns, one.body) for one in tickets
        ]
        results = self._submit(live, items)
        if len(results) != len(tickets):
            raise Violation(f"INV-2: {len(tickets)} were asked, {len(results)} answered")
        self._check_outlets(live)
        answers: list[tuple[Ticket, Result]] = []
        for ticket, result in zip(tickets, results, strict=True):
            self._judge(ticket, result)
            answers.append((ticket, result))
        return answers

    def snapshot(self) -> None:
        """Have a snapshot taken now."""
        try:
            self._up().sequencer.snapshot()
        except JournalFailed as failed:
            self._ended(failed)
        except ProductFault as fault:
            self._stopped(fault)

    def second_owner(self, body: bytes) -> None:
        """Let a second process take over, and the first go on: it must be fenced."""
        old = self._up()
        self.start()
        try:
            old.sequencer.submit([body])
        except JournalFailed:
            self._board.reach(Reached.FENCED)
        else:
            raise Violation("INV-2: an owner wrote after another had taken over")

    def late_claim(self, tickets: Sequence[Ticket]) -> list[tuple[Ticket, Result]]:
        """Let a second process recover while the first goes on, and claim too late."""
        try:
            second = Owner(self.environment(Process()), PLACE, NoLock(), self._policy())
        except ProductFault as fault:
            self._stopped(fault)
        before = self._referee.last_seq
        answers = self.serve(tickets)
        if self._referee.last_seq == before:
            return answers
        try:
            second.claim()
        except JournalFailed:
            self._board.reach(Reached.RECLAIM_REFUSED)
        except ProductFault as fault:
            self._stopped(fault)
        else:
            raise Violation("INV-2: an owner claimed over records that it never saw")
        return answers

    def environment(self, process: Process) -> SimulatedEnvironment:
        """Open the store for a process."""
        return SimulatedEnvironment(self._disk, process, 16 * PAGE_BYTES)

    def stop(self) -> None:
        """End the process, if there is one."""
        self.process.is_alive = False
        self.live = None

    def _create(self, environment: SimulatedEnvironment) -> None:
        if environment.stat()["entries"] == 0 and self._referee.last_seq == 0:
            if self._is_created:
                self._board.reach(Reached.CREATED_AGAIN)
            self._is_created = True
            try:
                write_empty(environment, PLACE, self.settings.genesis, self.settings.keeps_events)
            except CannotRunError as failed:
                raise JournalFailed(str(failed)) from None

    def _recovered(self, owner: Owner) -> Live:
        board, referee = self._board, self._referee
        wait = self._world.wait
        self._sinks = [Sink(referee, board, wait), Sink(referee, board, None)]
        self._subscriber = Subscriber(referee, board, self.process)
        options = LiveOptions(
            Outlets(self._sinks, [self._subscriber]), self.settings.snapshots, self._policy()
        )
        return Live(owner, self.settings.machine, self._clock, options)

    def _clock(self) -> int:
        return self._wall_ns

    def _policy(self) -> MapPolicy:
        return MapPolicy(16 * PAGE_BYTES, self._limit_bytes)

    def _up(self) -> Live:
        if self.live is None:
            raise Violation("the simulator used a process that is down")
        return self.live

    def _submit(self, live: Live, items: Sequence[bytes | tuple[int, bytes]]) -> Sequence[Result]:
        try:
            return live.sequencer.submit(items)
        except OutletFailed as failed:
            return failed.results  # type: ignore[return-value]  # typed as objects for everybody
        except JournalFailed as failed:
            self._check_ended(live, items)
            self._ended(failed)
        except ProductFault as fault:
            self._stopped(fault)

    def _check_ended(self, live: Live, items: Sequence[bytes | tuple[int, bytes]]) -> None:
        """After the first failed commit nothing is answered any more."""
        uses: tuple[Callable[[], object], ...] = (
            lambda: live.sequencer.submit(items),
            lambda: live.sequencer.state,
            lambda: live.owner.append(()),
        )
        for use in uses:
            try:
                use()
            except JournalFailed:
                continue
            raise Violation("INV-1: a writer was used after its first failed commit")

    def _ended(self, failed: JournalFailed) -> NoReturn:
        if isinstance(failed, MapFull):
            self._enlarge()
        self._board.reach(Reached.WRITER_ENDED)
        if self._disk.has_lied and survey(self._disk.page, self._referee).is_unreadable:
            # A verification says why no transaction can succeed any more.
            self._board.reach(Reached.PAGES_UNREADABLE)
            self._world.damaged()
        raise Down from None

    def _stopped(self, fault: ProductFault) -> NoReturn:
        """INV-4: only damage stops a writer, beside a failed commit."""
        if not self._disk.has_lied:
            raise Violation(f"INV-4: a sound journal stops its writer: {fault}") from None
        raise Down from None

    def _enlarge(self) -> None:
        """Do what an operator does about a full map."""
        self._board.reach(Reached.MAP_FULL)
        self._board.count(Fault.MAP_FULL)
        self._limit_bytes *= 4

    def _refused(self, fault: ProductFault) -> NoReturn:
        found = survey(self._disk.page, self._referee)
        judge_refusal(found, self._referee, fault, self._disk.has_lied)
        self._board.reach(Reached.DAMAGE_NAMED)
        if found.is_unreadable:
            self._board.reach(Reached.PAGES_UNREADABLE)
        self._world.damaged()
        raise Down from None

    def _count_recovery(self, start: int, has_skipped: bool) -> None:
        self._board.reach(Reached.FROM_SNAPSHOT if start else Reached.FROM_GENESIS)
        if has_skipped:
            self._board.reach(Reached.FELL_BACK)

    def _check_outlets(self, live: Live) -> None:
        """INV-2: whoever lives has everything, however the others do."""
        expected = live.sequencer.state.seq + 1
        for sink in self._sinks:
            if sink.is_dead:
                self._board.reach(Reached.SINK_DETACHED)
            elif sink.next_seq != expected:
                raise Violation(f"INV-2: a sink waits for {sink.next_seq}, expected {expected}")
        if self._subscriber.is_dead:
            self._board.reach(Reached.PUBLISHER_DETACHED)
        elif self._subscriber.seq + 1 != expected:
            raise Violation(f"INV-2: a subscriber has {self._subscriber.seq} of {expected - 1}")

    def _judge(self, ticket: Ticket, result: Result) -> None:
        if self._board.fires(Fault.KILL_OUTSIDE):
            raise self.process.die()
        if isinstance(result, tuple):
            self._referee.answered(ticket.body, result)
        else:
            self._referee.refused(ticket.body)


class Surroundings(NamedTuple):
    """What a host needs of the world: time, crashes, and somebody who mends the disk."""

    wall_ns: Callable[[], int]
    wait: Callable[[], None]
    arm: Callable[[Process], None]
    damaged: Callable[[], None]


def drawn_settings(machine: Machine, genesis: Genesis, dice: Random) -> Settings:
    """Draw how the journal is kept."""
    policy = SnapshotPolicy(dice.choice((0, 3, 10, 40)), dice.randrange(1, 4))
    return Settings(machine, genesis, policy, dice.randrange(4) == 0)


def _drawn_limit(board: Board) -> int:
    if not board.is_armed(Fault.MAP_FULL):
        return _PLENTY
    return PAGE_BYTES * board.dice.randrange(17, 30)
