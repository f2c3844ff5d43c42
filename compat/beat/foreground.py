"""``app.Beat(…).run()``: the command ``celery beat``."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..utils.imports import qualname
from ..utils.log import get_logger
from .keeper import own_scheduler, take_out_beat_schedule
from .service import Service

logger = get_logger("celery.beat")


class Beat:
    """A timekeeper; where a scheduler class keeps the times, its loop. Options that mean nothing to it are ignored."""

    Service: Any = Service
    app: Any = None

    def __init__(
        self,
        max_interval: float | None = None,
        app: Any = None,
        loglevel: str | int = "WARNING",
        logfile: str | None = None,
        schedule: str | None = None,
        scheduler: Any = None,
        scheduler_cls: Any = None,
        remote_control: bool | None = None,
        hostname: str | None = None,
        quiet: bool = False,
        socket_timeout: float | None = 30,
        **options: Any,
    ) -> None:
        self.app = app or self.app
        self.loglevel = logging.getLevelName(loglevel) if isinstance(loglevel, int) else loglevel
        self.logfile = logfile
        self.schedule = schedule
        self.scheduler_cls = scheduler or scheduler_cls
        self.max_interval = max_interval
        self.remote_control, self.hostname = remote_control, hostname
        self.quiet = quiet
        self.socket_timeout = socket_timeout

    def run(self) -> Any:
        """Keep the times until SIGTERM; returns the exit code."""
        scheduler = own_scheduler(self.app, self.scheduler_cls)
        if scheduler is not None:
            return self.run_scheduler(scheduler)
        logfile = ["--logfile", self.logfile] if self.logfile else []
        return self.app.start(["beat", "--loglevel", self.loglevel, *logfile])

    def run_scheduler(self, cls: Any) -> int:
        """Have a scheduler of that class tick in this thread."""
        self.app.loader.init_worker()
        self.app.finalize()
        service = self.Service(
            app=self.app,
            max_interval=self.max_interval,
            scheduler_cls=cls,
            schedule_filename=self.schedule,
            remote_control=self.remote_control,
            hostname=self.hostname,
        )
        # The last: told to stop before it ticked.
        with _heeding_signals(service), _impatient(self.socket_timeout), suppress(SystemExit):
            self._announce(service)
            self.app.log.setup(self.loglevel, self.logfile, self.app.conf.worker_redirect_stdouts)
            take_out_beat_schedule(self.app)
            self._start(service)
        return 0

    def _start(self, service: Any) -> None:
        try:
            service.start()
        except Exception as error:
            logger.critical("beat: %r", error, exc_info=True)
            raise

    def _announce(self, service: Any) -> None:
        scheduler = service.get_scheduler(lazy=True)
        if self.quiet:
            return
        print(f"celery beat is up: {qualname(type(scheduler))} keeps the times, and not the ledger")
        if scheduler.info:
            print(scheduler.info)
        print("  run one at a time: of two each sends all that is due, unless that class sees to it", flush=True)


@contextmanager
def _impatient(seconds: float | None) -> Iterator[None]:
    """Sockets for which nobody says how long to wait: a server that is silent must not keep the ticks waiting."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds or before)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def _heeding_signals(service: Any) -> Iterator[None]:
    """SIGTERM and SIGINT end the service; but in a thread of a program, whose business they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: service.interrupt()) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
