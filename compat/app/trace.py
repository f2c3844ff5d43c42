"""The life of one run of a task, in Celery's order."""

from __future__ import annotations

import logging
import os
import time
from collections import namedtuple
from collections.abc import Callable
from types import CoroutineType
from typing import Any

from kombu.exceptions import EncodeError, OperationalError
from kombu.utils.encoding import safe_repr

from pyramid_scheduler.api import ancestry, leave_fork

from .. import signals, states
from .._state import _task_stack
from ..backends.backend import Backend
from ..exceptions import Ignore, InvalidTaskError, Reject, Retry
from ..loaders.base import BaseLoader
from ..states import FAILURE as FAILURE
from ..states import RETRY as RETRY
from ..states import SUCCESS as SUCCESS
from ..utils.einfo import ExceptionInfo
from ..utils.log import get_logger
from ..utils.nodenames import gethostname
from ..utils.objects import mro_lookup
from ..utils.saferepr import saferepr
from .awaiting import wait_for
from .following import dispatch_follow_ups
from .internal_errors import report_internal_error, signal_internal_error
from .outcomes import (
    LOG_FAILURE,
    LOG_IGNORED,
    LOG_INTERNAL_ERROR,
    LOG_RECEIVED,
    LOG_REJECTED,
    LOG_RETRY,
    LOG_SUCCESS,
    TraceInfo,
    get_log_policy,
    get_task_name,
    log_policy_expected,
    log_policy_ignore,
    log_policy_internal,
    log_policy_reject,
    log_policy_t,
    log_policy_unexpected,
    traceback_clear,
)
from .request import Context, get_actual_ignore_result, read
from .task import Task as BaseTask

__all__ = (
    "LOG_FAILURE", "LOG_IGNORED", "LOG_INTERNAL_ERROR", "LOG_RECEIVED", "LOG_REJECTED", "LOG_RETRY", "LOG_SUCCESS",
    "TraceInfo", "build_tracer", "get_log_policy", "get_task_name", "log_policy_expected", "log_policy_ignore",
    "log_policy_internal", "log_policy_reject", "log_policy_t", "log_policy_unexpected", "reset_worker_optimizations",
    "setup_worker_optimizations", "trace_task", "traceback_clear",
)  # fmt: skip

logger = get_logger("celery.app.trace")
IGNORE_STATES = frozenset({states.IGNORED, states.RETRY, states.REJECTED})

trace_ok_t = namedtuple("trace_ok_t", ("retval", "info", "runtime", "retstr"))


def task_has_custom(task: Any, attr: str) -> Any:
    """Whether the task's class (or a patch) defines ``attr`` anew."""
    return mro_lookup(task.__class__, attr, stop={BaseTask, object}, monkey_patched=["compat.app.task"])


#: They do nothing, ``mark_as_done`` where a result is ignored. Kept: somebody may put others in their place.
_IDLE = (BaseLoader.on_task_init, BaseLoader.on_process_cleanup, Backend.process_cleanup, Backend.mark_as_done)


def own_hook(hook: Any) -> Any:
    """``hook``, unless it does nothing; to call that takes longer than to know it."""
    return None if getattr(hook, "__func__", None) in _IDLE else hook


class Tracer:
    """Runs one task, again and again: ``tracer(uuid, args, kwargs, request)`` returns a ``trace_ok_t``.

    The dict ``request`` is the tracer's own from then on: it becomes the task's ``self.request``. Where
    ``reads_request`` is false it may also be Unread, of a run whose result is ignored and which nothing follows.
    """

    def __init__(self, task: Any, app: Any, loader: Any, hostname: str | None, eager: bool, propagate: bool) -> None:
        self.task = task
        self.app = app
        self.eager = eager
        self.propagate = propagate
        self.hostname = hostname or gethostname()
        self.loader = loader or app.loader
        # Without a __call__ of its own the task need not pay for Task.__call__, nor show it in tracebacks.
        self.fun = task if task_has_custom(task, "__call__") else task.run
        self.before_start = task.before_start if task_has_custom(task, "before_start") else None
        self.on_success = task.on_success if task_has_custom(task, "on_success") else None
        self.after_return = task.after_return if task_has_custom(task, "after_return") else None
        self.on_task_init = own_hook(self.loader.on_task_init)
        self.tidies = not eager and self._has_to_tidy_up()
        late = app.conf.task_acks_late or task.acks_late
        self.deduplicates = late and app.conf.worker_deduplicate_successful_tasks and app.backend.persistent
        self.reads_request = bool(eager or self.deduplicates or own_hook(task.backend.mark_as_done))

    def _has_to_tidy_up(self) -> Any:
        return own_hook(self.loader.on_process_cleanup) or own_hook(self.task.backend.process_cleanup)

    def __call__(self, uuid: str, args: Any, kwargs: Any, request: Any = None) -> Any:
        run = self.trace(uuid, args, kwargs, request)
        return trace_ok_t(run.retval, run.info, run.runtime, run.retstr)

    def trace(self, uuid: str, args: Any, kwargs: Any, request: Any = None) -> Traced:
        """What a call returns, for who reads it by name: the tuple is made for those who unpack it."""
        run = Traced(self, uuid, args, kwargs)
        try:
            run.live({} if request is None else request)
        except (MemoryError, Reject):
            raise
        except Exception as error:
            said = request if request is None or isinstance(request, dict) else vars(read(request))
            signal_internal_error(self.task, uuid, args, kwargs, said, error)
            if self.eager:
                raise
            run.retval = report_internal_error(self.task, error)
            if run.request is not None:
                run.info = run.fail(error)[0]
        return run


