"""Values to rows and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..core.kind import JobKind
from ..core.message import Message
from ..core.run import Parked, Record, RunState
from ..core.schedule import Schedule, ScheduleState
from ..core.typed_json import read_typed, write_typed
from .text import key, plain

Row = Mapping[str, Any]


def dump_message(message: Message) -> str:
    return plain(write_typed(message.to_json()))


def load_message(text: str) -> Message:
    return Message.from_json(read_typed(text))


def schedule_row(schedule: Schedule) -> dict[str, Any]:
    return {
        "id": key(schedule.id),
        "kind": str(schedule.kind),
        "queue": key(schedule.queue),
        "task": plain(schedule.task, 255),
        "name": plain(schedule.name, 255),
        "trigger": json.dumps(dict(schedule.trigger), sort_keys=True),
        "message": dump_message(schedule.message),
        "state": str(schedule.state),
        "next_fire_at": schedule.next_fire_at,
        "due_at": schedule.due_at,
        "last_fire_at": schedule.last_fire_at,
        "created_at": schedule.created_at,
        "grace_seconds": schedule.misfire_grace_seconds,
        "coalesce": schedule.coalesce,
        "max_instances": schedule.max_instances,
        "declared": schedule.declared,
    }


def schedule_of(row: Any) -> Schedule:
    return Schedule(
        id=row.id,
        kind=JobKind(row.kind),
        queue=row.queue,
        task=row.task,
        trigger=json.loads(row.trigger),
        message=load_message(row.message),
        next_fire_at=row.next_fire_at,
        due_at=row.due_at,
        state=ScheduleState(row.state),
        name=row.name,
        misfire_grace_seconds=row.grace_seconds,
        coalesce=bool(row.coalesce),
        max_instances=row.max_instances,
        declared=bool(row.declared),
        created_at=row.created_at,
        last_fire_at=row.last_fire_at,
    )


def record_row(record: Record) -> dict[str, Any]:
    return {
        "run_id": key(record.run_id),
        "retries": record.retries,
        "job_id": key(record.job_id),
        "kind": record.kind,
        "queue": key(record.queue),
        "task": plain(record.task, 255),
        "state": record.state,
        "worker": key(record.worker),
        "started_at": record.started_at,
        "runtime_seconds": record.runtime_seconds,
        "due_at": record.due_at,
        "error": plain(record.error, 2000),
    }


def record_of(row: Any) -> Record:
    return Record(
        run_id=row.run_id,
        job_id=row.job_id,
        kind=row.kind,
        queue=row.queue,
        task=row.task,
        state=row.state,
        worker=row.worker,
        started_at=row.started_at,
        runtime_seconds=row.runtime_seconds,
        retries=row.retries,
        error=row.error,
        due_at=row.due_at,
    )


def parked_row(parked: Parked) -> dict[str, Any]:
    return {
        "id": key(parked.id),
        "queue": key(parked.message.queue),
        "state": str(parked.state),
        "reason": plain(parked.reason, 4000),
        "traceback": plain(parked.traceback, 20000),
        "message": dump_message(parked.message),
        "parked_at": parked.parked_at,
    }


def parked_of(row: Any) -> Parked:
    return Parked(
        id=row.id,
        message=load_message(row.message),
        state=RunState(row.state),
        reason=row.reason,
        traceback=row.traceback,
        parked_at=row.parked_at,
    )
