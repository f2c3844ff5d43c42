"""The class that tasks are instances of."""

from __future__ import annotations

import sys
import types
from typing import Any

from kombu.exceptions import OperationalError

from .. import states as states  # application code finds these here
from .._state import _task_stack
from ..exceptions import Ignore as Ignore
from ..exceptions import MaxRetriesExceededError
from ..exceptions import Reject as Reject
from ..exceptions import Retry as Retry
from ..result import EagerResult as EagerResult
from ..utils import abstract
from ..utils.functional import mattrgetter
from . import calling, replacing, retrying
from .binding import Bound
from .composing import Composing
from .handlers import Handlers
from .registry import _unpickle_task_v2
from .request import Context, get_actual_ignore_result
from .utils import appstr

__all__ = ("Context", "Task", "get_actual_ignore_result")

extract_exec_options = mattrgetter(
    "queue",
    "routing_key",
    "exchange",
    "priority",
    "expires",
    "serializer",
    "delivery_mode",
    "compression",
    "time_limit",
    "soft_time_limit",
    "immediate",
    "mandatory",
)
R_BOUND_TASK = "<class {0.__name__} of {app}{flags}>"
R_UNBOUND_TASK = "<unbound {0.__name__}{flags}>"
R_INSTANCE = "<@task: {0.name} of {app}{flags}>"
TaskType = type


def _reprtask(task: Any, fmt: str | None = None, flags: Any = None) -> str:
    flags = [*(flags or ()), *(["v2 compatible"] if task.__v2_compat__ else [])]
    fmt = fmt or (R_BOUND_TASK if task._app else R_UNBOUND_TASK)
    app = appstr(task._app) if task._app else None
    return fmt.format(task, flags=f" ({', '.join(flags)})" if flags else "", app=app)