class Traced:
    """One run. ``retval`` is what the caller is given: the result, or what is known about the error.

    What only some tasks need is asked for here, and done in methods of its own: most tasks are shorter than all of it.
    """

    request: Any = None
    info: TraceInfo | None = None
    state: str | None = None
    value: Any = None  # what the task returned, or raised
    retval: Any = None
    runtime: float | None = None
    retstr: str | None = None
    ignores_result: Any = True

    def __init__(self, tracer: Tracer, uuid: str, args: Any, kwargs: Any) -> None:
        self.tracer = tracer
        self.task = tracer.task
        self.uuid = uuid
        self.args = args
        self.kwargs = kwargs
        self.begun = time.monotonic()

    def live(self, said: Any) -> None:
        tracer, task = self.tracer, self.task
        self.request = request = (
            said if type(self.kwargs) is dict and not isinstance(said, dict) else self._context(said)
        )
        if tracer.deduplicates and self._was_done_before():
            return
        tasks, requests = _task_stack.stack, task.request_stack.calls
        tasks.append(task)
        requests.append(request)
        try:
            if signals.task_prerun.receivers:
                self._say_it_begins()
            if tracer.on_task_init is not None:
                tracer.on_task_init(self.uuid, task)
            if task.track_started and not tracer.eager and not self.ignores_result:
                self._store_started()
            self._call()
            if tracer.after_return is not None and self.state not in IGNORE_STATES:
                self._after_return(tracer.after_return)
        finally:
            try:
                if signals.task_postrun.receivers:
                    self._say_it_is_over()
            finally:
                del tasks[-1:], requests[-1:]  # the task may have taken off its own
                if tracer.tidies:
                    self._tidy_up()

    def _context(self, said: Any) -> Any:
        kwargs = self.kwargs
        if type(kwargs) is not dict and not hasattr(kwargs, "items"):
            raise InvalidTaskError("Task keyword arguments is not a mapping")
        if isinstance(said, dict):
            said["args"], said["called_directly"], said["kwargs"] = self.args, False, kwargs
            said = Context.over(said)
            self.ignores_result = get_actual_ignore_result(self.task, said)
        return said

    def _was_done_before(self) -> bool:
        info = self.request.delivery_info
        if not (info and info.get("redelivered", False)):
            return False
        from .deduplication import was_successful

        return was_successful(self.tracer.app, self.task, self.request, self.uuid)

    def _say_it_begins(self) -> None:
        told = {"task_id": self.uuid, "task": self.task, "args": self.args, "kwargs": self.kwargs}
        signals.task_prerun.send(sender=self.task, **told)

    def _store_started(self) -> None:
        meta = {"pid": os.getpid(), "hostname": self.tracer.hostname}
        self.task.backend.store_result(self.uuid, meta, states.STARTED, request=self.request)

    def _call(self) -> None:
        tracer = self.tracer
        try:
            if tracer.before_start:
                tracer.before_start(self.uuid, self.args, self.kwargs)
            forks = ancestry.forks
            try:
                returned = tracer.fun(*self.args, **self.kwargs)
                if isinstance(returned, CoroutineType):
                    returned = wait_for(returned)
            finally:  # a child says nothing of the run
                if ancestry.forks != forks and not tracer.eager:
                    leave_fork()
            self.retval = self.value = returned
            self.state = states.SUCCESS
        except Reject as error:
            self._set_aside(states.REJECTED, error)
        except Ignore as error:
            self._set_aside(states.IGNORED, error)
        except Retry as error:
            self._failed(error, states.RETRY, call_errbacks=False)
        except Exception as error:
            self._failed(error)
        else:
            # What nobody has looked at says that nothing follows; who has may have said something else there.
            request = self.request
            if (type(request) is not Context and request.seen is None) or self._hand_on():
                self._succeeded()

    def _set_aside(self, state: str, error: BaseException) -> None:
        self.info, self.retval = TraceInfo(state, error), ExceptionInfo(internal=True)
        self.state, self.value = state, error
        self.info.handle_ignore(self.task, read(self.request))
        traceback_clear(error)

    def _failed(self, error: BaseException, state: str = states.FAILURE, call_errbacks: bool = True) -> None:
        self.info, self.retval, self.state, self.value = self.fail(error, state, call_errbacks)
        traceback_clear(error)

    def fail(self, error: BaseException, state: str = states.FAILURE, call_errbacks: bool = True) -> Any:
        """Record it: (info, what is known about it, state, error). Raises ``error`` where eager code wants that."""
        if self.tracer.propagate:
            raise error
        info = TraceInfo(state, error)
        request = read(self.request)
        einfo = info.handle_error_state(self.task, request, eager=self.tracer.eager, call_errbacks=call_errbacks)
        return info, einfo, info.state, info.retval

    def _hand_on(self) -> bool:
        """Send what follows, store the result; False: it failed over that."""
        request, sent = read(self.request), False
        try:
            # Before the result is stored, so that it can name its children.
            if request.callbacks or request.chain:
                dispatch_follow_ups(self.tracer.app, request, self.value, self.uuid)
            sent = True
            self.task.backend.mark_as_done(self.uuid, self.value, request, self._publishes_result())
            return True
        except (EncodeError, OperationalError) as error:
            if sent and isinstance(error, OperationalError):
                raise
            self._failed(error)
            return False

    def _publishes_result(self) -> bool:
        return not self.ignores_result and (not self.tracer.eager or bool(self.task.store_eager_result))

    def _succeeded(self) -> None:
        value = self.value
        self.retstr = "None" if value is None else saferepr(value, self.task.resultrepr_maxsize)
        self.runtime = time.monotonic() - self.begun
        if self.tracer.on_success:
            self._handler("on_success", self.tracer.on_success, value, self.uuid, self.args, self.kwargs)
        if signals.task_success.receivers:
            signals.task_success.send(sender=self.task, result=value, runtime=self.runtime)
        if logger.isEnabledFor(logging.INFO):
            self._log_success()

    def _log_success(self) -> None:
        request = read(self.request)
        said = {
            "id": self.uuid,
            "name": get_task_name(request, self.task.name),
            "return_value": self.retstr,
            "runtime": self.runtime,
            "args": request.get("argsrepr") or safe_repr(self.args),
            "kwargs": request.get("kwargsrepr") or safe_repr(self.kwargs),
        }
        logger.info(LOG_SUCCESS, said, extra={"data": said})

    def _handler(self, name: str, handler: Callable[..., Any], *args: Any) -> None:
        """Call a user's handler. The outcome is recorded already: its error is logged, and changes nothing."""
        try:
            handler(*args)
        except (Reject, MemoryError):
            raise
        except Exception as error:
            if self.tracer.eager:
                raise
            named = get_task_name(read(self.request), self.task.name)
            logger.exception("Task %s[%s] %s handler raised: %r", named, self.uuid, name, error)
            traceback_clear(error)

    def _after_return(self, handler: Callable[..., Any]) -> None:
        self._handler("after_return", handler, self.state, self.value, self.uuid, self.args, self.kwargs, None)

    def _say_it_is_over(self) -> None:
        signals.task_postrun.send(
            sender=self.task,
            task_id=self.uuid,
            task=self.task,
            args=self.args,
            kwargs=self.kwargs,
            retval=self.value,
            state=self.state,
        )

    def _tidy_up(self) -> None:
        try:
            self.task.backend.process_cleanup()
            self.tracer.loader.on_process_cleanup()
        except MemoryError:
            raise
        except Exception as error:
            logger.error("Process cleanup failed: %r", error, exc_info=True)


