"""Jobs as people see them."""

from __future__ import annotations

from .core import message as wire
from .core.run import Record
from .core.schedule import JobView, Schedule
from .schedule import triggers


def view_of_schedule(schedule: Schedule) -> JobView:
    """A stored job."""
    return JobView(
        id=schedule.id,
        name=schedule.name or str(schedule.message.headers.get(wire.NAME) or ""),
        kind=str(schedule.kind),
        queue=schedule.queue,
        func=schedule.task,
        state=str(schedule.state),
        trigger=triggers.describe(schedule.trigger),
        next_run_time=schedule.next_fire_at,
        last_run_time=schedule.last_fire_at,
        declared=schedule.declared,
    )


def view_of_record(record: Record) -> JobView:
    """A job that is over: its last run."""
    return JobView(
        id=record.job_id,
        name="",
        kind=record.kind,
        queue=record.queue,
        func=record.task,
        state=record.state,
        last_run_time=record.started_at,
        details={"run_id": record.run_id, "runtime_seconds": record.runtime_seconds, "error": record.error},
    )
