"""A worker: one thread that talks to the broker, and some that run jobs."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence

from ..core.backoff import Backoff
from ..core.clock import Clock
from ..core.errors import SchedulerError
from ..core.interfaces import Leases, Runs, Source
from ..core.message import Delivery
from .baton import Baton
from .early_acks import EarlyAcks
from .intake import Intake
from .journal import Journal
from .lifespan import ENDLESS, Lifespan
from .limits import Limits
from .runner import Runner
from .settlement import Settlement
from .settler import Settler
from .upkeep import SILENT_SECONDS, Upkeep

log = logging.getLogger(__name__)

IDLE_WAIT_SECONDS, BUSY_WAIT_SECONDS = 1.0, 0.05
HOARDING_SECONDS = 0.5
FLUSH_AT = 200
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.05, 1.0
EXIT_STOPPED, EXIT_RECYCLE = 0, 3
STOPPED = "its worker was stopped before it finished"


class Worker:
    """Takes deliveries from a source, runs them in ``threads`` threads, settles them in batches.

    ``run`` uses the calling thread as one of them; ``start`` and ``stop`` are for combined mode, where all are the
    worker's own. What is buffered is given back when the worker stops, or when long jobs keep all threads busy.
    ``abandon`` is called when the worker is done but for jobs that did not finish in time, whose threads nobody can
    end: a process of its own ends here.
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
        is_genuine: Callable[[Delivery], bool],
        limits: Limits,
        upkeep: Upkeep,
        clock: Clock,
        lifespan: Lifespan = ENDLESS,
        journal: Journal | None = None,
        damage: Callable[[int], str] = lambda failures: "",
        abandon: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.queues = tuple(queues)
        self.unfinished = 0  # jobs that were left behind
        self._threads = threads
        self._runner = runner
        self._settler = settler
        self._open_source = open_source
        self._leases = leases
        self._limits = limits
        self._upkeep = upkeep
        self._clock = clock
        self._lifespan = lifespan
        self._damage = damage
        self._abandon = abandon
        self._early = EarlyAcks(lambda: self._source, clock, journal)
        self._intake = Intake(threads=threads, runs=runs, is_genuine=is_genuine, foresee=self._early.foresee)
        self._baton = Baton(self._intake, self._turn, self._is_leaving)
        self._busy: dict[int, tuple[Delivery, float]] = {}
        self._source: Source | None = None
        self._asleep = False
        self._done = 0
        self._flushed_at = 0.0
        self._turned_at = clock.monotonic()
        self._deadline: float | None = None
        self._stopping = threading.Event()
        self._sent_home = False
        self._at_home: list[int] = []
        self._io = threading.Thread()
        self._executors: list[threading.Thread] = []
        self._pid = 0

    # Starting and stopping

    def run(self) -> int:
        """Run jobs until ``stop``; returns EXIT_STOPPED, or EXIT_RECYCLE where the process should be replaced."""
        self._lifespan.begin()
        self._start_threads(self._threads - 1)
        self._execute()
        self._io.join()
        return EXIT_RECYCLE if self._lifespan.is_over(self._done) else EXIT_STOPPED

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
        monotonic, settle, observe = self._clock.monotonic, self._settler.add, self._intake.observe
        try:
            while (delivery := self._baton.next()) is not None:
                started = monotonic()
                self._busy[me] = (delivery, started)
                # What stood still for too long may have lost its claims: what had not begun is not begun.
                lives = started - self._turned_at < SILENT_SECONDS
                settlement = self._run(delivery) if lives else Settlement.giving_back(delivery)
                if settlement is not None:
                    settle(settlement)
                del self._busy[me]
                self._done += 1
                observe(monotonic() - started)
                if self._asleep and (self._intake.is_low or len(self._settler) >= FLUSH_AT):
                    self._asleep = False
                    self._wake()
        finally:
            self._at_home.append(me)

    def _run(self, delivery: Delivery) -> Settlement | None:
        try:
            settlement = self._runner.run(delivery, self._early.ask)
        except BaseException:  # this thread must live on
            log.exception(
                "You have found a bug in pyramid_scheduler, please report it. The message is neither lost nor settled:"
                " it runs again when this worker is restarted"
            )
            return None
        if settlement.returned and isinstance(settlement.outcome.exception, SchedulerError):
            # The ledger is away. What goes back comes again at once: without a pause this would go round and round.
            time.sleep(LONGEST_BACKOFF_SECONDS / 4)
        return settlement

    # Talking to the broker

    def _talk(self) -> None:
        backoff = Backoff(FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS)
        while not self._is_finished():
            try:
                self._turn(idle_seconds=0.0)
                backoff.reset()
                if self._is_idle():
                    self._baton.lend()
                continue
            except SchedulerError as error:
                if not backoff.failures:
                    log.warning("%s waits and tries again, nothing is lost: %s", self.name, error)
            except Exception:
                log.exception("%s met an error of its own and goes on; nothing is lost", self.name)
            self._pause(backoff.fail())
            if damage := self._damage(backoff.failures):
                log.critical("%s ends, and its jobs go back: %s", self.name, damage)
                self._abandon()
        self._leave()

    def _pause(self, seconds: float) -> None:
        """Cut short by ``stop``, and then short anyway: somebody waits for us to leave."""
        if self._stopping.wait(seconds):
            time.sleep(min(seconds, BUSY_WAIT_SECONDS))

    def _turn(self, idle_seconds: float = IDLE_WAIT_SECONDS) -> None:
        self._limits.enforce()  # first: a job's time is up whether or not the broker is there
        leaving = self._is_leaving()
        if leaving:
            self._send_home()
        source = self._source
        if source is None:
            source = self._source = self._open_source()
        self._notice_standstill(source)
        self._upkeep.turn()
        self._early.serve(source, list(self._busy.values()), self._settler.stuck)
        if self._settler.holds_claims or self._is_flush_due():
            self._settler.flush(source)
            self._flushed_at = self._clock.monotonic()
        if leaving:
            self._intake.empty(source)
            source.receive(0, 0.0 if self._is_finished() else BUSY_WAIT_SECONDS)
            return
        self._stop_hoarding(source)
        self._asleep = True
        self._intake.fill(source, len(self._busy), self._seconds_to_wait(idle_seconds))
        self._asleep = False
        self._notice_standstill(source)  # it may have been in that very wait
        self._turned_at = self._clock.monotonic()

    def _is_idle(self) -> bool:
        """Nobody runs anything, and there is nothing else to do."""
        in_hand = len(self._busy) + len(self._intake) + len(self._settler) + len(self._early)
        return not in_hand and not self._is_leaving()

    def _notice_standstill(self, source: Source) -> None:
        """After a while in which nothing was done here, or the broker was not reached, others may have what we hold."""
        if self._clock.monotonic() - self._turned_at >= SILENT_SECONDS:
            self._early.refuse()
            self._intake.empty(source)
            self._turned_at = self._clock.monotonic()  # until now, no thread began any of it

    def _is_flush_due(self) -> bool:
        """Outcomes of runs that were acked early hold nothing up: they wait for each other."""
        late = self._clock.monotonic() - self._flushed_at >= BUSY_WAIT_SECONDS
        return late or len(self._settler) >= FLUSH_AT

    def _seconds_to_wait(self, idle_seconds: float) -> float:
        in_hand = self._busy or len(self._intake) or len(self._settler)
        return min(BUSY_WAIT_SECONDS if in_hand else idle_seconds, self._early.longest_wait_seconds)

    def _stop_hoarding(self, source: Source) -> None:
        if len(self._busy) < self._threads:
            return
        since = max((started for _, started in list(self._busy.values())), default=None)
        if since is not None and (seconds := self._clock.monotonic() - since) > HOARDING_SECONDS:
            self._intake.stop_hoarding(source, seconds)

    # Leaving

    def _is_leaving(self) -> bool:
        return self._stopping.is_set() or self._lifespan.is_over(self._done)

    def _send_home(self) -> None:
        if not self._sent_home:
            self._sent_home = True
            self._intake.dismiss()

    def _is_finished(self) -> bool:
        if self._deadline is not None and self._clock.monotonic() >= self._deadline:
            return True
        all_home = len(self._at_home) == self._threads
        return all_home and not len(self._settler) and not len(self._intake)

    def _leave(self) -> None:
        """Settle what can be settled, give back the rest; whoever takes what did not finish runs it from the start."""
        self._send_home()
        self._early.close()
        unfinished = [delivery for delivery, _ in list(self._busy.values())]
        self.unfinished = self._threads - len(self._at_home)
        if unfinished:
            log.warning("%d jobs did not finish in time; they go back to their queues", len(unfinished))
        source = self._source
        if source is not None:
            self._try(lambda: self._early.serve(source, list(self._busy.values()), self._settler.stuck))
            self._try(lambda: self._settler.flush(source))  # first: telling tasks of their end may take long
            for delivery in unfinished:
                if delivery.begun:
                    self._try(lambda delivery=delivery: self._settler.add(self._runner.lost(delivery, STOPPED)))  # type: ignore[misc]
            self._try(lambda: self._settler.flush(source))
            self._try(lambda: self._early.serve(source, (), self._settler.stuck))  # or it would go back, and run again
            self._try(lambda: self._intake.empty(source))
            self._try(lambda: source.give_back([delivery for delivery in unfinished if not delivery.begun]))
            self._try(source.close)
        self._try(lambda: self._leases.release(self.name))
        self._try(self._upkeep.leave)
        if self.unfinished:
            self._abandon()

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception as error:
            log.warning("%s leaves without a word, which will be noticed: %s", self.name, error)