def build_tracer(
    name: str,
    task: Any,
    loader: Any = None,
    hostname: str | None = None,
    store_errors: bool = True,
    Info: Any = TraceInfo,
    eager: bool = False,
    propagate: bool = False,
    app: Any = None,
    **ignored: Any,
) -> Tracer:
    """What runs ``task``: eagerly or for a worker; ``propagate`` lets its errors out."""
    return Tracer(task, app or task.app, loader, hostname, eager, propagate)


def trace_task(task: Any, uuid: str, args: Any, kwargs: Any, request: Any = None, **opts: Any) -> Any:
    """Run ``task`` once; errors of this machinery become its failure."""
    request = dict(request or {})
    try:
        if task.__trace__ is None:
            task.__trace__ = build_tracer(task.name, task, **opts)
        return task.__trace__(uuid, args, kwargs, request)
    except Reject:
        raise
    except Exception as error:
        signal_internal_error(task, uuid, args, kwargs, request, error)
        return trace_ok_t(report_internal_error(task, error), TraceInfo(states.FAILURE, error), 0.0, None)


def setup_worker_optimizations(app: Any, hostname: str | None = None) -> None:
    """Make ``app``, with all of its tasks, that of every thread: tests do it that run tasks as a worker would."""
    app.set_current()
    app.set_default()
    app.finalize()


def reset_worker_optimizations(app: Any = None) -> None:
    """Has nothing to take back: no class is patched here."""
