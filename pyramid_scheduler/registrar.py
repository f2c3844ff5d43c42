"""Keeps the timed jobs that arrive as messages, and reads the notes of ``pscheduler --message``."""

from __future__ import annotations

import logging

from .core.clock import Clock
from .core.errors import UnreadableMessage, UntrustedMessage
from .core.event import Event, EventType
from .core.interfaces import Emit, Ledger
from .core.run import Outcome, Run, RunState
from .core.schedule import Addition, Schedule
from .core.task import TaskRegistry
from .schedule import triggers
from .views import view_of_schedule

log = logging.getLogger(__name__)

PRINT_JOBS = "print-jobs"
DONE = Outcome(RunState.IGNORED)


class Registrar:
    """What a worker does with the two reserved tasks."""

    def __init__(self, *, ledger: Ledger, tasks: TaskRegistry, emit: Emit, clock: Clock) -> None:
        self._ledger = ledger
        self._tasks = tasks
        self._emit = emit
        self._clock = clock

    def store(self, run: Run) -> Outcome:
        """Store the recurring job that ``run`` carries; a job cancelled on its way is created and removed at once.

        Raises UnreadableMessage where there is no schedule in it, and UntrustedMessage or UnknownTask where its
        runs could never be accepted: better parked once now than at every tick.
        """
        schedule = self._read(run)
        if not run.trusted and not self._tasks.allows(schedule.task) and not self._tasks.name_for(schedule.task):
            raise UntrustedMessage(f"an unsigned message may not schedule {schedule.task}; set scheduler.secret")
        addition = self._ledger.schedules.add([schedule])[0]
        if addition is Addition.EXISTS:
            log.info(
                "job %s is stored already and stays as it is; pass replace_existing=True to change it", schedule.id
            )
        if addition in (Addition.CREATED, Addition.CANCELED):
            self._tell(EventType.JOB_CREATED, schedule)
        if addition is Addition.CANCELED:
            self._tell(EventType.JOB_CANCELED, schedule)
            self._tell(EventType.JOB_REMOVED, schedule)
        return DONE

    def note(self, run: Run) -> Outcome:
        """``print-jobs`` logs the stored jobs; any other text becomes a MESSAGE event."""
        text = str(run.args[0]) if run.args else ""
        if text == PRINT_JOBS:
            self._print_jobs()
        else:
            self._emit(Event(EventType.MESSAGE, queue=run.queue, message=text))
        return DONE

    def _read(self, run: Run) -> Schedule:
        try:
            schedule = Schedule.from_json(run.args[0])
            triggers.load(schedule.trigger)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise UnreadableMessage(f"the message carries no schedule that can be read: {error!r}") from error
        return schedule

    def _tell(self, type_: EventType, schedule: Schedule) -> None:
        self._emit(Event(type_, job_id=schedule.id, kind=str(schedule.kind), queue=schedule.queue, func=schedule.task))

    def _print_jobs(self) -> None:
        views = [view_of_schedule(schedule) for schedule in self._ledger.schedules.find()]
        log.info("%d stored jobs", len(views))
        for view in views:
            log.info("job %s: %s, %s, queue %s, %s", view.id, view.func, view.trigger, view.queue, view.state)
