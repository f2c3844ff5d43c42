"""When not the task's code raised, but what is around it."""

from __future__ import annotations

from typing import Any
from warnings import warn

from .. import signals
from ..utils.einfo import ExceptionInfo
from ..utils.serialization import get_pickleable_etype, get_pickleable_exception


def signal_internal_error(task: Any, uuid: str, args: Any, kwargs: Any, request: Any, error: BaseException) -> None:
    einfo = ExceptionInfo()
    einfo.exception = get_pickleable_exception(einfo.exception)
    einfo.type = get_pickleable_etype(einfo.type)
    signals.task_internal_error.send(
        sender=task,
        task_id=uuid,
        args=args,
        kwargs=kwargs,
        request=request,
        exception=error,
        traceback=error.__traceback__,
        einfo=einfo,
    )


def report_internal_error(task: Any, error: BaseException) -> ExceptionInfo:
    """Warn that something outside of the task's own code raised."""
    value = task.backend.prepare_exception(error, "pickle")
    einfo = ExceptionInfo((type(error), value, error.__traceback__), internal=True)
    warn(RuntimeWarning(f"Exception raised outside body: {error!r}:\n{einfo.traceback}"), stacklevel=2)
    return einfo
