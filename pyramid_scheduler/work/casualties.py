"""What a supervisor does about the runs of a child that it has ended, or that has died."""

from __future__ import annotations

import logging
import time
from typing import Protocol

from ..core.ending import Begun, Cause, Ending
from .limits import Deadline
from .post import Child

log = logging.getLogger(__name__)


class Registry(Protocol):
    """Where endings are written."""

    def settle(self, ending: Ending) -> None:
        """Write the run's end where its redelivery will be looked up, and keep its message if it failed."""


class Casualties:
    """Collects the runs that were acked early and are lost with their process, until the ledger has taken them."""

    def __init__(self) -> None:
        self._waiting: list[Ending] = []

    def settle_late(self, one: Child, registry: Registry | None) -> None:
        """The runs for whose sake the process was ended."""
        for deadline in one.late(time.monotonic()):
            ending = _ending_of(deadline, one.part.name)
            log.warning("run %s: %s; its process was ended", deadline.run_id, ending.reason)
            if registry is not None and _is_settled(ending, registry):
                one.settled.add(deadline.run_id)
        one.deadlines.clear()

    def collect(self, one: Child) -> None:
        """The runs that nobody will give back: the broker has forgotten them."""
        for begun in one.journal.left():
            if begun.message.id not in one.settled:
                self._waiting.append(Ending(begun, Cause.LOST, one.cause, one.part.name, time.time()))

    def settle(self, registry: Registry | None) -> None:
        """Those that the ledger does not take now stay for the next time."""
        while self._waiting and registry is not None:
            try:
                registry.settle(self._waiting[0])
            except Exception as error:
                log.error("run %s was lost with its process, and is recorded later: %s", self._first_id, error)
                return
            log.error("run %s: %s; see pscheduler failed", self._first_id, self._waiting[0].reason)
            del self._waiting[0]

    @property
    def _first_id(self) -> str:
        return self._waiting[0].begun.message.id


def _ending_of(deadline: Deadline, worker: str) -> Ending:
    now = time.time()
    begun = Begun(deadline.message, now - deadline.limit_seconds, deadline.wants_word)
    detail = deadline.signum if deadline.cause is Cause.TERMINATED else deadline.limit_seconds
    return Ending(begun, deadline.cause, detail, worker, now)


def _is_settled(ending: Ending, registry: Registry) -> bool:
    try:
        registry.settle(ending)
    except Exception as error:
        run_id = ending.begun.message.id
        log.error("that run %s was ended could not be recorded; unless it was acked, it runs again: %s", run_id, error)
        return False
    return True
