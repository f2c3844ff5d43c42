"""Moving messages that wait: to another queue, or to another broker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import partial
from typing import Any

from kombu.common import maybe_declare
from kombu.entity import Queue
from kombu.messaging import Producer
from kombu.utils.encoding import ensure_bytes

from pyramid_scheduler.api import SIGNATURE_HEADER

from ..app import app_or_default
from ..utils.functional import maybe_list
from ..utils.log import get_logger
from ..utils.nodenames import worker_direct
from ..utils.text import str_to_list
from .waiting import State, StopFiltering, look_through, reach

__all__ = (
    "State", "StopFiltering", "expand_dest", "filter_callback", "filter_status", "migrate_task", "migrate_tasks",
    "move", "move_by_idmap", "move_by_taskmap", "move_direct", "move_direct_by_id", "move_direct_by_idmap",
    "move_direct_by_taskmap", "move_task_by_id", "republish", "task_id_eq", "task_id_in",
)  # fmt: skip

logger = get_logger("celery.contrib.migrate")
Predicate = Callable[[Any, Any], Any]
#: Of a message, not of its contents: the broker sets them anew.
_OF_THE_DELIVERY = ("application_headers", "body_encoding", "content_encoding", "content_type", "delivery_info",
                    "delivery_tag", "expiration", "headers", "user_id")  # fmt: skip


def move(
    predicate: Predicate,
    connection: Any = None,
    exchange: str | None = None,
    routing_key: str | None = None,
    source: Any = None,
    app: Any = None,
    callback: Callable[[State, Any, Any], Any] | None = None,
    limit: int | None = None,
    transform: Callable[[Any], Any] | None = None,
    **kwargs: Any,
) -> State:
    """Move each waiting message for which ``predicate(body, message)`` says where to.

    That is a Queue, an (exchange, routing key), or anything true for the arguments of these names. Messages of the
    queues in ``source``, or of all that the app consumes, are looked at once; the others stay where they are.
    """
    app = app_or_default(app)
    state = State()
    with reach(app, connection) as reached:
        producer = _producer(reached)

        def handle(message: Any) -> None:
            try:
                body = message.decode()
            except Exception as error:
                logger.warning("a message cannot be read, and stays where it is: %r", error)
                return
            if wanted := predicate(body, message):
                place = _place(transform(wanted) if transform else wanted, producer.channel)
                republish(producer, message, *expand_dest(place, exchange, routing_key))
                _moved(state, body, message, callback, limit)

        queues = [_maybe_queue(app, queue) for queue in maybe_list(source) or ()]
        look_through(reached, queues or _consumed(app), handle, state, kwargs.get("accept", app.conf.accept_content))
    return state


def migrate_tasks(
    source: Any,
    dest: Any,
    migrate: Callable[..., Any] | None = None,
    app: Any = None,
    queues: Any = None,
    callback: Callable[[State, Any, Any], Any] | None = None,
    limit: int | None = None,
    **kwargs: Any,
) -> State:
    """Move all messages that wait on the connection ``source`` to the connection ``dest``.

    ``queues`` are names, ``old:new`` names, or a mapping of them; without any, the queues that the app consumes.
    """
    app = app_or_default(app)
    names = _names(queues)
    producer = _producer(dest)
    migrate = migrate or migrate_task
    state = State()
    chosen = [_maybe_queue(app, name) for name in names] or _consumed(app)
    for queue in chosen:
        _renamed(queue, names)(producer.channel).declare()

    def handle(message: Any) -> None:
        migrate(producer, message.body, message, queues=names)
        _moved(state, message.body, message, callback, limit)

    look_through(source, chosen, handle, state, None)
    return state


def migrate_task(producer: Any, body_: Any, message: Any, queues: Mapping[str, str] | None = None) -> None:
    """Publish a message to the exchange and the routing key of the same names, or of those in ``queues``."""
    names, info = queues or {}, message.delivery_info
    republish(producer, message, names.get(info["exchange"]), names.get(info["routing_key"]))


def republish(
    producer: Any,
    message: Any,
    exchange: str | None = None,
    routing_key: str | None = None,
    remove_props: Iterable[str] | None = None,
) -> None:
    """Publish the message as it is, to where it came from unless said otherwise."""
    info, properties = message.delivery_info, message.properties
    headers = dict(message.headers)
    if headers.get(SIGNATURE_HEADER) and routing_key not in (None, info["routing_key"]):
        raise ValueError(
            f"the message is signed (scheduler.secret) for {info['routing_key']!r}, no other queue's workers would"
            " run it: let a worker consume that queue, too"
        )
    left_out = (*_OF_THE_DELIVERY, *(remove_props or ()))
    milliseconds = properties.get("expiration")
    producer.publish(
        ensure_bytes(message.body),
        exchange=info["exchange"] if exchange is None else exchange,
        routing_key=info["routing_key"] if routing_key is None else routing_key,
        mandatory=True,
        compression=headers.pop("compression", None),
        headers=headers,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        expiration=None if milliseconds is None else float(milliseconds) / 1000,
        **{name: value for name, value in properties.items() if name not in left_out},
    )


def _producer(connection: Any) -> Producer:
    """One that returns when the broker has the message: what it came from is acked then, and would be lost otherwise
    where RabbitMQ refuses it."""
    producer = Producer(connection, auto_declare=False)
    channel = producer.channel
    if confirmed := getattr(channel, "basic_publish_confirm", None):
        channel.basic_publish = confirmed
    return producer


def expand_dest(ret: Any, exchange: str | None, routing_key: str | None) -> tuple[str | None, str | None]:
    """``ret``, if it is a pair; the other two otherwise."""
    return (ret[0], ret[1]) if isinstance(ret, (tuple, list)) else (exchange, routing_key)


# Choosing


def task_id_eq(task_id: str, body: Any, message: Any) -> bool:
    return bool(_said("id", body, message) == task_id)


def task_id_in(ids: Iterable[str], body: Any, message: Any) -> bool:
    return _said("id", body, message) in ids


def filter_callback(callback: Predicate, tasks: Iterable[str]) -> Predicate:
    """``callback``, for messages of these tasks only."""
    return lambda body, message: callback(body, message) if _said("task", body, message) in tasks else None


def filter_status(state: State, body: Any, message: Any, **kwargs: Any) -> None:
    """A callback that prints a line per message."""
    print(f"{state.filtered}/{state.strtotal}: {_said('task', body, message)}[{_said('id', body, message)}]")


def move_by_idmap(map: Mapping[str, Any], **kwargs: Any) -> State:
    """Move the tasks with these ids, each to its queue."""
    return move(lambda body, message: map.get(_said("id", body, message)), limit=len(map), **kwargs)


def move_by_taskmap(map: Mapping[str, Any], **kwargs: Any) -> State:
    """Move the tasks with these names, each to its queue."""
    return move(lambda body, message: map.get(_said("task", body, message)), **kwargs)


def move_task_by_id(task_id: str, dest: Any, **kwargs: Any) -> State:
    return move_by_idmap({task_id: dest}, **kwargs)


#: The same, to the queue of one worker, by its node name.
move_direct = partial(move, transform=worker_direct)
move_direct_by_id = partial(move_task_by_id, transform=worker_direct)
move_direct_by_idmap = partial(move_by_idmap, transform=worker_direct)
move_direct_by_taskmap = partial(move_by_taskmap, transform=worker_direct)


def _said(name: str, body: Any, message: Any) -> Any:
    """``task`` or ``id``: in the headers, or, in the first protocol, in the body."""
    return body[name] if isinstance(body, dict) and name in body else message.headers.get(name)


def _moved(state: State, body: Any, message: Any, callback: Any, limit: int | None) -> None:
    message.ack()
    state.filtered += 1
    if callback is not None:
        callback(state, body, message)
    if limit and state.filtered >= limit:
        raise StopFiltering


# Queues


def _place(wanted: Any, channel: Any) -> Any:
    """(exchange, routing key) of a Queue, which is there from now on."""
    if not isinstance(wanted, Queue):
        return wanted
    maybe_declare(wanted, channel)
    exchange = wanted.exchange.name if wanted.exchange else ""
    return exchange, wanted.routing_key if exchange else wanted.name


def _consumed(app: Any) -> list[Any]:
    return list(app.amqp.queues.consume_from.values())


def _maybe_queue(app: Any, queue: Any) -> Any:
    return app.amqp.queues[queue] if isinstance(queue, str) else queue


def _names(queues: Any) -> dict[str, str]:
    if isinstance(queues, Mapping):
        return dict(queues)
    pairs = (name.partition(":") for name in str_to_list(queues or ()))
    return {old: new or old for old, _, new in pairs}


def _renamed(queue: Any, names: Mapping[str, str]) -> Any:
    new = copy(queue)
    new.exchange = copy(queue.exchange)
    for entity, name in ((new, "name"), (new, "routing_key"), (new.exchange, "name")):
        setattr(entity, name, names.get(getattr(entity, name), getattr(entity, name)))
    return new
