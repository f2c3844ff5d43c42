"""The clock put back, by NTP or by hand: what was fired by the time that was is not to wait until it comes again."""

from __future__ import annotations

import logging

from ..core.clock import Clock
from ..core.interfaces import Schedules
from ..core.schedule import Advance, Schedule
from . import triggers
from .firing import first_look

log = logging.getLogger(__name__)

#: What a clock goes back by of itself is less: NTP slews it.
STEP_SECONDS = 1.0
#: Clocks of several hosts are never quite the same.
SKEW_SECONDS = 60.0
#: Further back than this the time that was is a mistake, as cron has it: before, a fixed time that has been has been.
CORRECTION_SECONDS = 3 * 3600.0
BATCH = 1000


class Setbacks:
    """One timekeeper's watch on its clock. All that share the clock may act on the same setback, to the same end.

    ``alone``: no other host fires jobs of this ledger, so that a run of the future says that this clock was put back
    while nobody looked. Where others do, it may as well be theirs that is ahead.
    """

    def __init__(self, schedules: Schedules, clock: Clock, *, alone: bool) -> None:
        self._schedules = schedules
        self._clock = clock
        self._alone = alone
        self._offset: float | None = None

    def turn(self) -> None:
        """Look at the clock; may raise LedgerUnavailable, and is to be called again then."""
        before, shown, after = self._clock.monotonic(), self._clock.time(), self._clock.monotonic()
        if after - before > STEP_SECONDS / 2:  # this process stood still in between
            return
        offset = shown - before
        if self._offset is None:
            self._begin()
        elif (seconds := self._offset - offset) >= STEP_SECONDS:
            log.warning("the clock was put back by %.0f s: jobs that recur go by the time that is now", seconds)
            self._set_back()
        self._offset = offset

    def _begin(self) -> None:
        ahead = self._schedules.seconds_ahead(self._clock.time())
        if ahead <= SKEW_SECONDS:
            return
        if self._alone:
            log.warning("the clock was put back, or jobs have run %.0f s ahead: they go by the time that is now", ahead)
            self._set_back()
            return
        log.warning(
            "jobs have run %.0f s ahead of this host's clock: the clocks of all hosts must be in step. If this one was"
            " put back, pscheduler pause and resume let a job go by the time that is now",
            ahead,
        )

    def _set_back(self) -> None:
        now, last = self._clock.time(), ""
        self._schedules.hasten(now)
        while True:
            with self._schedules.ahead(now, last, BATCH) as batch:
                advances = [new for schedule in batch.schedules if (new := self._again(schedule, now)) is not None]
                batch.forget_runs([advance.schedule_id for advance in advances], now)
                batch.write(advances, (), ())
            if len(batch.schedules) < BATCH:
                return
            last = batch.schedules[-1].id

    def _again(self, schedule: Schedule, now: float) -> Advance | None:
        """Where it is to fire sooner than its row says."""
        due = schedule.due_at
        try:
            sooner = None if due is None else _sooner(schedule, due, now)
        except Exception as error:  # it could not be fired either
            log.warning("job %s waits for the time at which it was due: %s", schedule.id, error)
            return None
        if sooner is None:
            return None
        return Advance(schedule.id, first_look(schedule, sooner), sooner, schedule.last_fire_at)


def _sooner(schedule: Schedule, due: float, now: float) -> float | None:
    trigger, found, since = schedule.trigger, due, schedule.last_fire_at or schedule.created_at
    if trigger.get("type") == "interval":
        found = triggers.in_step(trigger, due, now)
    elif triggers.follows_elapsed_time(trigger) or since - now > CORRECTION_SECONDS:
        found = triggers.next_fire(trigger, None, now) or due
    return found if found < due else None
