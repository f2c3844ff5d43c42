"""The wings of one scheduler, built when first asked for, and handed to each other here and nowhere else."""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import uuid
import weakref
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .broker.broker import open_broker
from .broker.envelope import make_sealer
from .broker.url import is_local, is_sql, normalize
from .composer import Composer
from .core import message as wire
from .core.interfaces import Broker, JobContext, Ledger, Sealer, Share
from .core.run import LiveWorker, RunState
from .housekeeping import FIRST_SECONDS, Housekeeping
from .registrar import Registrar
from .schedule.declared import reconcile
from .schedule.firing import Planner
from .schedule.setback import Setbacks
from .schedule.timekeeper import Timekeeper
from .work.child import end as end_process
from .work.endings import Endings
from .work.fitness import Fitness
from .work.journal import Journal
from .work.lifespan import ENDLESS, Lifespan
from .work.limits import Limits, Report
from .work.runner import Runner
from .work.settler import Settler
from .work.terminations import Terminations
from .work.upkeep import PRESENCE_SECONDS, Repeated, Upkeep
from .work.worker import Worker

if TYPE_CHECKING:
    from .core.settings import Settings
    from .scheduler import Scheduler

log = logging.getLogger(__name__)

DEFAULT_LEDGER_URL = "sqlite:///pyramid_scheduler.sqlite"


def ledger_url(settings: Settings) -> str:
    """Where the ledger is: as set, or the broker's database if it is one, or a SQLite file beside it."""
    if settings.ledger_url:
        return normalize(settings.ledger_url)
    broker_url = normalize(settings.broker_url)
    return broker_url if is_sql(broker_url) else DEFAULT_LEDGER_URL


