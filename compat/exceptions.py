"""Celery's error types."""

from __future__ import annotations

import numbers
from typing import Any

from kombu.exceptions import OperationalError as OperationalError
from kombu.utils.encoding import safe_repr

from pyramid_scheduler.api import SoftTimeLimitExceeded as SoftTimeLimitExceeded
from pyramid_scheduler.api import TimeLimitExceeded as TimeLimitExceeded
from pyramid_scheduler.api import WorkerLost

from .utils.serialization import get_pickleable_exception


class WorkerLostError(WorkerLost):
    """The process that ran the task died, or the task called for its end."""


class Terminated(Exception):
    """The process was told to end while it ran the task."""


def reraise(tp: Any, value: BaseException, tb: Any = None) -> None:
    """Raise ``value`` with the traceback ``tb``."""
    raise value.with_traceback(tb) if value.__traceback__ is not tb else value


# Warnings


class CeleryWarning(UserWarning):
    """The root of the warnings."""


class AlwaysEagerIgnored(CeleryWarning):
    """``send_task`` sends, also with ``task_always_eager``."""


class DuplicateNodenameWarning(CeleryWarning):
    """Two workers answer to one name."""


class DuplicateTaskNameWarning(CeleryWarning):
    """Two callables want one task name."""


class FixupWarning(CeleryWarning):
    """A fixup has something to say."""


class NotConfigured(CeleryWarning):
    """No configuration module was found."""


class SecurityWarning(CeleryWarning):
    """Something may be unsafe."""


class CPendingDeprecationWarning(PendingDeprecationWarning):
    """Will be deprecated."""


class CDeprecationWarning(DeprecationWarning):
    """Is deprecated."""


# Errors


class CeleryError(Exception):
    """The root of the errors."""


class ImproperlyConfigured(CeleryError):
    """A setting cannot be right."""


class SecurityError(CeleryError):
    """A rule of security was broken."""


class TaskPredicate(CeleryError):
    """Not errors: what a task raises to say how it wants to end."""


class Ignore(TaskPredicate):
    """Leave the task's state as it is."""


class Reject(TaskPredicate):
    """Reject the message; with ``requeue`` it goes back to its queue."""

    def __init__(self, reason: Any = None, requeue: bool = False) -> None:
        self.reason = reason
        self.requeue = requeue
        super().__init__(reason, requeue)

    def __repr__(self) -> str:
        return f"reject requeue={self.requeue}: {self.reason}"


class Retry(TaskPredicate):
    """The task runs again later. ``when`` is seconds, or a date; ``sig`` is what will run."""

    message: Any = None
    exc: BaseException | None = None
    excs: str | None = None
    when: Any = None

    def __init__(
        self,
        message: Any = None,
        exc: Any = None,
        when: Any = None,
        is_eager: bool = False,
        sig: Any = None,
        **kwargs: Any,
    ) -> None:
        self.message = message
        if isinstance(exc, str):
            self.exc, self.excs = None, exc
        else:
            self.exc, self.excs = get_pickleable_exception(exc), safe_repr(exc) if exc else None
        self.when = when
        self.is_eager = is_eager
        self.sig = sig
        super().__init__(self, exc, when, **kwargs)

    def humanize(self) -> str:
        """``in 20s`` or ``at 2026-…``."""
        return f"in {self.when}s" if isinstance(self.when, numbers.Number) else f"at {self.when}"

    def __str__(self) -> str:
        if self.message:
            return str(self.message)
        return f"Retry {self.humanize()}: {self.excs}" if self.excs else f"Retry {self.humanize()}"

    def __reduce__(self) -> Any:
        return type(self), (self.message, self.exc, self.when)


RetryTaskError = Retry


class TaskError(CeleryError):
    """The root of what goes wrong with tasks."""


class QueueNotFound(KeyError, TaskError):
    """The task is routed to a queue that is none of ``task_queues``."""


class IncompleteStream(TaskError):
    """The data ended early."""


class NotRegistered(KeyError, TaskError):
    """No task of that name is registered here."""

    def __repr__(self) -> str:
        return f"Task of kind {self} is not registered: is the module that defines it imported?"


class AlreadyRegistered(TaskError):
    """A task of that name is registered."""


class TimeoutError(TaskError):
    """It took too long."""


class MaxRetriesExceededError(TaskError):
    """No retry is left. ``task_args`` and ``task_kwargs`` are the call's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.task_args = kwargs.pop("task_args", [])
        self.task_kwargs = kwargs.pop("task_kwargs", {})
        super().__init__(*args, **kwargs)


class TaskRevokedError(TaskError):
    """The task was revoked: there is no result."""


class InvalidTaskError(TaskError):
    """The task, or its message, is not well formed."""


class ChordError(TaskError):
    """A task of the chord's header raised."""


class BackendError(Exception):
    """The result backend failed."""


class BackendGetMetaError(BackendError):
    """A result could not be read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.task_id = kwargs.get("task_id", "")

    def __repr__(self) -> str:
        return f"{super().__repr__()} task_id:{self.task_id}"


class BackendStoreError(BackendError):
    """A result could not be written."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.state = kwargs.get("state", "")
        self.task_id = kwargs.get("task_id", "")

    def __repr__(self) -> str:
        return f"{super().__repr__()} state:{self.state} task_id:{self.task_id}"


class WorkerTerminate(SystemExit):
    """The worker ends at once."""


SystemTerminate = WorkerTerminate


class WorkerShutdown(SystemExit):
    """The worker finishes what it runs, then ends."""


class CeleryCommandException(Exception):
    """A command failed; ``exit_code`` is for the shell."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


__all__ = [name for name, value in list(globals().items()) if isinstance(value, type)] + ["reraise"]
