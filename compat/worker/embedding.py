"""An app inside a process that pyramid_scheduler runs: the children of ``celery worker`` and ``celery beat``."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable
from typing import Any

from pyramid_scheduler import Scheduler

from .. import signals
from .._state import _set_task_join_will_block
from ..beat.keeper import is_the_ledger
from ..beat.service import Service
from ..concurrency import PREFORK
from ..periodic import declare_beat_schedule
from ..utils.imports import qualname
from ..utils.log import get_logger
from .controller import WorkController
from .turns import check_rates
from .workloop import end_workloop

logger = get_logger("celery.apps.worker")
_NOT_THE_CONTROLLERS = ("hostname", "include", "task_events", "threads")


class Embedded(WorkController):
    """One whose tasks somebody else runs, but for those of queues that are added: its process has a supervisor."""

    keeps_times = False

    def on_init_blueprint(self) -> None:
        # Not before: what Django and the task modules set up is not to undo it, and they may want to be asked.
        redirects = self.app.conf.worker_redirect_stdouts
        self.app.log.setup(self.loglevel, self.logfile, redirects, hostname=self.hostname)

    def serve_added_queues(self) -> None:
        """Those that receivers of ``celeryd_after_setup`` have selected here: the supervisor does not know of them."""
        if self.added_queues:
            self._consume(self.added_queues)

    def scheduled(self, ids: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """They are the worker's, not a process's: one of them lists them."""
        return super().scheduled(ids) if self.is_first else []

    def stop(self, in_sighandler: bool = False, exitcode: int | None = None) -> None:
        """End the worker, with all its processes."""
        super().stop(in_sighandler, exitcode)
        self.scheduler.leave(exitcode or 0)


def embed(app: Any, options: dict[str, Any], hostname: str, *, speaks: bool = True, first: bool = True) -> Scheduler:
    """Make the app ready to run tasks here; returns its scheduler, which somebody else starts.

    ``speaks``: answer remote control and send events under ``hostname``. ``first``: of a worker's processes.
    """
    app.set_default()
    app.set_current()
    _configure(app, options)
    controller = Embedded(
        app=app,
        hostname=hostname,
        concurrency=options.get("threads", 1),
        task_events=options.get("task_events") or None,
        **{name: value for name, value in options.items() if name not in _NOT_THE_CONTROLLERS},
    )
    controller.is_first = first
    scheduler: Scheduler = controller.prepare()
    declare_beat_schedule(app, scheduler)
    logger.info("results go to %s", qualname(type(app.backend)))  # and a class that cannot be is an error now
    scheduler.at_exit(end_workloop)
    if speaks or options.get("pool"):  # a worker's timekeeper, too: where no process of it starts it ends
        check_rates(app)
    if speaks:
        signals.worker_init.send(sender=controller)
        _boot(controller)
        app.loader.init_worker_process()
        signals.worker_process_init.send(sender=hostname)
        scheduler.at_start(lambda: _arrive(controller))
        scheduler.at_start(lambda: _set_task_join_will_block(options.get("pool") in PREFORK))
        pid = os.getpid()
        scheduler.at_stop(lambda: _stop(controller))
        scheduler.at_exit(lambda: _leave(controller, pid))
        atexit.register(scheduler.occasions.exit.come)
    elif options.get("beat"):
        _embed_beat(app, options, scheduler)
    return scheduler


def _embed_beat(app: Any, options: dict[str, Any], scheduler: Scheduler) -> None:
    """The loop of a scheduler class in the timekeeper's process."""
    cls = options.get("scheduler") or app.conf.beat_scheduler
    beat = EmbeddedBeat(app, scheduler_cls=cls, schedule_filename=options.get("schedule_filename"))
    beat.service.load_class()  # or the worker would start, and its timekeeper again and again
    scheduler.at_start(beat.start)
    scheduler.at_stop(beat.stop)


class EmbeddedBeat(threading.Thread):
    """Takes its process along when it fails or leaves, of which the supervisor makes another."""

    _is_told = False

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(name="Beat", daemon=True)
        self.app = app
        self.service = Service(app, remote_control=False, **options)

    def run(self) -> None:
        self.app.set_current()
        try:
            self.service.start(embedded_process=True)
            if not self._is_told:
                raise SystemExit("its scheduler has left")
        except BaseException as error:
            logger.critical("beat: %r", error, exc_info=True)
            if not self._is_told:  # or else the process ends anyway, when its tasks have
                os._exit(1)

    def stop(self) -> None:
        self._is_told = True
        self.service.stop()
        if self.is_alive():
            self.join()


def _boot(controller: Embedded) -> None:
    """A step that cannot be made ends the worker, as one that cannot start; the supervisor does not listen before."""
    try:
        controller.boot()
    except (Exception, SystemExit) as error:
        failure = error  # the name in the clause does not outlive it
        controller.scheduler.at_start(lambda: controller.give_up(failure))


def _arrive(controller: Embedded) -> None:
    controller.start_steps()
    controller.serve_added_queues()
    controller.listen()
    controller.consumer.start()
    signals.worker_ready.send(sender=controller.consumer)


def _stop(controller: Embedded) -> None:
    signals.worker_shutting_down.send(sender=controller.hostname, sig="SIGTERM", how="Warm", exitcode=0)
    controller.stop_crews()


def _leave(controller: Embedded, pid: int) -> None:
    if os.getpid() == pid:
        controller.stop_crews()
        controller.stop_steps()
        signals.worker_process_shutdown.send(sender=controller.hostname, pid=pid, exitcode=0)
        controller.hush()
        signals.worker_shutdown.send(sender=controller)
        controller.app.loader.shutdown_worker()


def _configure(app: Any, options: dict[str, Any]) -> None:
    names = {
        "time_limit": "task_time_limit",
        "soft_time_limit": "task_soft_time_limit",
        "max_tasks_per_child": "worker_max_tasks_per_child",
        "max_memory_per_child": "worker_max_memory_per_child",
    }
    said = {setting: options[name] for name, setting in names.items() if options.get(name) is not None}
    if options.get("include"):
        said["include"] = options["include"].split(",")
    if options.get("beat") and options.get("scheduler") and not is_the_ledger(options["scheduler"]):
        said["beat_scheduler"] = options["scheduler"]
    app.conf.update(said)
