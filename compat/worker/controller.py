"""A worker in threads of this process."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from .. import signals
from ..concurrency import PREFORK
from ..concurrency.base import BasePool
from ..periodic import declare_beat_schedule
from ..pipeline import queues_of, speaks_kombu
from ..utils.imports import reload_from_cwd
from ..utils.log import get_logger
from ..utils.nodenames import default_nodename
from . import state
from .answering import Answering
from .consumer import Consumer, missing
from .events import EventSender
from .handling import Handler
from .stepping import Stepping
from .turns import check_rates
from .waiting import shown

logger = get_logger("celery.apps.worker")
STOP_POLL_SECONDS = 0.05
STORED_SECONDS = 0.2


class WorkController(Stepping):
    """Runs an app's tasks: ``start()`` blocks until ``stop()``."""

    app: Any = None
    autoscaler = None
    keeps_times = True
    pool_cls: Any = "threads"

    def __init__(
        self,
        app: Any = None,
        hostname: str | None = None,
        concurrency: int | None = None,
        queues: Any = None,
        pool: Any = None,
        task_events: bool | None = None,
        without_heartbeat: bool = False,
        purge: bool = False,
        exclude_queues: Any = None,
        loglevel: Any = None,
        logfile: str | None = None,
        **options: Any,
    ) -> None:
        self.app = app or self.app
        self.hostname = default_nodename(hostname)
        self.loglevel, self.logfile = loglevel, logfile
        self.pool_cls = pool or self.pool_cls
        self._stands_for_processes = (pool or self.app.conf.worker_pool) in PREFORK
        self.options = options
        self.started_at = time.time()
        self.app.loader.init_worker()
        signals.celeryd_init.send(sender=self.hostname, instance=self, conf=self.app.conf, options=options)
        self.pool = BasePool(int(concurrency or self.app.conf.worker_concurrency or 1))
        self.task_events = self.app.conf.worker_send_task_events if task_events is None else task_events
        self.without_heartbeat = without_heartbeat
        self._select(queues, exclude_queues)
        self.on_init_blueprint()
        chosen = queues_of(self.app)
        signals.celeryd_after_setup.send(sender=self.hostname, instance=self, conf=self.app.conf)
        self.app.finalize()
        self._remember_modules()
        self.queue_names = queues_of(self.app)
        self.added_queues = [name for name in self.queue_names if name not in chosen]
        self._init_steps()
        self.consumer = Consumer(self)
        self.events = EventSender(self)
        self.handler = Handler(self.app, self.hostname, self.consumer, self.events)
        self.answering = Answering(self)
        self._stopped = threading.Event()
        self._running = threading.Event()
        self._crews: dict[str, Any] = {}
        self.exitcode: int | None = None
        if purge:
            self.app.control.purge()
        self.on_init()

    def on_init(self) -> None:
        """For subclasses."""

    def on_init_blueprint(self) -> None:
        """For subclasses: the task modules are imported, the queues are chosen."""

    def on_consumer_ready(self, consumer: Any) -> None:
        """For subclasses: the worker takes from its queues now."""

    def _remember_modules(self) -> None:
        """The modules of all tasks, so that other processes of this worker import them, too."""
        modules = {task.__class__.__module__ for task in self.app.tasks.values()}
        self.app.conf.include = tuple(sorted({*self.app.conf.include, *modules}))

    def _select(self, queues: Any, exclude: Any) -> None:
        include = queues.split(",") if isinstance(queues, str) else queues
        without = exclude.split(",") if isinstance(exclude, str) else exclude
        if include:
            self.app.amqp.queues.select(include)
        if without:
            self.app.amqp.queues.deselect(without)

    # Life

    def start(self) -> None:
        """Run until ``stop``, or until remote control says ``shutdown``."""
        signals.worker_init.send(sender=self)
        self.app.set_current()
        self.app.set_default()
        check_rates(self.app)
        self.boot()
        if self._stands_for_processes:
            self.app.loader.init_worker_process()
        signals.worker_process_init.send(sender=self.hostname)
        try:
            declare_beat_schedule(self.app, self.prepare())
            self.events.start()  # before the first task, of which it is to tell
            self.start_steps()
            self._consume(self.queue_names)
            self.listen()
            self.consumer.start()
            signals.worker_ready.send(sender=self.consumer)
            self.on_consumer_ready(self.consumer)
            while not self._should_stop():
                self._stopped.wait(STOP_POLL_SECONDS)
        finally:
            self._leave()

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(missing("worker", name), name=name, obj=self)

    def prepare(self) -> Any:
        """Let the app's scheduler run the app's tasks; returns it."""
        self._declare_queues()
        scheduler = self.scheduler
        scheduler.tasks.fallback = self.handler.task
        return scheduler

    def listen(self) -> None:
        """Answer remote control, send events: the worker is ready."""
        logger.info("%s ready.", self.hostname)
        self.answering.start()
        self.events.start()
        self.events.announce()

    def hush(self) -> None:
        self.answering.stop()
        self.events.stop()

    def _should_stop(self) -> bool:
        if self._stopped.is_set():
            return True
        asked = (state.should_stop, state.should_terminate)
        return any(said is not None and said is not False for said in asked)

    def stop(self, in_sighandler: bool = False, exitcode: int | None = None) -> None:
        """End ``start``, once the running tasks are done."""
        if exitcode is not None:  # asked again, it has not forgotten why
            self.exitcode = exitcode
        self._stopped.set()

    def terminate(self, in_sighandler: bool = False) -> None:
        self._terminates = True
        self.stop()

    def _leave(self) -> None:
        signals.worker_shutting_down.send(sender=self.hostname, sig="SIGTERM", how="Warm", exitcode=0)
        self.answering.stop()
        self.stop_crews()
        self._crews.clear()
        self.stop_steps()
        self.events.stop()
        signals.worker_process_shutdown.send(sender=self.hostname, pid=os.getpid(), exitcode=0)
        signals.worker_shutdown.send(sender=self)
        self.app.loader.shutdown_worker()

    def stop_crews(self) -> None:
        """Let what they run finish. Safe to call twice."""
        self.consumer.stop()
        for crew in self._crews.values():
            crew.stop(self.scheduler.settings.shutdown_timeout_seconds)

    @property
    def scheduler(self) -> Any:
        return self.app.pipeline.scheduler

    def _declare_queues(self) -> None:
        """Exchanges and bindings, for those who publish through them."""
        if speaks_kombu(self.app):
            with self.app.connection_for_write() as connection:
                for name in self.queue_names:
                    self.app.amqp.queues[name](connection.default_channel).declare()

    def _consume(self, names: Sequence[str]) -> None:
        key = ",".join(names)
        crew = self.scheduler.wiring.crew(
            list(names), timekeeper=self.keeps_times and not self._crews, threads=self.concurrency
        )
        self._crews[key] = crew
        crew.start()

    def reload(self, modules: Any = None, reload: bool = False, reloader: Any = None) -> None:
        """Import ``modules``, anew if asked. Tasks need no reload: they are looked up when they run."""
        for name in modules or ():
            if name not in sys.modules:
                self.app.loader.import_from_cwd(name)
            elif reload:
                reload_from_cwd(sys.modules[name], reloader)

    # Remote control

    def add_queue(
        self, queue: str, exchange: Any = None, exchange_type: Any = None, routing_key: Any = None, **options: Any
    ) -> None:
        """Take from ``queue``, too."""
        if queue in self.queue_names:
            return
        if queue not in self.app.amqp.queues:
            self.app.amqp.queues.select_add(
                queue,
                exchange=exchange or queue,
                exchange_type=exchange_type or "direct",
                routing_key=routing_key or queue,
                **options,
            )
        else:
            self.app.amqp.queues.select_add(self.app.amqp.queues[queue])
        self.queue_names.append(queue)
        self._consume([queue])

    def cancel_queue(self, queue: str) -> None:
        """Take from ``queue`` no more; raises ValueError where somebody else takes from it for us."""
        key = next((key for key in self._crews if queue in key.split(",")), None)
        if key is None and queue in self.queue_names:
            raise ValueError(f"the worker was started with {queue}: start it with other queues (-Q)")
        self.app.amqp.queues.deselect([queue])
        if key is None:
            return
        self.queue_names.remove(queue)
        self._crews.pop(key).stop(self.scheduler.settings.shutdown_timeout_seconds)
        left = [name for name in key.split(",") if name != queue]
        if left:
            self._consume(left)

    @property
    def concurrency(self) -> int:
        return self.pool.limit or 1

    def info(self) -> dict[str, Any]:
        return {
            "total": dict(state.total_count),
            "pid": os.getpid(),
            "clock": str(self.app.clock),
            "uptime": round(time.time() - self.started_at),
        }

    def stats(self) -> dict[str, Any]:
        """For ``inspect().stats()``."""
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        connection = self.app.connection_for_write().info()
        connection.pop("password", None)
        return {
            **self.info(),
            **self.blueprint.info(self),
            "pool": self.pool.info,
            "prefetch_count": self.concurrency,
            "broker": connection,
            "rusage": {name[3:]: getattr(usage, name) for name in dir(usage) if name.startswith("ru_")},
        }

    def scheduled(self, ids: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """For ``inspect().scheduled()``: the date jobs of this worker's queues, or those of these ids."""
        if ids is None:
            time.sleep(STORED_SECONDS)  # what was sent just before the question was asked is stored by then
        stored, queues = self.scheduler.ledger.schedules, self.queue_names
        found = [s for name in queues for s in stored.find(name)] if ids is None else map(stored.get, ids)
        dated = (s for s in found if s is not None and s.queue in queues and s.trigger.get("type") == "date")
        return [shown(schedule, self.hostname) for schedule in dated]

    @property
    def state(self) -> Any:
        return state

    def __repr__(self) -> str:
        return f"<Worker: {self.hostname}>"

    def __str__(self) -> str:
        return self.hostname
