"""One run of a job: a message opened, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from . import message as wire
from .kind import JobKind
from .message import Delivery, Message
from .schedule import Schedule

#: (hard, soft) time limits in seconds, in the order of the wire's ``timelimit``.
TimeLimits = tuple[float | None, float | None]
NO_LIMITS: TimeLimits = (None, None)


@dataclass(slots=True)
class Run:
    """An opened message: who to call with what. Not frozen: made once per job, on the hot path."""

    id: str
    task: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    headers: Mapping[str, Any]
    delivery: Delivery
    embed: Mapping[str, Any] = field(default_factory=dict)  # Celery's callbacks, errbacks, chain, chord
    trusted: bool = False  # signed by a key we hold, or from a broker that is local by nature
    started_at: float = 0.0  # epoch seconds, when its worker took it up

    @property
    def job_id(self) -> str:
        return str(self.headers.get(wire.JOB) or self.id)

    @property
    def kind(self) -> JobKind:
        return JobKind(self.headers.get(wire.KIND) or "async")

    @property
    def queue(self) -> str:
        return self.delivery.queue

    @property
    def retries(self) -> int:
        return int(self.headers.get("retries") or 0)

    @property
    def created_at(self) -> float:
        """When its message was made."""
        return wire.created_at(self.headers)

    @property
    def limits(self) -> TimeLimits:
        """Those that its message says."""
        hard, soft = self.headers.get("timelimit") or NO_LIMITS
        return hard, soft


class RunState(StrEnum):
    """Where a run can end. Every accepted run ends in exactly one of these."""

    SUCCEEDED = "succeeded"  #: the function returned
    FAILED = "failed"  #: it raised, and no retry was left; the message is kept with the failures
    RETRIED = "retried"  #: it raised; another run of the same job follows
    MISSED = "missed"  #: it was later than its misfire_grace_time allows
    EXPIRED = "expired"  #: it was taken after its ``expires``
    CANCELED = "canceled"  #: it was cancelled before it started
    PARKED = "parked"  #: it cannot be read, trusted or found; the message is kept
    IGNORED = "ignored"  #: the job asked that nothing be recorded
    RETURNED = "returned"  #: the message went back to its queue


#: The states after which a message must not run again.
TERMINAL = frozenset(set(RunState) - {RunState.RETURNED, RunState.RETRIED})


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    ``follow_ups`` are published, and ``later`` are stored until their time, before the run is acked; both in the
    same ledger transaction as the record where broker and ledger allow it. ``error`` is one line for people.
    """

    state: RunState
    result: Any = None
    exception: BaseException | None = None
    error: str = ""
    traceback: str = ""
    follow_ups: tuple[Message, ...] = ()
    later: tuple[Schedule, ...] = ()

    @property
    def owes_nothing(self) -> bool:
        """Whether nothing but its record is left to be written: no message is to be published, kept or given back."""
        kept = self.state in (RunState.FAILED, RunState.PARKED, RunState.RETURNED)
        return not kept and not self.follow_ups and not self.later


#: Of most runs; made once, as it takes a microsecond.
SUCCEEDED = Outcome(RunState.SUCCEEDED)


@dataclass(slots=True)
class Record:
    """An outcome as history keeps it: one row per run."""

    run_id: str
    job_id: str
    kind: str
    queue: str
    task: str
    state: str
    worker: str
    started_at: float  # epoch seconds
    runtime_seconds: float
    retries: int = 0
    error: str = ""
    due_at: float | None = None


@dataclass(frozen=True)
class Parked:
    """A message that is kept and shown because it could not run, or failed."""

    id: str
    message: Message
    state: RunState  # FAILED or PARKED
    reason: str
    traceback: str = ""
    parked_at: float = 0.0


@dataclass(frozen=True)
class LiveWorker:
    """A process that runs jobs, or keeps their times (then it serves no queue)."""

    name: str
    queues: tuple[str, ...]
    role: str = "worker"
    since: float = 0.0
