"""How a run ended that cannot say so itself: its process is dead, or about to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from .errors import JobTerminated, TimeLimitExceeded, WorkerLost
from .message import Message
from .run import Outcome, Run, RunState


class Cause(StrEnum):
    """Why there is nobody who could say."""

    TIME_LIMIT = "TimeLimitExceeded"  #: it ran longer than its hard limit, and was ended
    LOST = "WorkerLost"  #: its process died
    TERMINATED = "JobTerminated"  #: somebody asked for it


class Begun(NamedTuple):
    """A run that has begun: enough to keep its message. ``wants_word``: its task is to be told how it ended.

    Id, task and retries are those of the run: a message of Celery's protocol 1 has them in its body. ``tag`` is the
    source's handle of the delivery, which its consumer may not have acked yet. ``has_ended``: it did not fail, but what
    came of it is written nowhere. ``is_acking``: its consumer was about to ack it. ``is_acked``: it has. All four are
    known of what a journal held only.
    """

    run_id: str
    task: str
    retries: int
    message: Message
    started_at: float
    wants_word: bool = False
    tag: Any = None
    has_ended: bool = False
    is_acking: bool = False
    is_acked: bool = False

    @classmethod
    def of(cls, run: Run, *, wants_word: bool) -> Begun:
        return cls(run.id, run.task, run.retries, run.delivery.message(), run.started_at, wants_word)


@dataclass(frozen=True)
class Ending:
    """``detail`` is the limit in seconds, the number of the signal that was asked for, or how the process died."""

    begun: Begun
    cause: Cause
    detail: float | int | str
    worker: str
    ended_at: float

    @property
    def reason(self) -> str:
        """One line for people."""
        if self.cause is Cause.TIME_LIMIT:
            return f"{self.cause}: it ran longer than its time_limit of {self.detail:g} s"
        if self.cause is Cause.TERMINATED:
            return f"{self.cause}: it was ended while it ran, as somebody asked for"
        return (
            f"{self.cause}: the process that ran it died ({self.detail}); its task is acked before it runs, so that it"
            " does not run again by itself"
        )

    @property
    def state(self) -> RunState:
        return RunState.CANCELED if self.cause is Cause.TERMINATED else RunState.FAILED


def outcome_of(cause: Cause, detail: float | int | str, reason: str) -> Outcome:
    """What a task is told."""
    if cause is Cause.TERMINATED:
        return Outcome(RunState.CANCELED, exception=JobTerminated(int(detail)), error=reason)
    if cause is Cause.TIME_LIMIT:
        return Outcome(RunState.FAILED, exception=TimeLimitExceeded(detail), error=reason)
    lost = WorkerLost(f"its process died ({detail})", how=str(detail))
    return Outcome(RunState.FAILED, exception=lost, error=reason)
