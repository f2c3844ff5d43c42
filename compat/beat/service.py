"""Beat as a process, a thread, or in the foreground."""

from __future__ import annotations

import multiprocessing
import time
from functools import cached_property
from threading import Event, Thread
from typing import Any

from pyramid_scheduler.api import WakePipe

from .. import signals
from ..exceptions import ImproperlyConfigured
from ..installing import refuse_the_real_one
from ..utils.imports import load_extension_class_names, symbol_by_name
from ..utils.log import get_logger
from .answering import BeatPidbox
from .flag import Flag
from .persistent import PersistentScheduler

logger = get_logger("celery.beat")


class Service:
    """Ticks its scheduler until it is stopped."""

    scheduler_cls: Any = PersistentScheduler

    def __init__(
        self,
        app: Any,
        max_interval: float | None = None,
        schedule_filename: str | None = None,
        scheduler_cls: Any = None,
        remote_control: bool | None = None,
        hostname: str | None = None,
    ) -> None:
        self.app = app
        self.max_interval = max_interval or app.conf.beat_max_loop_interval
        self.scheduler_cls = scheduler_cls or self.scheduler_cls
        self.schedule_filename = schedule_filename or app.conf.beat_schedule_filename
        self.remote_control = app.conf.beat_enable_remote_control if remote_control is None else remote_control
        self.hostname = hostname
        self.effective_max_interval: float | None = None
        self._pidbox: BeatPidbox | None = None
        self._last_tick: float | None = None
        self._is_shutdown = Flag()
        self._is_closing = False
        self._is_stopped = Event()
        self._pipe: WakePipe | None = None  # until it ticks

    def __reduce__(self) -> Any:
        names = ("app", "max_interval", "schedule_filename", "scheduler_cls", "remote_control", "hostname")
        return type(self), tuple(getattr(self, name) for name in names)

    def start(self, embedded_process: bool = False) -> None:
        logger.info("beat: Starting...")
        signals.beat_init.send(sender=self)
        if embedded_process:
            signals.beat_embedded_init.send(sender=self)
        self.effective_max_interval = self.scheduler.max_interval
        if self.remote_control:
            self._pidbox = BeatPidbox(self)
            self._pidbox.start()
        self._last_tick = time.monotonic()
        self._pipe = pipe = WakePipe()
        try:
            with pipe.woken_by_signals():
                while not self._is_shutdown.is_set():
                    self._turn(pipe)
        except (KeyboardInterrupt, SystemExit):
            self._is_shutdown.set()
        finally:
            try:
                self.sync()
            finally:
                if self._pidbox is not None:
                    self._pidbox.stop()
                pipe.close()

    def _turn(self, pipe: WakePipe) -> None:
        interval = self.scheduler.tick()
        self._last_tick = time.monotonic()
        if interval and interval > 0.0:
            pipe.wait(interval)
            if self.scheduler.should_sync():
                self.scheduler._do_sync()

    def sync(self) -> None:
        self._is_closing = True
        try:
            self.scheduler.close()
        finally:  # somebody may wait for this end, whatever it is
            self._is_stopped.set()

    def stop(self, wait: bool = False) -> None:
        logger.info("beat: Shutting down...")
        self._end()
        if wait:
            self._is_stopped.wait()

    def interrupt(self) -> None:
        """From a signal handler: end after the tick, since what is sent must be written down; called again, at once.

        Where it does not tick yet it may be waiting for others, and ends at once, too.
        """
        if self._is_closing:
            return
        if self._is_shutdown.is_set() or self._pipe is None:
            raise SystemExit(0)
        self._end()

    def _end(self) -> None:
        """Takes no lock: a signal handler's own thread may hold it."""
        self._is_shutdown.set()
        if self._pipe is not None:
            self._pipe.wake()

    def get_scheduler(self, lazy: bool = False, extension_namespace: str = "celery.beat_schedulers") -> Any:
        """A scheduler of that class."""
        cls = self.load_class(extension_namespace)
        return cls(app=self.app, schedule_filename=self.schedule_filename, max_interval=self.max_interval, lazy=lazy)

    def load_class(self, extension_namespace: str = "celery.beat_schedulers") -> Any:
        """By class, name, or an installed extension's alias; raises ImproperlyConfigured where there is none."""
        aliases = dict(load_extension_class_names(extension_namespace))
        try:
            cls = symbol_by_name(self.scheduler_cls, aliases=aliases)
        except (ImportError, AttributeError, ValueError) as error:
            raise ImproperlyConfigured(f"the scheduler {self.scheduler_cls} cannot be loaded: {error}") from error
        refuse_the_real_one(cls)
        return cls

    @cached_property
    def scheduler(self) -> Any:
        return self.get_scheduler()


class _Threaded(Thread):
    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(name="Beat", daemon=True)
        self.app = app
        self.service = Service(app, **kwargs)

    def run(self) -> None:
        self.app.set_current()
        self.service.start()

    def stop(self) -> None:
        self.service.stop(wait=True)


class _Process(multiprocessing.Process):
    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(name="Beat")
        self.app = app
        self.service = Service(app, **kwargs)

    def run(self) -> None:
        self.app.set_default()
        self.app.set_current()
        self.service.start(embedded_process=True)

    def stop(self) -> None:
        self.service.stop()
        self.terminate()


def EmbeddedService(app: Any, max_interval: float | None = None, **kwargs: Any) -> Any:
    """Beat in a process of its own, or (``thread=True``) in a thread."""
    kwargs.setdefault("remote_control", False)
    if kwargs.pop("thread", False):
        return _Threaded(app, max_interval=1, **kwargs)
    return _Process(app, max_interval=max_interval, **kwargs)
