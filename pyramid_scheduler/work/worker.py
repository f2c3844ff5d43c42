"""A worker: one thread that talks to the broker, and some that run jobs."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence

from ..core import message as wire
from ..core.clock import Clock
from ..core.errors import SchedulerError
from ..core.interfaces import Leases, Runs, Source
from ..core.message import Delivery
from .limits import Limits
from .prefetch import Prefetch
from .runner import Runner
from .settler import Settler
from .upkeep import Upkeep

log = logging.getLogger(__name__)

IDLE_WAIT_SECONDS, BUSY_WAIT_SECONDS = 1.0, 0.05
HOARDING_SECONDS = 0.5
FLUSH_AT = 200
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.05, 1.0
EXIT_STOPPED, EXIT_RECYCLE = 0, 3


class Worker:
    """Takes deliveries from a source, runs them in ``threads`` threads, settles them in batches.

    ``run`` uses the calling thread as one of them; ``start`` and ``stop`` are for combined mode, where all are the
    worker's own. What is buffered is given back when the worker stops, or when long jobs keep all threads busy.
    """

    def __init__(
        self,
        *,
        name: str,
        queues: Sequence[str],
        threads: int,
        runner: Runner,
        settler: Settler,
        open_source: Callable[[], Source],
        leases: Leases,
        runs: Runs,
        limits: Limits,
        upkeep: Upkeep,
        clock: Clock,
        max_jobs: int = 0,
        max_memory_bytes: int = 0,
    ) -> None:
        self.name = name
        self.queues = tuple(queues)
        self._threads = threads
        self._runner = runner
        self._settler = settler
        self._open_source = open_source
        self._leases = leases
        self._runs = runs
        self._limits = limits
        self._upkeep = upkeep
        self._clock = clock
        self._max_jobs = max_jobs
        self._max_memory_bytes = max_memory_bytes
        self._buffer: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._prefetch = Prefetch(threads)
        self._busy: dict[int, tuple[Delivery, float]] = {}
        self._source: Source | None = None
        self._received: list[Delivery] = []
        self._asleep = False
        self._done = 0
        self._deadline: float | None = None
        self._stopping = threading.Event()
        self._sent_home = False
        self._io = threading.Thread()
        self._executors: list[threading.Thread] = []
        self._pid = 0

    # Starting and stopping

    def run(self) -> int:
        """Run jobs until ``stop``; returns EXIT_STOPPED, or EXIT_RECYCLE where the process should be replaced."""
        self._start_threads(self._threads - 1)
        self._execute()
        self._io.join()
        return EXIT_RECYCLE if self._worn_out() else EXIT_STOPPED

    def start(self) -> None:
        """Run jobs in threads of this process."""
        self._start_threads(self._threads)

    def _start_threads(self, executors: int) -> None:
        self._pid = os.getpid()
        self._io = threading.Thread(target=self._talk, name="pscheduler-io", daemon=True)
        self._executors = [
            threading.Thread(target=self._execute, name=f"pscheduler-job-{n}", daemon=True) for n in range(executors)
        ]
        for thread in (self._io, *self._executors):
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether this process (not one it was forked from) talks to the broker."""
        return self._io.is_alive() and self._pid == os.getpid()

    def stop(self, timeout: float, *, wait: bool = True) -> None:
        """Take no more; let running jobs finish for ``timeout`` seconds, give the rest back. Safe to call twice."""
        self._deadline = min(self._deadline or float("inf"), self._clock.monotonic() + timeout)
        self._stopping.set()
        self._wake()
        if wait and self.alive:
            self._io.join(timeout + 10)

    def _wake(self) -> None:
        source = self._source
        if source is not None:
            source.wake()

    # Running jobs

    def _execute(self) -> None:
        me = threading.get_ident()
        monotonic, take, run, settle = self._clock.monotonic, self._buffer.get, self._runner.run, self._settler.add
        while (delivery := take()) is not None:
            started = monotonic()
            self._busy[me] = (delivery, started)
            settlement = run(delivery)
            settle(settlement)
            del self._busy[me]
            self._done += 1
            self._prefetch.observe(monotonic() - started)
            if self._asleep and self._has_news():
                self._asleep = False
                self._wake()

    def _has_news(self) -> bool:
        return self._buffer.qsize() <= self._prefetch.extra // 2 or len(self._settler) >= FLUSH_AT

    # Talking to the broker

    def _talk(self) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while not self._is_finished():
            try:
                self._turn()
                backoff = FIRST_BACKOFF_SECONDS
            except SchedulerError as error:
                if backoff == FIRST_BACKOFF_SECONDS:
                    log.warning("%s waits and tries again, nothing is lost: %s", self.name, error)
                self._clock_wait(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
            except Exception:
                log.exception("%s met an error of its own and goes on; nothing is lost", self.name)
                self._clock_wait(LONGEST_BACKOFF_SECONDS)
        self._leave()

    def _clock_wait(self, seconds: float) -> None:
        self._stopping.wait(seconds) if not self._stopping.is_set() else threading.Event().wait(min(seconds, 0.1))

    def _turn(self) -> None:
        source = self._source
        if source is None:
            source = self._source = self._open_source()
        self._upkeep.turn()
        self._limits.enforce()
        self._settler.flush(source)
        if self._stopping.is_set() or self._worn_out():
            self._send_home(source)
            source.receive(0, BUSY_WAIT_SECONDS)
            return
        self._stop_hoarding(source)
        self._asleep = True
        # Kept until they are admitted: asking the ledger may fail, and be tried again.
        self._received += source.receive(self._room(), self._seconds_to_wait())
        self._asleep = False
        for delivery in self._admitted(source, self._received):
            self._buffer.put(delivery)
        self._received = []

    def _room(self) -> int:
        held = self._buffer.qsize() + len(self._busy) + len(self._received)
        room = self._threads + self._prefetch.extra - held
        return room if held <= self._threads or room > self._prefetch.extra // 2 else 0

    def _seconds_to_wait(self) -> float:
        if self._busy or self._buffer.qsize() or len(self._settler):
            return BUSY_WAIT_SECONDS
        return IDLE_WAIT_SECONDS

    def _admitted(self, source: Source, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Without the second publications of one fire: those are acked, and never run."""
        fires = [(str(d.headers.get("id")), _token(d)) for d in deliveries if _token(d)]
        if not fires:
            return deliveries
        allowed = self._runs.claim(fires)
        refused = [d for d in deliveries if _token(d) and _token(d) not in allowed]
        if refused:
            log.info("%d fires were published twice; they run once", len(refused))
            source.ack(refused)
        return [d for d in deliveries if not _token(d) or _token(d) in allowed]

    def _stop_hoarding(self, source: Source) -> None:
        """All threads are at long jobs: what is buffered may run elsewhere."""
        if len(self._busy) < self._threads or not self._buffer.qsize():
            return
        now = self._clock.monotonic()
        since = [started for _, started in list(self._busy.values())]
        if since and now - max(since) > HOARDING_SECONDS:
            self._prefetch.observe(now - max(since))
            source.give_back(self._take_buffer())

    def _take_buffer(self) -> list[Delivery]:
        taken: list[Delivery] = []
        while True:
            try:
                delivery = self._buffer.get_nowait()
            except queue.Empty:
                return taken
            if delivery is not None:
                taken.append(delivery)

    # Leaving

    def _worn_out(self) -> bool:
        if self._max_jobs and self._done >= self._max_jobs:
            return True
        return bool(self._max_memory_bytes) and _resident_bytes() > self._max_memory_bytes

    def _send_home(self, source: Source) -> None:
        if not self._sent_home:
            self._sent_home = True
            source.give_back([*self._received, *self._take_buffer()])
            self._received = []
            for _ in range(self._threads):
                self._buffer.put(None)

    def _is_finished(self) -> bool:
        if not self._sent_home:
            return False
        if not self._busy and not len(self._settler) and not self._buffer.qsize():
            return True
        return self._deadline is not None and self._clock.monotonic() >= self._deadline

    def _leave(self) -> None:
        """Give back what did not finish in time; whoever takes it runs it again from the start."""
        source, unfinished = self._source, [delivery for delivery, _ in list(self._busy.values())]
        if source is None:
            return
        try:
            self._settler.flush(source)
            if unfinished:
                log.warning("%d jobs did not finish in time; they go back to their queues", len(unfinished))
                source.give_back(unfinished)
            self._upkeep.leave()
            source.close()
            self._leases.release(self.name)
        except SchedulerError as error:
            log.warning("%s leaves without a word to the broker, which will notice: %s", self.name, error)
        self.unfinished = len(unfinished)

    unfinished = 0


def _token(delivery: Delivery) -> str:
    token = delivery.headers.get(wire.TOKEN)
    return token if isinstance(token, str) else ""


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # not Linux: the peak is the nearest that there is
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
