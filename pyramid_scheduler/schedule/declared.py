"""Jobs that belong to configuration, and the store that must agree with it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..core.event import Event, EventType
from ..core.interfaces import Emit, Schedules
from ..core.schedule import Addition, Schedule

log = logging.getLogger(__name__)


def reconcile(declared: Sequence[Schedule], schedules: Schedules, emit: Emit) -> None:
    """Add what is declared and not stored, change what is stored otherwise, remove what is declared no longer.

    Jobs that were added at run time are left alone, and one whose end has come counts as declared no longer. Several
    processes may do this at once.
    """
    declared = [schedule for schedule in declared if schedule.next_fire_at is not None]
    wanted = {schedule.id for schedule in declared}
    gone = [schedule for schedule in schedules.find(declared=True) if schedule.id not in wanted]
    if gone:
        schedules.remove([schedule.id for schedule in gone])
        for schedule in gone:
            _tell(emit, EventType.JOB_REMOVED, schedule)
    if not declared:
        return
    for schedule, addition in zip(declared, schedules.add(declared), strict=True):
        if addition is Addition.CREATED:
            log.info("job %s is declared by the configuration and now stored", schedule.id)
            _tell(emit, EventType.JOB_CREATED, schedule)


def _tell(emit: Emit, type_: EventType, schedule: Schedule) -> None:
    emit(Event(type_, job_id=schedule.id, kind=str(schedule.kind), queue=schedule.queue, func=schedule.task))
