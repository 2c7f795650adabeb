"""One run: everything in a single loop, drawn from one seed.

No clock, no thread, no file: simulated time passes a little with every step. A run has a stormy
part, in which whatever its plan arms may happen, and a calm end, in which everything must be
answered, recovered and found whole.
"""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, cast

import lmdb
import msgspec

from lockstep_engine.exchange import MACHINE
from lockstep_journal import (
    Exporter,
    Journal,
    JournalFailed,
    MapPolicy,
    Owner,
    Result,
    verify,
)
from lockstep_journal.transfer import StreamImporter
from lockstep_journal.writer import write_empty
from lockstep_kernel import Fault as ProductFault
from lockstep_kernel import (
    FrameType,
    LockstepError,
    Machine,
    StreamReader,
    StreamWriter,
    find_machine,
)
from lockstep_replay import ImportVerifier
from lockstep_runtime.simulate.clients import (
    Client,
    MarketClient,
    Network,
    Ticket,
    note_refusal,
    till_clients,
)
from lockstep_runtime.simulate.disk import META_SLOTS, Crash, Disk, Process
from lockstep_runtime.simulate.faults import Board, Fault, Reached, draw_plan
from lockstep_runtime.simulate.follower import PLACE, Follower
from lockstep_runtime.simulate.framing import encode, forged_snapshot
from lockstep_runtime.simulate.host import Down, Host, NoLock, Surroundings, drawn_settings
from lockstep_runtime.simulate.outlets import SinkViolation
from lockstep_runtime.simulate.referee import Referee, Violation
from lockstep_runtime.simulate.store import SimulatedEnvironment
from lockstep_runtime.simulate.survey import survey
from lockstep_runtime.simulate.till import TILL, ActivateRules, till_genesis

_START_NS = 1_767_225_600_000_000_000
_STEP_NS_MAX = 50_000_000
_EXCHANGE_ONE_IN = 25
_MARKET_COMMANDS = 140
_BATCH_MAX = 12
_STEPS_MAX = 6_000
_CALM_STEPS_MAX = 4_000
_CRASH_STEPS_MAX = 60
_PLENTY = 1 << 40
_RESTARTS_MAX = 4


class Outcome(NamedTuple):
    """What became of a seed: `violation` is empty if all is well, `hash` is the last one."""

    seed: int
    steps: int
    commands: int
    hash: str
    board: Board
    violation: str


def simulate(seed: int, is_exchange: bool | None = None) -> Outcome:
    """Run one seed to its end, or to the first violation."""
    world = World(seed, is_exchange)
    violation = ""
    try:
        world.run()
    except (Violation, SinkViolation) as found:
        violation = str(found)
    except LockstepError as error:
        violation = f"{type(error).__name__} got out: {error}"
    except Exception as error:  # noqa: BLE001  # whatever the product raises is a finding
        violation = f"{type(error).__name__}: {error}"
    referee = world.referee
    last_hash = referee.hash_at(referee.last_seq).hex()
    return Outcome(seed, world.steps, referee.last_seq, last_hash, world.board, violation)


