"""Which events a run's listeners are told, and in what order: created, outcomes, canceled, removed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from ..core import message as wire
from ..core.event import Event, EventType
from ..core.interfaces import Emit
from ..core.run import Outcome, Run, RunState
from ..core.schedule import Addition, Schedule
from .moment import epoch_of

_TYPES = {
    RunState.SUCCEEDED: EventType.JOB_EXECUTED,
    RunState.FAILED: EventType.JOB_FAILED,
    RunState.RETRIED: EventType.JOB_FAILED,
    RunState.MISSED: EventType.JOB_MISSED,
    RunState.EXPIRED: EventType.JOB_MISSED,
    RunState.PARKED: EventType.JOB_FAILED,
}


class Teller:
    """Tells of async and date jobs their whole story, and of recurring jobs their runs: whoever stored those tells
    that they were created, and the timekeeper that they are gone."""

    def __init__(self, emit: Emit, want: Callable[[EventType], bool]) -> None:
        self._emit = emit
        self._want = want

    def created(self, run: Run) -> None:
        """On the first attempt of a job that no timekeeper has kept."""
        headers = run.headers
        if wire.DUE not in headers and wire.JOB not in headers and not headers.get("retries"):
            self._say(EventType.JOB_CREATED, run)

    def ended(self, run: Run, outcome: Outcome) -> None:
        type_ = _TYPES.get(outcome.state)
        if type_ is not None:
            self._say(type_, run, outcome)
        if wire.JOB in run.headers or outcome.state in (RunState.RETRIED, RunState.RETURNED) or outcome.later:
            return
        if outcome.state is RunState.CANCELED:
            self._say(EventType.JOB_CANCELED, run)
        self._say(EventType.JOB_REMOVED, run)

    def _say(self, type_: EventType, run: Run, outcome: Outcome | None = None) -> None:
        if self._want(type_):
            self._emit(_event(type_, run, outcome))

    def parked(self, run: Run, outcome: Outcome) -> None:
        """A refused message: its job failed, and stays until somebody decides."""
        self.created(run)
        self._say(EventType.JOB_FAILED, run, outcome)

    def stored(self, schedule: Schedule, addition: Addition) -> None:
        """A job that was kept for later; a retry of a running job is no new one."""
        if schedule.message.headers.get("retries") or addition not in (Addition.CREATED, Addition.CANCELED):
            return
        types = [EventType.JOB_CREATED]
        if addition is Addition.CANCELED:
            types += [EventType.JOB_CANCELED, EventType.JOB_REMOVED]
        for type_ in types:
            self._emit(
                Event(type_, job_id=schedule.id, kind=str(schedule.kind), queue=schedule.queue, func=schedule.task)
            )


def _event(type_: EventType, run: Run, outcome: Outcome | None = None) -> Event:
    due = run.headers.get(wire.DUE)
    return Event(
        type_,
        job_id=run.job_id,
        kind=run.headers.get(wire.KIND) or "async",
        queue=run.queue,
        func=run.task,
        run_id=run.id if outcome is not None else "",
        scheduled_at=datetime.fromtimestamp(epoch_of(due), UTC) if due else None,
        started_at=None if outcome is None else datetime.fromtimestamp(run.started_at, UTC),
        finished_at=None if outcome is None else datetime.now(UTC),
        result=None if outcome is None else outcome.result,
        error="" if outcome is None else outcome.error,
        exception=None if outcome is None else outcome.exception,
        traceback="" if outcome is None else outcome.traceback,
    )
