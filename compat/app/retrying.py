"""How a task runs again."""

from __future__ import annotations

import inspect
from typing import Any

from ..exceptions import Reject, Retry
from ..utils.serialization import raise_with_context
from .request import get_actual_ignore_result


def signature_from_request(
    task: Any, request: Any, args: Any, kwargs: Any, queue: Any, extra_options: dict[str, Any]
) -> Any:
    """What ``Task.signature_from_request`` does: same id, links, chain, chord, limits, queue and priority."""
    request = task.request if request is None else request
    options = {
        **request.as_execution_options(),
        "ignore_result": get_actual_ignore_result(task, request),
        **extra_options,
        **_destination(request.delivery_info or {}, queue),
    }
    args = request.args if args is None else args
    kwargs = request.kwargs if kwargs is None else kwargs
    return task.signature(args, kwargs, options, type=task, **extra_options)


def _destination(delivery_info: dict[str, Any], queue: Any) -> dict[str, Any]:
    priority = delivery_info.get("priority")
    said = {} if priority is None else {"priority": priority}
    if queue:
        return {**said, "queue": queue}
    if delivery_info.get("exchange") == "" and delivery_info.get("routing_key"):
        return {**said, "queue": delivery_info["routing_key"]}
    return {**said, **delivery_info}


def retry(
    task: Any,
    args: Any,
    kwargs: Any,
    exc: Any,
    throw: bool,
    eta: Any,
    countdown: Any,
    max_retries: int | None,
    options: dict[str, Any],
) -> Any:
    """What ``Task.retry`` does."""
    request = task.request
    retries = request.retries + 1
    if max_retries is not None:
        task.override_max_retries = max_retries
    limit = task.max_retries if max_retries is None else max_retries
    if request.called_directly:
        raise_with_context(exc or Retry("Task can be retried", None))
    if not eta and countdown is None:
        countdown = task.default_retry_delay
    args, kwargs = _arguments(task, request, args, kwargs)
    again = task.signature_from_request(request, args, kwargs, countdown=countdown, eta=eta, retries=retries, **options)
    if limit is not None and retries > limit:
        _give_up(task, request, again, exc)
    outcome = Retry(exc=exc, when=eta or countdown, is_eager=request.is_eager, sig=again)
    if not request.is_eager:
        _send(again)
    if throw:
        raise outcome
    return outcome


def _give_up(task: Any, request: Any, again: Any, exc: Any) -> None:
    if exc:
        raise_with_context(exc)
    raise task.MaxRetriesExceededError(
        f"Can't retry {task.name}[{request.id}] args:{again.args} kwargs:{again.kwargs}",
        task_args=again.args,
        task_kwargs=again.kwargs,
    )


def _send(again: Any) -> None:
    try:
        again.apply_async()
    except Exception as error:
        raise Reject(error, requeue=False) from error


def _arguments(task: Any, request: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """New arguments of one kind keep those inherited ones of the other kind that they do not contradict."""
    replaces_args = args is not None and kwargs is None and request.kwargs
    replaces_kwargs = kwargs is not None and args is None and request.args
    if not (replaces_args or replaces_kwargs):
        return args, kwargs
    try:
        signature = inspect.signature(task.run)
    except (TypeError, ValueError):
        return args, kwargs
    if replaces_args:
        return args, _without_positional(signature, len(args), request.kwargs)
    return _with_names(signature, request.args, kwargs)


def _without_positional(signature: inspect.Signature, count: int, inherited: Any) -> dict[str, Any]:
    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    kinds = (inspect.Parameter.POSITIONAL_ONLY, either)
    given = [p for p in signature.parameters.values() if p.kind in kinds][:count]
    taken = {p.name for p in given if p.kind is either}
    return {name: value for name, value in inherited.items() if name not in taken}


def _with_names(signature: inspect.Signature, inherited: Any, kwargs: Any) -> tuple[Any, Any]:
    """A keyword may name what was given by position before."""
    try:
        bound = signature.bind_partial(*inherited)
    except TypeError:
        return None, kwargs  # sending it will say what is wrong
    rest = dict(kwargs)
    for name in kwargs:
        by_position = signature.parameters.get(name)
        if name in bound.arguments and by_position and by_position.kind is by_position.POSITIONAL_OR_KEYWORD:
            bound.arguments[name] = rest.pop(name)
    return bound.args, {**bound.kwargs, **rest}
