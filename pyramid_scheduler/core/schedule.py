"""Schedules: jobs with a time, as they are stored. The message inside stays sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self
from uuid import NAMESPACE_OID, uuid5

from . import message as wire
from .kind import JobKind
from .message import Message


class ScheduleState(StrEnum):
    """The life of a stored schedule: active ⇄ paused, then canceled or ended, then its row is gone."""

    ACTIVE = "active"  #: fires at ``next_fire_at``
    PAUSED = "paused"  #: fires nothing until resumed
    CANCELED = "canceled"  #: cancelled; removed once its open runs are settled
    ENDED = "ended"  #: no further fire; removed once its open runs are settled


@dataclass(frozen=True)
class Schedule:
    """One stored job. ``trigger`` is plain JSON, read by the schedule wing alone; times are epoch seconds.

    ``trigger`` has a ``type`` (date, interval, cron, crontab) and that type's fields, ``start``, ``end`` (ISO),
    ``timezone`` (IANA name) and ``jitter`` (seconds). ``declared`` marks a job that belongs to configuration.
    ``due_at`` is what the trigger says, ``next_fire_at`` when to act on it: the same, but for jitter.
    """

    id: str
    kind: JobKind
    queue: str
    task: str
    trigger: Mapping[str, Any]
    message: Message
    next_fire_at: float | None = None
    due_at: float | None = None
    state: ScheduleState = ScheduleState.ACTIVE
    name: str = ""
    misfire_grace_seconds: float | None = None
    coalesce: bool = True
    max_instances: int | None = None
    declared: bool = False
    replace_existing: bool = False
    created_at: float = 0.0
    last_fire_at: float | None = None

    def run_id(self, moment: str) -> str:
        """Of the run at ``moment`` (ISO), whoever fires it: so that a repeat after a crash is recognised."""
        said = f"{self.id}@{moment}"
        return str(uuid5(NAMESPACE_OID, said)) if self.message.headers.get(wire.RUNS) == "uuid" else said

    @classmethod
    def once(cls, message: Message, at: float, now: float, *, grace: float | None = None) -> Self:
        """A message that is to be published once, at ``at``: a date job, or a retry. Raises as ``from_json``."""
        headers = message.headers
        schedule = cls(
            id=message.id,
            kind=JobKind(headers.get(wire.KIND) or "async"),
            queue=message.queue,
            task=message.task,
            trigger={"type": "date", "at": datetime.fromtimestamp(at, UTC).isoformat()},
            message=message,
            next_fire_at=at,
            due_at=at,
            name=str(headers.get(wire.NAME) or ""),
            misfire_grace_seconds=grace,
            replace_existing=bool(headers.get(wire.REPLACE)),
            created_at=float(headers.get(wire.CREATED) or now),
        )
        _check(schedule)
        return schedule

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, for the wire."""
        data = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**data, "trigger": dict(self.trigger), "message": self.message.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of ``to_json``; raises TypeError, ValueError or KeyError for anything else."""
        known = {f.name for f in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        values["kind"], values["state"] = JobKind(data["kind"]), ScheduleState(data.get("state", "active"))
        schedule = cls(**{**values, "message": Message.from_json(data["message"])})
        _check(schedule)
        return schedule


def _check(schedule: Schedule) -> None:
    """What a timekeeper cannot compare or publish would hold up all timed jobs, at every tick."""
    message = schedule.message
    texts = schedule.id, schedule.queue, schedule.task, schedule.name, message.queue, message.content_type
    times = schedule.next_fire_at, schedule.due_at, schedule.created_at, schedule.last_fire_at, message.expires_at
    numbers = *times, schedule.misfire_grace_seconds, schedule.max_instances
    for values, types in (
        ((*texts, message.content_encoding), str),
        ([number for number in numbers if number is not None], int | float),
        ((message.headers, message.properties), Mapping),
        ([message.priority], int),
    ):
        strange = [value for value in values if not isinstance(value, types)]
        if strange:
            raise TypeError(f"{strange[0]!r} is of another type")
    if message.content_type == "application/json" and "compression" not in message.headers:
        message.body.decode()


class Addition(StrEnum):
    """What became of a schedule that was to be stored."""

    CREATED = "created"
    REPLACED = "replaced"
    EXISTS = "exists"  #: the id is taken and ``replace_existing`` was not asked for
    CANCELED = "canceled"  #: it was cancelled before it arrived


@dataclass(frozen=True)
class Fire:
    """One occurrence of a schedule, about to be published."""

    run_id: str
    schedule_id: str
    due_at: float
    message: Message
    token: str = ""


@dataclass(frozen=True)
class Advance:
    """What to write on a schedule's row: when to look at it next (``None`` ends it), and its state if that changes."""

    schedule_id: str
    next_fire_at: float | None
    due_at: float | None = None
    last_fire_at: float | None = None
    state: ScheduleState | None = None


@dataclass(frozen=True)
class JobView:
    """What ``get_job`` returns: a stored or finished job, for people and programs."""

    id: str
    name: str
    kind: str
    queue: str
    func: str
    state: str
    trigger: str = ""
    next_run_time: float | None = None  # epoch seconds
    last_run_time: float | None = None
    declared: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)
