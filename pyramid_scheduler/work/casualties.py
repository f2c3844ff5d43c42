"""What a supervisor does about the runs of a child that it has ended, or that has died."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Any, Protocol

from ..core.ending import Begun, Cause, Ending
from ..core.message import Delivery
from .limits import Deadline
from .post import Child

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
#: What was ended for its own sake should be written down before its claim is released, which makes it run again.
PATIENCE_SECONDS = 1.0
FAREWELL_SECONDS = 5.0


class Registry(Protocol):
    """Where endings are written, and deliveries read again."""

    def reopen(self, raw: bytes, queue: str, tag: Any) -> Delivery:
        """The delivery that came in this one piece."""

    def settle(self, ending: Ending) -> None:
        """Write the run's end where its redelivery will be looked up, and keep its message if it failed."""


class Casualties:
    """Writes down the ends of runs that cannot do so themselves: of those that were acked early nobody else knows.

    In a thread of its own, started with the first of them: a ledger that lets one wait must not keep the supervisor
    from beating for the children that live.
    """

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[Ending, Registry] | None] = queue.Queue()  # None: no more will come
        self._closing = threading.Event()
        self._writer: threading.Thread | None = None

    def settle_late(self, one: Child, registry: Registry | None) -> None:
        """The runs for whose sake the process was ended; waits a moment until they are written."""
        endings = [_ending_of(deadline, one.part.name) for deadline in one.late(time.monotonic())]
        for ending in endings:
            log.warning("run %s: %s; its process was ended", ending.begun.run_id, ending.reason)
            self._add(ending, registry)
        one.deadlines.clear()
        if endings:
            self._wait(PATIENCE_SECONDS)

    def collect(self, one: Child, registry: Registry | None) -> list[Begun]:
        """The runs that nobody shall have again; for the broker they are done, or are to be said so."""
        if registry is None:  # no child ever came up, so none has run anything
            return []
        left = one.journal.left(registry.reopen)
        for begun in left:
            if not begun.has_ended:
                self._add(Ending(begun, Cause.LOST, one.cause, one.part.name, time.time()), registry)
        return left

    def close(self) -> None:
        """Wait for what is not written yet, but not for long."""
        self._waiting.put(None)
        if self._writer is not None:
            self._writer.join(FAREWELL_SECONDS)
        self._closing.set()

    def _add(self, ending: Ending, registry: Registry | None) -> None:
        if registry is None:
            return
        self._waiting.put((ending, registry))
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="pscheduler-casualties", daemon=True)
            self._writer.start()

    def _wait(self, seconds: float) -> None:
        with self._waiting.all_tasks_done:
            self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, seconds)

    def _write(self) -> None:
        while (one := self._waiting.get()) is not None:
            self._settle(*one)
            self._waiting.task_done()

    def _settle(self, ending: Ending, registry: Registry) -> None:
        run_id = ending.begun.run_id
        told = False
        while not self._closing.is_set():
            try:
                return registry.settle(ending)
            except ConnectionError as error:
                if not told:
                    log.error("how run %s ended is written down later: %s", run_id, error)
                told = True
            except Exception:  # it must not hold up the others
                log.exception("how run %s ended cannot be written down: %s", run_id, ending.reason)
                return None
            self._closing.wait(RETRY_SECONDS)
        log.error("how run %s ended is nowhere but here: %s", run_id, ending.reason)
        return None


def _ending_of(deadline: Deadline, worker: str) -> Ending:
    detail = deadline.signum if deadline.cause is Cause.TERMINATED else deadline.limit_seconds
    return Ending(deadline.begun, deadline.cause, detail, worker, time.time())
