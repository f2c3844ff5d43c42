"""What is to be done about due schedules: decided here, without doing any of it."""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from ..core import message as wire
from ..core.errors import SchedulerError
from ..core.event import Event, EventType
from ..core.interfaces import DueBatch, Sealer
from ..core.kind import JobKind
from ..core.message import Message
from ..core.run import Record, RunState
from ..core.schedule import Advance, Fire, Schedule, ScheduleState
from . import triggers

log = logging.getLogger(__name__)

#: Runs of one schedule that are made up for at once where ``coalesce`` is off.
MOST_MADE_UP = 1000
#: How soon an ended schedule with open runs is looked at again, and how long that goes on: a run whose message was
#: purged is never settled.
LOOK_AGAIN_SECONDS, GIVE_UP_SECONDS = 0.2, 60.0
#: How soon a schedule that cannot be planned is tried again: by a timekeeper that can read it, or after a mend.
PUT_OFF_SECONDS = 60.0


@dataclass
class Plan:
    """What to publish, write and tell."""

    fires: list[Fire] = field(default_factory=list)
    recurring: list[Fire] = field(default_factory=list)  # those of the fires that leave an open run behind
    advances: list[Advance] = field(default_factory=list)
    removals: list[str] = field(default_factory=list)
    ends: list[Event] = field(default_factory=list)
    missed: list[Event] = field(default_factory=list)
    missed_records: list[Record] = field(default_factory=list)

    def extend(self, other: Plan) -> None:
        """Do what the other says, too."""
        for name in _LISTS:
            getattr(self, name).extend(getattr(other, name))


_LISTS = tuple(one.name for one in fields(Plan))


class Planner:
    """Plans batches; ``joined`` as the timekeeper has it, ``worker`` is the name missed runs are recorded under."""

    def __init__(self, *, sealer: Sealer, joined: bool, worker: str, token: Callable[[], Any] = uuid.uuid4) -> None:
        self._sealer = sealer
        self._joined = joined
        self._worker = worker
        self._token = token
        self._ended_at: dict[str, float] = {}

    def plan(self, batch: DueBatch, now: float) -> Plan:
        """The plan for a batch of due schedules."""
        whole = Plan()
        for _, plan in self.plans(batch, now):
            whole.extend(plan)
        return whole

    def plans(self, batch: DueBatch, now: float) -> Iterator[tuple[Schedule, Plan]]:
        """The same for each of its schedules."""
        counted = [s.id for s in batch.schedules if s.state is not ScheduleState.ACTIVE or s.max_instances]
        open_runs = batch.open_runs(counted) if counted else {}
        for schedule in batch.schedules:
            yield schedule, self._plan_one(schedule, open_runs.get(schedule.id, 0), now)

    def _plan_one(self, schedule: Schedule, open_runs: int, now: float) -> Plan:
        """All that is to be done about one schedule; or, where anything is wrong with it, nothing but to try later: the
        others of its batch must not wait for it."""
        plan = Plan()
        try:
            self._decide(plan, schedule, open_runs, now)
        except Exception as error:
            return put_off(schedule, now, error)
        return plan

    def _decide(self, plan: Plan, schedule: Schedule, open_runs: int, now: float) -> None:
        if _is_single(schedule) and schedule.state is ScheduleState.CANCELED:
            self._refuse(plan, schedule, now)
        elif schedule.state is not ScheduleState.ACTIVE:
            self._end(plan, schedule, open_runs, now)
        elif _is_single(schedule):
            self._fire_once(plan, schedule, now)
        else:
            self._fire_recurring(plan, schedule, open_runs, now)

    def _end(self, plan: Plan, schedule: Schedule, open_runs: int, now: float) -> None:
        since = self._ended_at.setdefault(schedule.id, now)
        if open_runs and now - since < GIVE_UP_SECONDS:
            again = Advance(schedule.id, now + LOOK_AGAIN_SECONDS, None, schedule.last_fire_at, schedule.state)
            plan.advances.append(again)
            return
        del self._ended_at[schedule.id]
        if schedule.state is ScheduleState.CANCELED:
            plan.ends.append(_event(EventType.JOB_CANCELED, schedule))
        plan.ends.append(_event(EventType.JOB_REMOVED, schedule))
        plan.removals.append(schedule.id)

    def _refuse(self, plan: Plan, schedule: Schedule, now: float) -> None:
        """A worker, which knows the task, is to refuse the run and tell of it. Its message says so itself: workers hear
        of cancels a moment later."""
        more = {wire.FINAL: True, wire.CANCELED: True}
        plan.removals.append(schedule.id)
        plan.fires.append(self._fire(schedule, schedule.message.id, schedule.due_at or now, more))

    def _fire_once(self, plan: Plan, schedule: Schedule, now: float) -> None:
        due = schedule.due_at if schedule.due_at is not None else now
        plan.removals.append(schedule.id)
        if _too_late(schedule, due, now):
            self._miss(plan, schedule, due, now, "later than its misfire_grace_time allows")
            plan.missed.append(_event(EventType.JOB_REMOVED, schedule))
            return
        plan.fires.append(self._fire(schedule, schedule.message.id, due, {wire.FINAL: True}))

    def _fire_recurring(self, plan: Plan, schedule: Schedule, open_runs: int, now: float) -> None:
        due = schedule.due_at if schedule.due_at is not None else now
        dues, following = triggers.fires_until(schedule.trigger, due, now, MOST_MADE_UP)
        dues = dues or [due]
        last = dues[-1]
        for moment in dues[-1:] if schedule.coalesce else dues:
            if _too_late(schedule, moment, now):
                self._miss(plan, schedule, moment, now, "later than its misfire_grace_time allows")
            elif schedule.max_instances is not None and open_runs >= schedule.max_instances:
                self._miss(plan, schedule, moment, now, f"{open_runs} runs are open (max_instances)")
            else:
                open_runs += 1
                fire = self._fire(schedule, schedule.run_id(_iso(moment)), moment, {wire.JOB: schedule.id})
                plan.fires.append(fire)
                plan.recurring.append(fire)
        plan.advances.append(Advance(schedule.id, first_look(schedule, following), following, last))

    def _fire(self, schedule: Schedule, run_id: str, due: float, more: dict[str, Any]) -> Fire:
        headers: dict[str, Any] = {"id": run_id, wire.KIND: str(schedule.kind), wire.DUE: _iso(due), **more}
        token = "" if self._joined else str(self._token())
        if token:
            headers[wire.TOKEN] = token
        if schedule.misfire_grace_seconds is not None:
            headers[wire.GRACE] = schedule.misfire_grace_seconds + _jitter(schedule, due)
        message: Message = self._sealer.reseal(schedule.message, **headers)
        return Fire(run_id, schedule.id, due, message, token)

    def _miss(self, plan: Plan, schedule: Schedule, due: float, now: float, reason: str) -> None:
        run_id = schedule.run_id(_iso(due))
        plan.missed.append(_event(EventType.JOB_MISSED, schedule, run_id, due, reason))
        plan.missed_records.append(
            Record(
                run_id=run_id,
                job_id=schedule.id,
                kind=str(schedule.kind),
                queue=schedule.queue,
                task=schedule.task,
                state=str(RunState.MISSED),
                worker=self._worker,
                started_at=now,
                runtime_seconds=0.0,
                error=reason,
                due_at=due,
            )
        )