@abstract.CallableTask.register
class Task(Bound, Composing, Handlers):
    """A task: ``run`` is what it does; the attributes say how. Each app has a subclass of its own, ``app.Task``."""

    __trace__: Any = None
    __v2_compat__ = False
    __bound__ = False

    MaxRetriesExceededError = MaxRetriesExceededError
    OperationalError = OperationalError
    Strategy = "compat.worker.strategy:default"
    Request = "compat.worker.request:Request"

    _app: Any = None
    _backend: Any = None
    _default_request: Any = None
    _exec_options: Any = None
    _dump_pydantic_arguments: Any = None
    request_stack: Any = None
    abstract = True

    name: Any = None
    typing: Any = None  #: check the arguments when the task is called
    max_retries: Any = 3  #: None: without end
    default_retry_delay: Any = 180  #: seconds
    rate_limit: Any = None  #: ``"100/m"``
    ignore_result: Any = None
    trail: Any = True  #: remember the tasks called from this one
    send_events: Any = True
    store_errors_even_if_ignored: Any = None
    serializer: Any = None
    time_limit: Any = None  #: seconds until the process is killed
    soft_time_limit: Any = None  #: seconds until SoftTimeLimitExceeded is raised
    track_started: Any = None
    acks_late: Any = None  #: the message is acked when the run is over, not when it starts
    acks_on_failure_or_timeout: Any = None
    acks_on_failure: Any = None
    acks_on_timeout: Any = None
    reject_on_worker_lost: Any = None
    retry_on_worker_lost: Any = None
    throws: Any = ()  #: expected errors: logged without a traceback
    expires: Any = None
    priority: Any = None
    resultrepr_maxsize = 1024

    from_config: Any = (
        ("serializer", "task_serializer"),
        ("rate_limit", "task_default_rate_limit"),
        ("priority", "task_default_priority"),
        ("time_limit", "task_time_limit"),
        ("soft_time_limit", "task_soft_time_limit"),
        ("track_started", "task_track_started"),
        ("acks_late", "task_acks_late"),
        ("acks_on_failure_or_timeout", "task_acks_on_failure_or_timeout"),
        ("acks_on_failure", "task_acks_on_failure"),
        ("acks_on_timeout", "task_acks_on_timeout"),
        ("reject_on_worker_lost", "task_reject_on_worker_lost"),
        ("retry_on_worker_lost", "task_retry_on_worker_lost"),
        ("ignore_result", "task_ignore_result"),
        ("store_eager_result", "task_store_eager_result"),
        ("store_errors_even_if_ignored", "task_store_errors_even_if_ignored"),
    )

    # Running

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        stack = self.request_stack
        request = stack.top
        if request is not None and not request._protected and len(stack) == 1 and not request.called_directly:
            # A worker's run of a subclass whose __call__ calls this one: it belongs to the same request.
            request._protected = 1
            return self.run(*args, **kwargs)
        _task_stack.push(self)
        self.push_request(args=args, kwargs=kwargs)
        try:
            return self.run(*args, **kwargs)
        finally:
            self.pop_request()
            _task_stack.pop()

    __class_getitem__: Any = classmethod(types.GenericAlias)

    def __reduce__(self) -> Any:
        module = type(self).__module__
        return _unpickle_task_v2, (self.name, module if module in sys.modules else None), None

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """What the task does."""
        raise NotImplementedError("Tasks must define the run method.")

    def start_strategy(self, app: Any, consumer: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("execution strategies are not supported: pyramid_scheduler's worker runs the task")

    # Calling

    def delay(self, *args: Any, **kwargs: Any) -> Any:
        """``apply_async`` with plain arguments."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self,
        args: Any = None,
        kwargs: Any = None,
        task_id: str | None = None,
        producer: Any = None,
        link: Any = None,
        link_error: Any = None,
        shadow: str | None = None,
        **options: Any,
    ) -> Any:
        """Send the task; returns its AsyncResult.

        Raises TypeError for arguments that ``run`` does not take, ValueError for a soft limit above the hard one,
        and kombu's OperationalError where the broker does not answer.
        """
        return calling.apply_async(self, args, kwargs, task_id, producer, link, link_error, shadow, options)

    def apply(
        self,
        args: Any = None,
        kwargs: Any = None,
        link: Any = None,
        link_error: Any = None,
        task_id: str | None = None,
        retries: int | None = None,
        throw: bool | None = None,
        logfile: Any = None,
        loglevel: Any = None,
        headers: Any = None,
        **options: Any,
    ) -> Any:
        """Run the task here and now; returns an EagerResult. ``throw``: raise what it raises."""
        said = {"link": link, "link_error": link_error, "logfile": logfile, "loglevel": loglevel, "headers": headers}
        return calling.apply(self, args, kwargs, task_id, retries, throw, said, options)

    def shadow_name(self, args: Any, kwargs: Any, options: Any) -> Any:
        """For subclasses: another name for logs and monitors."""

    def signature_from_request(
        self, request: Any = None, args: Any = None, kwargs: Any = None, queue: Any = None, **extra_options: Any
    ) -> Any:
        """The call that this run is, once more."""
        return retrying.signature_from_request(self, request, args, kwargs, queue, extra_options)

    subtask_from_request = signature_from_request

    def retry(
        self,
        args: Any = None,
        kwargs: Any = None,
        exc: Any = None,
        throw: bool = True,
        eta: Any = None,
        countdown: Any = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Any:
        """Run again later. Raises Retry, unless ``throw`` is false.

        When no retry is left ``exc`` is raised, or MaxRetriesExceededError; called outside of a worker, ``exc`` or
        the current exception.
        """
        return retrying.retry(self, args, kwargs, exc, throw, eta, countdown, max_retries, options)

    def AsyncResult(self, task_id: str, **kwargs: Any) -> Any:
        return self._get_app().AsyncResult(task_id, backend=self.backend, task_name=self.name, **kwargs)

    # From inside the run

    def send_event(self, type_: str, retry: bool = True, retry_policy: Any = None, **fields: Any) -> Any:
        """Send a monitoring event about this run."""
        request = self.request
        policy = self.app.conf.task_publish_retry_policy if retry_policy is None else retry_policy
        with self.app.events.default_dispatcher(hostname=request.hostname) as dispatcher:
            return dispatcher.send(type_, uuid=request.id, retry=retry, retry_policy=policy, **fields)

    def replace(self, sig: Any) -> Any:
        """Let ``sig`` run in this task's place, under its id; does not return where a worker runs the task."""
        return replacing.replace(self, sig)

    def add_to_chord(self, sig: Any, lazy: bool = False) -> Any:
        """Make ``sig`` one more task of the chord that this one belongs to; raises ValueError without one."""
        return replacing.add_to_chord(self, sig, lazy)

    def update_state(self, task_id: str | None = None, state: Any = None, meta: Any = None, **kwargs: Any) -> None:
        """Store a state of the user's own."""
        id_ = self.request.id if task_id is None else task_id
        self.backend.store_result(id_, meta, state, request=self.request, **kwargs)

    # The request

    def add_trail(self, result: Any) -> Any:
        if self.trail:
            self.request.children.append(result)
        return result

    def push_request(self, *args: Any, **kwargs: Any) -> None:
        self.request_stack.push(Context(*args, **{**self.request.__dict__, **kwargs}))

    def pop_request(self) -> None:
        self.request_stack.pop()

    def _get_request(self) -> Any:
        request = self.request_stack.top
        if request is not None:
            return request
        if self._default_request is None:
            self._default_request = Context()
        return self._default_request

    request = property(_get_request)

    def _get_exec_options(self) -> dict[str, Any]:
        if self._exec_options is None:
            self._exec_options = extract_exec_options(self)
        return self._exec_options  # type: ignore[no-any-return]

    @property
    def backend(self) -> Any:
        return self.app.backend if self._backend is None else self._backend

    @backend.setter
    def backend(self, value: Any) -> None:
        self._backend = value

    @property
    def __name__(self) -> Any:
        return type(self).__name__

    def __repr__(self) -> str:
        return _reprtask(self, R_INSTANCE)


BaseTask = Task