class World:
    """Everything that there is in one run."""

    def __init__(self, seed: int, is_exchange: bool | None = None) -> None:
        self.dice = Random(seed)
        self.board = Board(draw_plan(self.dice), self.dice)
        self.steps = 0
        self._now_ns = _START_NS
        self._wall_back_ns = 0
        drawn = self.dice.randrange(_EXCHANGE_ONE_IN) == 0
        self._is_exchange = drawn if is_exchange is None else is_exchange
        self._clients = self._drawn_clients(seed)
        market = next((one for one in self._clients if isinstance(one, MarketClient)), None)
        machine = (
            find_machine(MACHINE.name)
            if market is not None
            else cast("Machine", cast("object", TILL))
        )
        digest_every = self.dice.choice((1, 1, 1, 4))
        genesis = till_genesis(digest_every) if market is None else market.genesis()
        self._disk = Disk(self.board)
        self.referee = Referee(self._disk, self.board, genesis)
        settings = drawn_settings(machine, genesis, self.dice)
        around = Surroundings(self._wall_ns, self._wait, self._arm, self._restore)
        self._host = Host(self._disk, self.board, self.referee, settings, around)
        self._follower = Follower(self._disk, self.board, self.referee)
        self._network = Network(self.board)
        self._crash: Fault | None = None
        self._forged: list[int] = []

    def run(self) -> None:
        """Run to the end."""
        while self.steps < _STEPS_MAX and not self._is_done():
            self._step()
        self.board.calm()
        self._power_cycle()
        most = self.steps + _CALM_STEPS_MAX
        while not self._is_done():
            self._step()
            if self.steps > most:
                raise Violation("not every request was answered, though nothing fails any more")
        self.board.reach(Reached.ALL_ANSWERED)
        self._last_look()

    def _step(self) -> None:
        self.steps += 1
        self._now_ns += self.dice.randrange(_STEP_NS_MAX)
        try:
            self._act()
        except Crash:
            self._crashed()
        except Down:
            self._host.stop()
        self.referee.look()

    def _act(self) -> None:
        """Do one thing, drawn by weight."""
        draw = self.dice.randrange(100)
        if self._host.live is None:
            if draw < 50:
                self._host.start()
        elif draw < 45:
            self._serve()
        elif draw < 48:
            self._shake()
        elif draw < 50:
            self._look_after()
        if draw >= 85:
            self._follow()
        elif draw >= 50:
            self._ask()

    def _follow(self) -> None:
        """Let the follower read, once there is a journal."""
        if self.referee.epochs[-1]:
            self._follower.go_on()

    def _ask(self) -> None:
        client = self.dice.choice(self._clients)
        self._network.send(self.steps, client.act(self.steps))

    def _serve(self) -> None:
        tickets = self._network.take(self.steps, self.dice.randrange(1, _BATCH_MAX))
        if self.board.fires(Fault.CLOCK_BACK):
            self._wall_back_ns = self.dice.randrange(10 * _STEP_NS_MAX)
        if tickets:
            self._arm(self._host.process)
            self._deliver(self._host.serve(tickets))

    def _deliver(self, answers: list[tuple[Ticket, Result]]) -> None:
        for ticket, result in answers:
            note_refusal(self.board, result)
            if not self._network.is_answer_lost():
                self._clients[ticket.client].take(ticket, result)

    def _shake(self) -> None:
        """Let something happen to the machine: a flipped bit, another owner, a power loss."""
        if self.board.fires(Fault.FLIP, 3):
            self._flip()
        elif self.board.fires(Fault.FOREIGN_SNAPSHOT, 3):
            self._forge()
        elif self.board.fires(Fault.ZOMBIE, 3):
            if self.dice.randrange(2) and not self._is_exchange:
                self._host.second_owner(encode(ActivateRules(1)))
            else:
                tickets = self._network.take(self.steps, _BATCH_MAX)
                self._deliver(self._host.late_claim(tickets) if tickets else [])
        elif self.board.fires(Fault.POWER_LOSS):
            self._power_cycle()

    def _look_after(self) -> None:
        """Do what an operator does now and then."""
        match self.dice.randrange(3):
            case 0 if self.referee.last_seq:
                self._host.snapshot()
            case 1:
                self._archive()
            case _:
                self._verify()

    def _flip(self) -> None:
        pages = [n for n in self._disk.numbers() if n not in META_SLOTS]
        pages = [n for n in pages if not self._disk.is_root(n)]
        if pages:
            self._disk.flip(self.dice.choice(pages))

    def _forge(self) -> None:
        """Put another state into the newest snapshot, with a check that fits its bytes."""
        seqs = [seq for seq in self.referee.snapshots if seq >= self.referee.first_seq]
        if not seqs:
            return
        forged = forged_snapshot(self.referee.snapshots[max(seqs)], self.dice)
        environment = SimulatedEnvironment(self._disk, Process(), _PLENTY)
        is_quiet, self.board.is_quiet = self.board.is_quiet, True
        try:
            with environment.begin(write=True) as txn:
                txn.put(max(seqs).to_bytes(8, "big"), forged, db="snapshots")
        except lmdb.Error:
            # The pages were damaged before.
            pass
        self.board.is_quiet = is_quiet
        self._disk.has_lied = True
        self._forged.append(max(seqs))

    def _verify(self) -> None:
        """INV-4: a verification names the first damage, and finds none where there is none."""
        found = survey(self._disk.page, self.referee)
        try:
            journal = Journal(self._host.environment(Process()), PLACE)
            findings = verify(journal).findings
        except ProductFault as fault:
            if found.is_sound:
                raise Violation(f"INV-4: a whole journal is not verified: {fault}") from None
            return
        if found.is_sound and findings:
            raise Violation(f"INV-4: a whole journal is called damaged: {findings[0].what}")
        if not found.is_sound and not findings and not found.is_only(self._forged):
            raise Violation(f"INV-4: damaged {found.bad or found.bad_snapshots} is not found")
        if found.bad and not found.is_unreadable:
            named = [one.seq for one in findings]
            if not {found.bad[0], *found.bad_in_order[:1]} & set(named):
                raise Violation(f"INV-4: record {found.bad[0]} is damaged, named were {named}")
            self.board.reach(Reached.VERIFY_NAMED)
        elif found.is_sound:
            self.board.reach(Reached.VERIFIED)

    def _archive(self) -> None:
        """Take old records out, as far as the follower is, after a stream of them was read back."""
        live = self._host.live
        seqs = [seq for seq in self.referee.snapshots if seq <= self._follower.seq]
        if live is None or not seqs or self._disk.has_lied or self.dice.randrange(4):
            return
        seq, owner = max(seqs), live.owner
        if seq not in owner.snapshot_seqs() or seq < owner.end().first_seq:
            return
        written: list[bytes] = []
        exporter = Exporter(owner, written.append)
        start = exporter.begin()
        exporter.send_to(seq)
        exporter.finish()
        self._read_back(b"".join(written), start, seq)
        self.referee.archiving(seq)
        try:
            owner.forget(seq)
        except JournalFailed:
            raise Down from None
        self.board.reach(Reached.ARCHIVED)

    def _read_back(self, stream: bytes, start: int, last: int) -> None:
        source = [stream, b""]
        reader = StreamReader(lambda _size: source.pop(0))
        seqs: list[int] = []
        for kind, seq, payload in reader.frames():
            if kind == FrameType.RECORD:
                self.referee.followed(seq, payload)
                seqs.append(seq)
        if seqs != list(range(start + 1, last + 1)):
            raise Violation(f"INV-2: an archive from {start + 1} to {last} holds {len(seqs)}")

    def _arm(self, process: Process) -> None:
        """Decide whether, and how, a process dies at one of its next steps on the disk."""
        if self.board.draws(Fault.KILL):
            self._crash = Fault.KILL
        elif self.board.draws(Fault.POWER_LOSS):
            self._crash = Fault.POWER_LOSS
        else:
            return
        process.die_in(self.dice.randrange(1, _CRASH_STEPS_MAX))

    def _crashed(self) -> None:
        self._host.stop()
        if self._crash is not None:
            self.board.count(self._crash)
        if self._crash == Fault.POWER_LOSS:
            self._power_cycle()
        self._crash = None

    def _power_cycle(self) -> None:
        self._host.stop()
        self._follower.disconnect()
        self._disk.lose_power()

    def _restore(self) -> None:
        """Build the journal anew, on a new device, from a stream of what is known to be true."""
        stream: list[bytes] = []
        settings, referee = self._host.settings, self.referee
        writer = StreamWriter(stream.append, settings.genesis)
        base = referee.first_seq - 1
        if base:
            writer.snapshot(base, referee.snapshots[base])
        for kept in referee.kept[base:]:
            writer.record(kept.row.seq, kept.raw)
        writer.end(referee.last_seq, referee.hash_at(referee.last_seq))
        self._follower.disconnect()
        self._disk.replace()
        is_quiet, self.board.is_quiet = self.board.is_quiet, True
        environment = SimulatedEnvironment(self._disk, Process(), _PLENTY)
        write_empty(environment, PLACE, settings.genesis, keep_events=False)
        owner = Owner(environment, PLACE, NoLock(), MapPolicy())
        owner.claim()
        source = [b"".join(stream), b""]
        verifier = ImportVerifier(lambda _genesis: settings.machine)
        StreamImporter(owner, verifier).take(StreamReader(lambda _size: source.pop(0)))
        self.board.is_quiet = is_quiet
        referee.restored()
        self.board.reach(Reached.RESTORED)

    def _last_look(self) -> None:
        """At the end everything is whole, from genesis to the last answer."""
        self._power_cycle()
        for _attempt in range(_RESTARTS_MAX):
            try:
                self._host.start()
                break
            except Down:
                self._host.stop()
        else:
            raise Violation("the journal does not recover in the end, though nothing fails")
        self._follow()
        self._verify()
        if self._follower.seq != self.referee.last_seq and not self._disk.has_lied:
            raise Violation(
                f"INV-1: a follower ends at {self._follower.seq}, not {self.referee.last_seq}"
            )
        if self._is_exchange:
            self.board.reach(Reached.EXCHANGE)

    def _first_events(self, body: bytes) -> Sequence[msgspec.Struct]:
        return self.referee.first_events(body)

    def _is_done(self) -> bool:
        return all(client.is_done for client in self._clients)

    def _wall_ns(self) -> int:
        return self._now_ns - self._wall_back_ns

    def _wait(self) -> None:
        self._now_ns += 1_000_000_000

    def _drawn_clients(self, seed: int) -> list[Client]:
        if self._is_exchange:
            return [MarketClient(seed, _MARKET_COMMANDS, self._first_events)]
        return till_clients(self.board)