def put_off(schedule: Schedule, now: float, error: Exception) -> Plan:
    """What is done about a schedule that cannot be fired."""
    unforeseen = not isinstance(error, SchedulerError)
    log.error("job %s cannot be fired now; trying again: %s", schedule.id, error, exc_info=unforeseen)
    return Plan(advances=[Advance(schedule.id, now + PUT_OFF_SECONDS, schedule.due_at, schedule.last_fire_at)])


def _is_single(schedule: Schedule) -> bool:
    return schedule.kind in (JobKind.ASYNC, JobKind.DATE) or schedule.trigger.get("type") == "date"


def _too_late(schedule: Schedule, due: float, now: float) -> bool:
    grace = schedule.misfire_grace_seconds
    return grace is not None and now - due - _jitter(schedule, due) > grace


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def first_look(schedule: Schedule, due: float | None) -> float | None:
    """When to act on a due time: then, but for jitter."""
    return None if due is None else due + _jitter(schedule, due)


def _jitter(schedule: Schedule, due: float) -> float:
    """Up to ``jitter`` seconds, drawn from the schedule and its due time: all timekeepers agree on it."""
    most = schedule.trigger.get("jitter")
    return random.Random(f"{schedule.id}@{due}").uniform(0.0, float(most)) if most else 0.0


def _event(type_: EventType, schedule: Schedule, run_id: str = "", due: float | None = None, error: str = "") -> Event:
    return Event(
        type_,
        job_id=schedule.id,
        kind=str(schedule.kind),
        queue=schedule.queue,
        func=schedule.task,
        run_id=run_id,
        scheduled_at=None if due is None else datetime.fromtimestamp(due, UTC),
        error=error,
    )
