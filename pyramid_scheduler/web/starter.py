"""The start of combined mode in a process that serves."""

from __future__ import annotations

import atexit
import logging
import threading

from ..core.backoff import Backoff
from ..core.errors import SchedulerError
from ..scheduler import Scheduler

log = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.5, 60.0


class Starter:
    """Called as often as one likes, from any thread, starts it once. Where it cannot be started now, a call that comes
    later tries again: a site is to be served whether or not its ledger is there."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._lock = threading.Lock()
        self._backoff = Backoff(FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS)
        self._not_before = 0.0

    def __call__(self) -> None:
        if self._scheduler.is_consuming or not self._lock.acquire(blocking=False):  # another one is at it
            return
        try:
            if self._scheduler.clock.monotonic() >= self._not_before:
                self._start()
        finally:
            self._lock.release()

    def _start(self) -> None:
        try:
            self._scheduler.start_consumer()
        except Exception as error:
            strange = not isinstance(error, SchedulerError)
            log.error("no jobs run in this process, until a later request finds it mended: %s", error, exc_info=strange)
            self._not_before = self._scheduler.clock.monotonic() + self._backoff.fail()
        else:
            self._backoff.reset()
            atexit.register(self._scheduler.shutdown)