class Wiring:
    """Broker, sealer, ledger; and the workers and timekeepers that are made of them."""

    def __init__(self, scheduler: Scheduler, context: JobContext | None) -> None:
        self._scheduler = scheduler
        self._settings = scheduler.settings
        self._clock = scheduler.clock
        self._context = context
        self._lock = threading.RLock()
        self._terminations: weakref.WeakSet[Terminations] = weakref.WeakSet()

    @cached_property
    def broker(self) -> Broker:
        return open_broker(self._settings, self._clock)

    @cached_property
    def sealer(self) -> Sealer:
        return make_sealer(self._settings, self._clock, local=is_local(self._settings.broker_url))

    @cached_property
    def composer(self) -> Composer:
        return Composer(settings=self._settings, sealer=self.sealer, tasks=self._scheduler.tasks, clock=self._clock)

    @property
    def ledger(self) -> Ledger:
        """Opened, and its tables found to be ours."""
        with self._lock:
            if "_ledger" not in self.__dict__:
                ledger = self.closed_ledger
                ledger.open()
                self.__dict__["_ledger"] = ledger
            opened: Ledger = self.__dict__["_ledger"]
            return opened

    @cached_property
    def closed_ledger(self) -> Ledger:
        """Not looked at yet: for those who are to make or examine its tables."""
        # A supervisor has no use for it until a process of its own dies: the import is a third of its memory.
        from .ledger.ledger import open_ledger

        url = ledger_url(self._settings)
        return open_ledger(url, self._clock, embedded=url.startswith("sqlite"))

    def worker(
        self,
        name: str,
        queues: Sequence[str],
        threads: int,
        *,
        report: Report | None = None,
        share: Share | None = None,
        journal: Journal | None = None,
        beats: bool = True,
    ) -> Worker:
        """A worker of this process; the others are for one that has a supervisor above it, and ``beats=False``."""
        scheduler, settings, clock, ledger = self._scheduler, self._settings, self._clock, self.ledger
        registrar = Registrar(ledger=ledger, tasks=scheduler.tasks, emit=scheduler.emit)
        limits, terminations = Limits(clock, report), Terminations(clock, report, alone=threads == 1)
        self._terminations.add(terminations)
        runner = Runner(
            name=name,
            sealer=self.sealer,
            tasks=scheduler.tasks,
            cancellations=ledger.cancellations,
            history=ledger.history,
            emit=scheduler.emit,
            want=scheduler.listeners.want,
            clock=clock,
            limits=limits,
            reserved={
                wire.SCHEDULE_TASK: registrar.store,
                wire.NOTE_TASK: registrar.note,
                wire.ENDED_TASK: Endings(self.sealer, scheduler.tasks).read,
            },
            context=self._context,
            delegator=settings.delegator,
            poison_limit=settings.poison_limit,
            terminations=terminations,
            journal=journal,
        )
        me = LiveWorker(name, tuple(queues), "worker", clock.time())
        return Worker(
            name=name,
            queues=queues,
            threads=threads,
            runner=runner,
            settler=Settler(
                history=ledger.history, publisher=self.broker.publisher, stored=runner.stored, journal=journal
            ),
            open_source=lambda: self.broker.source(queues, name, share),
            leases=self.broker.leases,
            runs=ledger.runs,
            is_genuine=self.sealer.is_genuine,
            limits=limits,
            upkeep=Upkeep(worker=me, leases=self.broker.leases, presence=ledger.presence, clock=clock, beats=beats),
            clock=clock,
            # Of a process that nobody would replace there is no end.
            lifespan=ENDLESS
            if report is None
            else Lifespan(settings.worker_max_jobs, settings.worker_max_memory_bytes),
            journal=journal,
            damage=lambda failures: "" if journal is None else Fitness(journal).damage(failures),
            abandon=self._abandon if report is not None else lambda: None,
        )

    def _abandon(self) -> None:
        self._scheduler.occasions.exit.come()
        end_process()

    def terminate(self, run_id: str, signum: int) -> bool:
        """End that run if it runs in this process, and its task is one that can be told; returns whether it is."""
        return any(one.end(run_id, signum) for one in list(self._terminations))

    def interrupt(self, run_id: str) -> bool:
        """Have that run exceed its soft limit now, if it runs here and its task is one that can be told."""
        return any(one.interrupt(run_id) for one in list(self._terminations))

    def timekeeper(self, name: str) -> Timekeeper:
        """A timekeeper of this process, the store reconciled with what is declared."""
        scheduler, clock, ledger = self._scheduler, self._clock, self.ledger
        reconcile(list(scheduler.declared.values()), ledger.schedules, scheduler.emit)
        joined = self.broker.publisher.joins(ledger.database_url)
        me = LiveWorker(name, (), "timekeeper", clock.time())
        setbacks = Setbacks(ledger.schedules, clock, alone=ledger.database_url.startswith("sqlite"))
        repeated = [Repeated(PRESENCE_SECONDS, lambda: ledger.presence.beat([me]), clock)]
        period = self._settings.housekeeping_seconds
        if period:
            first = clock.monotonic() + min(FIRST_SECONDS, period) * random.uniform(0.5, 1.0)
            repeated.append(Repeated(period, self.housekeeping.begin, clock, first))
        return Timekeeper(
            schedules=ledger.schedules,
            publisher=self.broker.publisher,
            planner=Planner(sealer=self.sealer, joined=joined, worker=name),
            history=ledger.history,
            emit=scheduler.emit,
            clock=clock,
            joined=joined,
            upkeep=[*(one.turn for one in repeated), setbacks.turn],
        )

    def make_tables(self) -> None:
        """The ledger's, brought to our version; and those of a broker in a SQL database."""
        self.closed_ledger.upgrade()
        if is_sql(normalize(self._settings.broker_url)):
            self.broker.check()

    @cached_property
    def housekeeping(self) -> Housekeeping:
        return Housekeeping(self.ledger, self._settings)

    def crew(self, queues: Sequence[str], *, timekeeper: bool, threads: int | None = None) -> Crew:
        name = f"{self._settings.id or socket.gethostname()}-{os.getpid()}-combined-{uuid.uuid4().hex[:8]}"
        keeper = self.timekeeper(f"{name}-timekeeper") if timekeeper else None
        return Crew(self.worker(name, queues, threads or self._settings.worker_threads), keeper)

    def retry(self, parked_id: str) -> bool:
        """Publish a kept message again, as if for the first time, and never too late: somebody wants it to run now.
        Returns whether there was one of that id."""
        joined = self.broker.publisher.joins(self.ledger.database_url)
        with self.ledger.parked.take(parked_id) as found:
            if found is None:
                return False
            parked, connection = found
            message = parked.message
            headers: dict[str, Any] = {name: None for name in ("expires", wire.GRACE) if name in message.headers}
            if parked.state is RunState.FAILED:
                headers["retries"] = 0
            if headers:
                message = self.sealer.reseal(message, **headers)
            self.broker.publisher.publish([message], within=connection if joined else None)
        return True

    def status(self) -> dict[str, Any]:
        """What waits, what is stored, what came of the runs that are remembered."""
        ledger = self.ledger
        stored = {f"jobs {state}": count for state, count in ledger.schedules.count().items()}
        runs = {f"runs {state}": count for state, count in ledger.history.counts().items()}
        return {
            "broker": self.broker.url,
            "ledger": ledger.url,
            "queues": {queue: self.broker.size(queue) for queue in self._settings.queues},
            "counts": {**stored, **runs},
            "workers": ledger.presence.find(),
            "next_fire_at": ledger.schedules.next_fire_at(),
        }

    def close(self) -> None:
        """Disconnect; whatever is used again connects again."""
        for name in ("broker", "closed_ledger"):
            if name in self.__dict__:
                self.__dict__[name].close()


class Crew:
    """Combined mode: a worker and a timekeeper in threads of this process."""

    def __init__(self, worker: Worker, timekeeper: Timekeeper | None) -> None:
        self._worker = worker
        self._timekeeper = timekeeper

    @property
    def alive(self) -> bool:
        return self._worker.alive

    def start(self) -> None:
        self._worker.start()
        if self._timekeeper is not None:
            self._timekeeper.start()

    def stop(self, timeout: float) -> None:
        if self._timekeeper is not None:
            self._timekeeper.stop(timeout)
        self._worker.stop(timeout)
