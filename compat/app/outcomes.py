"""What is recorded, told and logged when a run does not return."""

from __future__ import annotations

import logging
import sys
from collections import namedtuple
from typing import Any

from kombu.utils.encoding import safe_repr, safe_str

from .. import signals
from ..exceptions import Ignore, Reject
from ..states import FAILURE, RETRY
from ..utils.einfo import ExceptionInfo
from ..utils.log import get_logger
from ..utils.serialization import get_pickleable_etype, get_pickleable_exception
from .request import get_actual_ignore_result

logger = get_logger("celery.app.trace")

LOG_RECEIVED = "Task %(name)s[%(id)s] received"
LOG_SUCCESS = "Task %(name)s[%(id)s] succeeded in %(runtime)ss: %(return_value)s"
LOG_FAILURE = "Task %(name)s[%(id)s] %(description)s: %(exc)s"
LOG_INTERNAL_ERROR = "Task %(name)s[%(id)s] %(description)s: %(exc)s"
LOG_IGNORED = "Task %(name)s[%(id)s] %(description)s"
LOG_REJECTED = "Task %(name)s[%(id)s] %(exc)s"
LOG_RETRY = "Task %(name)s[%(id)s] retry: %(exc)s"

log_policy_t = namedtuple("log_policy_t", ("format", "description", "severity", "traceback", "mail"))
log_policy_reject = log_policy_t(LOG_REJECTED, "rejected", logging.WARN, 1, 1)
log_policy_ignore = log_policy_t(LOG_IGNORED, "ignored", logging.INFO, 0, 0)
log_policy_internal = log_policy_t(LOG_INTERNAL_ERROR, "INTERNAL ERROR", logging.CRITICAL, 1, 1)
log_policy_expected = log_policy_t(LOG_FAILURE, "raised expected", logging.INFO, 0, 0)
log_policy_unexpected = log_policy_t(LOG_FAILURE, "raised unexpected", logging.ERROR, 1, 1)


def get_log_policy(task: Any, einfo: Any, exc: Any) -> Any:
    """How such an end is logged."""
    if isinstance(exc, Reject):
        return log_policy_reject
    if isinstance(exc, Ignore):
        return log_policy_ignore
    if einfo.internal:
        return log_policy_internal
    return log_policy_expected if task.throws and isinstance(exc, task.throws) else log_policy_unexpected


def get_task_name(request: Any, default: str) -> str:
    """The name for people: the shadow name, where there is one."""
    return getattr(request, "shadow", None) or default


class TraceInfo:
    """A state that is no success, and the exception that led to it."""

    __slots__ = ("retval", "state")

    def __init__(self, state: str, retval: Any = None) -> None:
        self.state = state
        self.retval = retval

    def handle_error_state(self, task: Any, req: Any, eager: bool = False, call_errbacks: bool = True) -> Any:
        """Record a retry or a failure; returns what is known about it."""
        if get_actual_ignore_result(task, req):
            store_errors = task.store_errors_even_if_ignored
        else:
            store_errors = not eager or bool(task.store_eager_result)
        handlers: dict[str, Any] = {RETRY: self.handle_retry, FAILURE: self.handle_failure}
        return handlers[self.state](task, req, store_errors=store_errors, call_errbacks=call_errbacks)

    def handle_reject(self, task: Any, req: Any, **kwargs: Any) -> None:
        self._log_error(task, req, ExceptionInfo())

    handle_ignore = handle_reject

    def handle_retry(self, task: Any, req: Any, store_errors: bool = True, **kwargs: Any) -> ExceptionInfo:
        from . import trace  # where an application puts a text of its own, as Celery's guide says

        retry = self.retval
        kind, _, frames = sys.exc_info()
        einfo = ExceptionInfo((kind, retry, frames))
        if store_errors:
            task.backend.mark_as_retry(req.id, retry.exc, einfo.traceback, request=req)
        task.on_retry(retry.exc, req.id, req.args, req.kwargs, einfo)
        signals.task_retry.send(sender=task, request=req, reason=retry, einfo=einfo)
        said = {"id": req.id, "name": get_task_name(req, task.name), "exc": str(retry)}
        logger.info(trace.LOG_RETRY, said, extra={"data": said})
        traceback_clear(einfo.exception)
        return einfo

    def handle_failure(
        self, task: Any, req: Any, store_errors: bool = True, call_errbacks: bool = True
    ) -> ExceptionInfo:
        original = self.retval
        error = get_pickleable_exception(original)
        if error.__traceback__ is None:  # it was made anew
            error.__traceback__ = sys.exc_info()[2]
        einfo = ExceptionInfo((get_pickleable_etype(type(original)), error, error.__traceback__))
        task.backend.mark_as_failure(
            req.id, error, einfo.traceback, request=req, store_result=store_errors, call_errbacks=call_errbacks
        )
        task.on_failure(error, req.id, req.args, req.kwargs, einfo)
        signals.task_failure.send(
            sender=task,
            task_id=req.id,
            exception=error,
            args=req.args,
            kwargs=req.kwargs,
            traceback=error.__traceback__,
            einfo=einfo,
        )
        self._log_error(task, req, einfo)
        traceback_clear(error)
        return einfo

    def _log_error(self, task: Any, req: Any, einfo: ExceptionInfo) -> None:
        error = einfo.exception
        policy = get_log_policy(task, einfo, error)
        said = {
            "hostname": req.hostname,
            "id": req.id,
            "name": get_task_name(req, task.name),
            "exc": safe_repr(error),
            "traceback": safe_str(einfo.traceback),
            "args": req.get("argsrepr") or safe_repr(req.args),
            "kwargs": req.get("kwargsrepr") or safe_repr(req.kwargs),
            "description": policy.description,
            "internal": einfo.internal,
        }
        exc_info = einfo.exc_info if policy.traceback else None
        logger.log(policy.severity, policy.format, said, exc_info=exc_info, extra={"data": said})


def traceback_clear(exc: Any = None) -> None:
    """Let go of what the frames hold: an exception that is kept must not keep their local variables."""
    frames = exc.__traceback__ if hasattr(exc, "__traceback__") else sys.exc_info()[2]
    while frames is not None:
        try:
            frames.tb_frame.clear()
        except RuntimeError:  # still running
            pass
        frames = frames.tb_next
