"""The timekeeper: claims due schedules under row locks, publishes their runs, advances them; or nothing of it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ..core.backoff import Backoff
from ..core.clock import Clock
from ..core.errors import QueueUnavailable, SchedulerError
from ..core.interfaces import DueBatch, Emit, History, Publisher, Schedules
from .firing import Plan, Planner, put_off

log = logging.getLogger(__name__)

BATCH = 1000
LONGEST_WAIT_SECONDS = 1.0
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.05, 1.0


class Timekeeper:
    """Any number may run on one ledger: the rows are locked, not the timekeeper elected.

    ``joined``: broker and ledger are one database, and a fire is published in the transaction that advances its
    schedule. Elsewhere a fire whose timekeeper dies between the two is published again, and told apart by its token.
    """

    def __init__(
        self,
        *,
        schedules: Schedules,
        publisher: Publisher,
        planner: Planner,
        history: History,
        emit: Emit,
        clock: Clock,
        joined: bool,
        upkeep: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._schedules = schedules
        self._publisher = publisher
        self._planner = planner
        self._history = history
        self._emit = emit
        self._clock = clock
        self._joined = joined
        self._upkeep = tuple(upkeep)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = 0

    def run(self) -> None:
        """Keep the times until ``stop``."""
        backoff = Backoff(FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS)
        while not self._stopping.is_set():
            try:
                self._keep()
            except SchedulerError as error:
                if not backoff.failures:
                    log.warning("nothing is fired now, and nothing is lost; trying again: %s", error)
            except Exception:
                log.exception("the timekeeper met an error of its own and goes on; nothing is lost")
            else:
                backoff.reset()
                continue
            self._stopping.wait(backoff.fail())

    def _keep(self) -> None:
        for task in self._upkeep:
            task()
        fired = self.tick()
        if not fired and not self._stopping.is_set():
            self._schedules.wait(self._seconds_to_wait())

    def _seconds_to_wait(self) -> float:
        next_fire_at = self._schedules.next_fire_at()
        if next_fire_at is None:
            return LONGEST_WAIT_SECONDS
        return min(max(next_fire_at - self._clock.time(), 0.0), LONGEST_WAIT_SECONDS)

    def tick(self) -> int:
        """Fire one batch of what is due now; returns how many rows were dealt with."""
        now = self._clock.time()
        next_fire_at = self._schedules.next_fire_at()
        if next_fire_at is None or next_fire_at > now:
            return 0
        with self._schedules.due(now, BATCH) as batch:
            after = self._fire(batch, now)
        after()
        return len(batch.schedules)

    def _fire(self, batch: DueBatch, now: float) -> Callable[[], None]:
        plan = self._publish(batch, now)
        batch.write(plan.advances, plan.recurring, plan.removals)
        for event in plan.ends:
            self._emit(event)

        def after() -> None:
            self._history.settle(plan.missed_records, (), ())
            for event in plan.missed:
                self._emit(event)

        return after

    def _publish(self, batch: DueBatch, now: float) -> Plan:
        """What is to be done about the batch, its messages published."""
        within = batch.connection if self._joined else None
        plan = self._planner.plan(batch, now)
        try:
            self._publisher.publish([fire.message for fire in plan.fires], within=within)
        except Exception as error:
            if _concerns_all(error):
                raise
            return self._publish_one_by_one(batch, now, within)
        return plan

    def _publish_one_by_one(self, batch: DueBatch, now: float, within: Any) -> Plan:
        """One of them cannot be published, now or ever, and must not hold up the others. All are planned anew, as some
        may be published already: of two publications of a run, which their tokens tell apart, one is run."""
        whole, closed = Plan(), dict[str, Exception]()
        for schedule, plan in self._planner.plans(batch, now):
            try:
                if plan.fires and schedule.queue in closed:
                    raise closed[schedule.queue]
                self._publisher.publish([fire.message for fire in plan.fires], within=within)
            except Exception as error:
                if _concerns_all(error):
                    raise
                if isinstance(error, QueueUnavailable):
                    closed[schedule.queue] = error
                whole.extend(put_off(schedule, now, error))
            else:
                whole.extend(plan)
        return whole

    def start(self) -> None:
        """Keep the times in a thread of this process."""
        if not self.alive:
            self._stopping.clear()
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self.run, name="pscheduler-timekeeper", daemon=True)
            self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive() and self._pid == os.getpid()

    def stop(self, timeout: float | None = None) -> None:
        """Stop after the batch in hand; safe to call twice, and from a signal handler without ``timeout``."""
        self._stopping.set()
        self._schedules.wake()
        if timeout is not None and self.alive and self._thread is not None:
            self._thread.join(timeout)


def _concerns_all(error: Exception) -> bool:
    """Whether nothing can be published now; or else only this message, or nothing to its queue."""
    return isinstance(error, ConnectionError) and not isinstance(error, QueueUnavailable)
