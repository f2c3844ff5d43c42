"""What most calls are: arguments, and nothing else said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyramid_scheduler.api import Message, new_id

from .. import signals
from .._state import get_current_worker_task
from ..producing import Catching, encode_call
from ..utils.nodenames import anon_nodename
from .connecting import Connecting
from .messages import NO_EMBED, checked, reprs
from .routes import MapRoute, Router
from .sending import TaskSender

_SEND_TASK = Connecting.send_task
#: Headers that are a call's own.
_OF_ONE_CALL = ("id", "root_id", "parent_id", "argsrepr", "kwargsrepr", "origin")


class PlainCall:
    """The plain calls of one task. The first goes all the way through ``send_task``; its message shows what all the
    others have in common, so that those pay for what is their own only."""

    def __init__(self, basis: tuple[Any, ...], first: Message, serializer: str, sender: TaskSender) -> None:
        self.basis = basis
        self.retry, self.retry_policy = sender.retry, sender.retry_policy
        self._first = first
        self._serializer = serializer
        self._repr_maxlevels = basis[-1]
        self._headers = {name: value for name, value in first.headers.items() if name not in _OF_ONE_CALL}

    def message(self, app: Any, args: Any, kwargs: Any, task_id: str, parent: Any) -> Message:
        args, kwargs = checked(args, kwargs)
        argsrepr, kwargsrepr = reprs(app.amqp, args, kwargs, self._repr_maxlevels)
        headers = {
            **self._headers,
            "id": task_id,
            "root_id": task_id,
            "argsrepr": argsrepr,
            "kwargsrepr": kwargsrepr,
            "origin": anon_nodename(),
        }
        if parent is not None:
            request = parent.request
            headers["root_id"], headers["parent_id"] = request.root_id or request.id, request.id
        body = encode_call(args, kwargs, NO_EMBED, self._serializer)
        properties = {"correlation_id": task_id, "reply_to": app.thread_oid}
        like = self._first
        return Message(
            like.queue,
            headers,
            body,
            like.content_type,
            like.content_encoding,
            like.priority,
            like.expires_at,
            properties,
        )


def send_plainly(task: Any, app: Any, args: Any, kwargs: Any, task_id: str | None) -> Any:
    """Send a call without options; returns its result, or None: it has to go the long way."""
    known: PlainCall | None = task.__dict__.get("_plain_call")
    if known is None or known.basis != _basis(task, app):
        return None
    parent = get_current_worker_task()
    if parent is not None and app.conf["task_inherit_parent_priority"]:
        return None
    task_id = task_id or new_id()
    message = known.message(app, args, kwargs, task_id, parent)
    producer = app.pipeline.producer
    ignored = task.ignore_result
    if not ignored:
        app.backend.on_task_call(producer, task_id)
    producer.send(message, known.retry, known.retry_policy)
    result = task.AsyncResult(task_id)
    result.ignored = ignored
    if parent is not None:
        parent.add_trail(result)
    return result


def send_and_learn(task: Any, app: Any, send: Callable[[], Any]) -> Any:
    """``send`` a call without options the long way, and see what the next ones have in common with it."""
    basis = _basis(task, app)
    if basis is None or (get_current_worker_task() is not None and app.conf.task_inherit_parent_priority):
        return send()
    with Catching() as caught:
        result = send()
    sender = app.amqp.send_task_message
    for message in caught:  # none, where it went past the pipeline
        app.pipeline.producer.send(message, sender.retry, sender.retry_policy)
        if "compression" not in message.headers:
            task._plain_call = PlainCall(basis, message, task.serializer or sender.serializer, sender)
    return result


def _basis(task: Any, app: Any) -> tuple[Any, ...] | None:
    """What such a message is made by, to be compared; None where it may be made, or heard of, in some other way."""
    if signals.before_task_publish.receivers or signals.after_task_publish.receivers or signals.task_sent.receivers:
        return None
    if getattr(app.send_task, "__func__", None) is not _SEND_TASK:
        return None
    amqp, conf = app.amqp, app.conf
    router, sender, create = amqp.router, amqp.send_task_message, amqp.create_task_message
    ours = type(router) is Router and type(sender) is TaskSender and create is amqp.as_task_v2
    if not ours or conf["task_send_sent_event"]:
        return None
    if router.routes and not all(type(route) is MapRoute for route in router.routes):
        return None
    options = task._get_exec_options()
    if options["expires"] is not None:  # counted from each call
        return None
    return app, router, sender, options, task.ignore_result, conf["task_default_queue"], conf["task_repr_maxlevels"]
