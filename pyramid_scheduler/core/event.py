"""What listeners are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag
from typing import Any


class EventType(IntFlag):
    """The kinds of events; a listener subscribes to any union of them."""

    MESSAGE = 1  #: a text sent by ``pscheduler --message``
    JOB_CREATED = 2  #: the job was accepted by a worker or timekeeper
    JOB_EXECUTED = 4  #: a run returned
    JOB_FAILED = 8  #: a run raised
    JOB_MISSED = 16  #: a run was skipped: too late, expired, or too many running
    JOB_CANCELED = 32  #: the job was cancelled
    JOB_REMOVED = 64  #: nothing more will come of the job
    ALL = 127


@dataclass(frozen=True)
class Event:
    """One thing that happened to a job. Per job: created, its runs' outcomes, canceled if it was, removed."""

    type: EventType
    job_id: str = ""
    kind: str = ""
    queue: str = ""
    func: str = ""
    run_id: str = ""
    scheduled_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: Any = None
    error: str = ""
    exception: BaseException | None = None
    traceback: str = ""
    message: str = ""
