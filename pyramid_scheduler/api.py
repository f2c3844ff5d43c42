"""The public vocabulary: events and errors."""

from .broker.url import kombu_url
from .core.errors import (
    BrokerUnavailable,
    InvalidJob,
    InvalidMessage,
    InvalidQueue,
    InvalidSetting,
    JobNotFound,
    JobTerminated,
    LedgerUnavailable,
    PoisonMessage,
    SchedulerError,
    SchemaMismatch,
    SoftTimeLimitExceeded,
    TimeLimitExceeded,
    UnknownTask,
    UnreadableMessage,
    UntrustedMessage,
    WorkerLost,
)
from .core.event import Event, EventType
from .core.forking import ancestry, leave_fork
from .core.id import new_id
from .core.kind import JobKind
from .core.message import SIGNATURE as SIGNATURE_HEADER
from .core.message import Delivery, Message
from .core.plain_json import PLAIN
from .core.plain_json import write as write_plain_json
from .core.run import SUCCEEDED, Outcome, Parked, Record, Run, RunState
from .core.schedule import JobView, Schedule
from .core.task import Task
from .core.waking import WakePipe

MESSAGE = EventType.MESSAGE
JOB_CREATED = EventType.JOB_CREATED
JOB_EXECUTED = EventType.JOB_EXECUTED
JOB_FAILED = EventType.JOB_FAILED
JOB_MISSED = EventType.JOB_MISSED
JOB_CANCELED = EventType.JOB_CANCELED
JOB_REMOVED = EventType.JOB_REMOVED

__all__ = [  # noqa: RUF022 (grouped by what they are)
    # Events
    "Event",
    "EventType",
    "MESSAGE",
    "JOB_CREATED",
    "JOB_EXECUTED",
    "JOB_FAILED",
    "JOB_MISSED",
    "JOB_CANCELED",
    "JOB_REMOVED",
    # What jobs, runs and tasks are
    "Delivery",
    "JobKind",
    "JobView",
    "Message",
    "Outcome",
    "Parked",
    "Record",
    "Run",
    "RunState",
    "Schedule",
    "Task",
    # For those who make messages, or run tasks, themselves
    "PLAIN",
    "SIGNATURE_HEADER",
    "SUCCEEDED",
    "WakePipe",
    "ancestry",
    "kombu_url",
    "leave_fork",
    "new_id",
    "write_plain_json",
    # Errors
    "BrokerUnavailable",
    "InvalidJob",
    "InvalidMessage",
    "InvalidQueue",
    "InvalidSetting",
    "JobNotFound",
    "JobTerminated",
    "LedgerUnavailable",
    "PoisonMessage",
    "SchedulerError",
    "SchemaMismatch",
    "SoftTimeLimitExceeded",
    "TimeLimitExceeded",
    "UnknownTask",
    "UnreadableMessage",
    "UntrustedMessage",
    "WorkerLost",
]
