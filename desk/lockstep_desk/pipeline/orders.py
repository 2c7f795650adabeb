"""The order engine: sends what traders want, asynchronously, on a thread and event loop of its own.

Owns the way out. Answers of one trader go out one after the other; those of different traders do
not wait for each other ([PIPE-16]). Nothing is dropped: a full channel makes its putter wait, a
send that raises is told like one that worked, and a stop first sends all that was taken.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from lockstep_desk.pipeline.channel import Channel, ChannelClosedError, Counters, Overflow
from lockstep_desk.pipeline.port import Answer

Send = Callable[[Answer], Awaitable[None]]
Done = Callable[[Answer, str], None]
"""Told of each answer that was sent, with the error or ""; called on the engine's thread."""


class OrderCounters(NamedTuple):
    """What became of all answers so far."""

    sent: int
    failed: int
    channel: Counters


class OrderEngine:
    """A service: `start`, `submit` from any thread, `request_stop`, `join`."""

    name = "order engine"

    def __init__(self, send: Send, done: Done | None = None, capacity: int = 128) -> None:
        self._send = send
        self._done = done
        self._channel: Channel[Answer] = Channel(
            "orders", capacity, Overflow.BLOCK, is_lossless=True
        )
        self._sent = 0
        self._failed = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Start thread and loop; return when it takes answers."""
        self._thread.start()
        self._running.wait()

    def submit(self, answer: Answer) -> None:
        """Take an answer; waits while the channel is full, `ChannelClosedError` after a stop."""
        self._channel.put(answer)
        self._tell()

    def request_stop(self) -> None:
        """Take nothing more; send what was taken."""
        self._channel.close()
        self._tell()

    def join(self, timeout_s: float) -> bool:
        """Return whether all is sent and the thread has ended, in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def counters(self) -> OrderCounters:
        """Return what was done so far."""
        return OrderCounters(self._sent, self._failed, self._channel.counters())

    def _tell(self) -> None:
        """Wake the loop, unless it has ended already."""
        loop, news = self._loop, self._news
        if loop is not None and news is not None and not loop.is_closed():
            loop.call_soon_threadsafe(news.set)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # the supervisor tells it
            self.failure = error
        finally:
            self._channel.close()
            self._running.set()

    async def _serve(self) -> None:
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        self._running.set()
        queues: dict[int, asyncio.Queue[Answer | None]] = {}
        async with asyncio.TaskGroup() as group:
            async for answer in self._taken(self._news):
                queue = queues.get(answer.trader.index)
                if queue is None:
                    queue = queues[answer.trader.index] = asyncio.Queue()
                    group.create_task(self._send_in_order(queue))
                queue.put_nowait(answer)
            for queue in queues.values():
                queue.put_nowait(None)

    async def _taken(self, news: asyncio.Event) -> AsyncIterator[Answer]:
        """Yield answers from the channel until it is closed and empty."""
        while True:
            news.clear()
            try:
                answer = self._channel.take(0)
            except ChannelClosedError:
                return
            if answer is None:
                await news.wait()
            else:
                yield answer

    async def _send_in_order(self, queue: "asyncio.Queue[Answer | None]") -> None:
        while (answer := await queue.get()) is not None:
            error = ""
            try:
                await self._send(answer)
                self._sent += 1
            except Exception as raised:  # noqa: BLE001  # told to whoever asked, with the answer
                self._failed += 1
                error = f"{type(raised).__name__}: {raised}"
            if self._done is not None:
                self._done(answer, error)
