"""What a worker does with the reserved tasks: timed jobs to keep, and the notes of ``pscheduler --message``."""

from __future__ import annotations

import logging

from .core.errors import UnreadableMessage, UntrustedMessage
from .core.event import Event, EventType
from .core.interfaces import Emit, Ledger
from .core.run import Outcome, Run, RunState
from .core.schedule import Schedule
from .core.task import TaskRegistry
from .schedule import triggers
from .views import view_of_schedule

log = logging.getLogger(__name__)

PRINT_JOBS = "print-jobs"


class Registrar:
    """Reads what arrives under the reserved names; the worker stores what it returns."""

    def __init__(self, *, ledger: Ledger, tasks: TaskRegistry, emit: Emit) -> None:
        self._ledger = ledger
        self._tasks = tasks
        self._emit = emit

    def store(self, run: Run) -> Outcome:
        """The recurring job that ``run`` carries, to be stored.

        Raises UnreadableMessage where there is none in it, and UntrustedMessage where its runs could never be
        accepted: better parked once now than at every tick.
        """
        schedule = self._read(run)
        if not run.trusted and not self._tasks.allows(schedule.task) and not self._tasks.name_for(schedule.task):
            raise UntrustedMessage(f"an unsigned message may not schedule {schedule.task}; set scheduler.secret")
        return Outcome(RunState.IGNORED, later=(schedule,))

    def note(self, run: Run) -> Outcome:
        """``print-jobs`` logs the stored jobs; any other text becomes a MESSAGE event."""
        text = str(run.args[0]) if run.args else ""
        if text == PRINT_JOBS:
            self._print_jobs()
        else:
            self._emit(Event(EventType.MESSAGE, queue=run.queue, message=text))
        return Outcome(RunState.IGNORED)

    def _read(self, run: Run) -> Schedule:
        try:
            schedule = Schedule.from_json(run.args[0])
            triggers.load(schedule.trigger)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise UnreadableMessage(f"the message carries no schedule that can be read: {error!r}") from error
        return schedule

    def _print_jobs(self) -> None:
        schedules = self._ledger.schedules
        log.info("%d stored jobs", sum(schedules.count().values()))
        for view in map(view_of_schedule, schedules.each()):
            log.info("job %s: %s, %s, queue %s, %s", view.id, view.func, view.trigger, view.queue, view.state)
