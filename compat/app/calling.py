"""How a task is called: sent to a worker, or run here."""

from __future__ import annotations

from typing import Any

from kombu import serialization

from pyramid_scheduler.api import new_id

from .. import states
from .._state import _task_stack
from ..exceptions import Retry
from ..utils.einfo import ExceptionInfo
from ..utils.functional import maybe_list
from ..utils.nodenames import gethostname
from .plain_call import send_and_learn, send_plainly


def apply_async(
    task: Any,
    args: Any,
    kwargs: Any,
    task_id: str | None,
    producer: Any,
    link: Any,
    link_error: Any,
    shadow: str | None,
    given: dict[str, Any],
) -> Any:
    """What ``Task.apply_async`` does."""
    _check(task, args, kwargs)
    shadow = shadow or task.shadow_name(args, kwargs, given)
    if task._dump_pydantic_arguments is not None:
        args, kwargs = _dump_models(task, args, kwargs, given)
    app = task._get_app()
    is_plain = not (given or shadow or producer or link or link_error)
    is_eager = app.conf["task_always_eager"]
    if is_plain and not is_eager:
        sent = send_plainly(task, app, args, kwargs, task_id)
        if sent is not None:
            return sent
    options = {"ignore_result": task.ignore_result, **task._get_exec_options(), **given}
    if is_eager:
        return _eagerly(task, args, kwargs, task_id, producer, link, link_error, options)

    def send() -> Any:
        return app.send_task(
            task.name,
            args,
            kwargs,
            task_id=task_id,
            producer=producer,
            link=link,
            link_error=link_error,
            result_cls=task.AsyncResult,
            shadow=shadow,
            task_type=task,
            **options,
        )

    return send_and_learn(task, app, send) if is_plain else send()


def _dump_models(task: Any, args: Any, kwargs: Any, given: dict[str, Any]) -> tuple[Any, Any]:
    """Pickle carries models as they are."""
    serializer = given["serializer"] if "serializer" in given else task._get_exec_options()["serializer"]
    return (args, kwargs) if serializer == "pickle" else task._dump_pydantic_arguments(args, kwargs)


def _check(task: Any, args: Any, kwargs: Any) -> None:
    if task.soft_time_limit and task.time_limit and task.soft_time_limit > task.time_limit:
        raise ValueError("soft_time_limit must be less than or equal to time_limit")
    check = getattr(task, "__header__", None) if task.typing else None
    if check is not None:
        check(*(args or ()), **(kwargs or {}))


def _eagerly(
    task: Any,
    args: Any,
    kwargs: Any,
    task_id: str | None,
    producer: Any,
    link: Any,
    link_error: Any,
    options: dict[str, Any],
) -> Any:
    """Run here, on arguments that have been written and read: a test sees what a worker would."""
    from ..result import denied_join_result

    app = task._get_app()
    with app.producer_or_acquire(producer) as acquired:
        serializer = options.get("serializer") or acquired.serializer or app.conf.task_serializer
    content_type, encoding, data = serialization.dumps((args, kwargs), serializer)
    args, kwargs = serialization.loads(data, content_type, encoding, accept=[content_type])
    with denied_join_result():
        return task.apply(args, kwargs, task_id=task_id or new_id(), link=link, link_error=link_error, **options)


def apply(
    task: Any,
    args: Any,
    kwargs: Any,
    task_id: str | None,
    retries: int | None,
    throw: bool | None,
    said: dict[str, Any],
    options: dict[str, Any],
) -> Any:
    """What ``Task.apply`` does."""
    from ..result import EagerResult
    from .trace import build_tracer

    app = task._get_app()
    task_id, retries = task_id or new_id(), retries or 0
    throw = app.conf.task_eager_propagates if throw is None else throw
    request = _eager_request(task, task_id, retries, said, options)
    registered = app._tasks[task.name]
    tracer = build_tracer(registered.name, registered, eager=True, propagate=throw, app=app)
    traced = tracer(task_id, args or (), kwargs or {}, request)
    retval, traceback = traced.retval, None
    if isinstance(retval, ExceptionInfo):
        retval, traceback = retval.exception, retval.traceback
    if isinstance(retval, Retry) and retval.sig is not None:
        return retval.sig.apply(retries=retries + 1)
    state = states.SUCCESS if traced.info is None else traced.info.state
    return EagerResult(task_id, retval, state, traceback=traceback, name=task.name)


def _eager_request(
    task: Any, task_id: str, retries: int, said: dict[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    parent: Any = _task_stack.top
    inside = bool(parent and parent.request)
    limits = [task.time_limit, task.soft_time_limit]
    request = {
        "id": task_id,
        "task": task.name,
        "parent_id": parent.request.id if inside else None,
        "root_id": (parent.request.root_id or task_id) if inside else task_id,
        "retries": retries,
        "is_eager": True,
        "logfile": said["logfile"],
        "loglevel": said["loglevel"] or 0,
        "hostname": gethostname(),
        "callbacks": maybe_list(said["link"]),
        "errbacks": maybe_list(said["link_error"]),
        "headers": said["headers"],
        "timelimit": None if limits == [None, None] else limits,
        "ignore_result": options.get("ignore_result", task.ignore_result),
        "delivery_info": {
            "is_eager": True,
            **{name: options.get(name) for name in ("exchange", "routing_key", "priority")},
        },
    }
    if "stamped_headers" in options:
        names = request["stamped_headers"] = maybe_list(options["stamped_headers"])
        request["stamps"] = {name: maybe_list(options.get(name, [])) for name in names}
    return request
