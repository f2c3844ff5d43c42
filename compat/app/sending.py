"""Where a task message goes, and who is told that it went."""

from __future__ import annotations

from typing import Any, NamedTuple

from kombu.common import Broadcast
from kombu.entity import Exchange

from .. import signals
from ..pipeline import speaks_kombu


class Destination(NamedTuple):
    """Where to publish; as Kombu's producer takes it."""

    queue: str | None
    exchange: Any
    routing_key: Any
    delivery_mode: Any
    declare: Any


class TaskSender:
    """``app.amqp.send_task_message(producer, name, message, **options)``, with the settings of its first use."""

    def __init__(self, amqp: Any) -> None:
        conf = amqp.app.conf
        self.amqp = amqp
        self.retry, self.retry_policy = conf.task_publish_retry, conf.task_publish_retry_policy
        self.delivery_mode = conf.task_default_delivery_mode
        self.serializer, self.compression = conf.task_serializer, conf.task_compression

    def __call__(
        self,
        producer: Any,
        name: str,
        message: Any,
        exchange: Any = None,
        routing_key: Any = None,
        queue: Any = None,
        event_dispatcher: Any = None,
        retry: bool | None = None,
        retry_policy: Any = None,
        serializer: str | None = None,
        delivery_mode: Any = None,
        compression: str | None = None,
        declare: Any = None,
        headers: Any = None,
        exchange_type: str | None = None,
        timeout: Any = None,
        confirm_timeout: Any = None,
        **kwargs: Any,
    ) -> Any:
        message_headers, properties, body, sent_event = message
        message_headers.update(headers or {})
        properties.update(kwargs)
        to = self.destination(queue, exchange, routing_key, exchange_type, delivery_mode, declare)
        retry = self.retry if retry is None else retry
        policy = {**self.retry_policy, **(retry_policy or {})}
        signals.before_task_publish.send(
            sender=name,
            body=body,
            exchange=to.exchange,
            routing_key=to.routing_key,
            declare=to.declare,
            headers=message_headers,
            properties=properties,
            retry_policy=policy,
        )
        published = producer.publish(
            body,
            exchange=to.exchange,
            routing_key=to.routing_key,
            serializer=serializer or self.serializer,
            compression=compression or self.compression,
            retry=retry,
            retry_policy=policy,
            delivery_mode=to.delivery_mode,
            declare=to.declare,
            headers=message_headers,
            timeout=timeout,
            confirm_timeout=confirm_timeout,
            **properties,
        )
        signals.after_task_publish.send(
            sender=name, body=body, headers=message_headers, exchange=to.exchange, routing_key=to.routing_key
        )
        _tell_old_receivers(name, message_headers, body)
        if sent_event and speaks_kombu(self.amqp.app):
            where = to.exchange.name if isinstance(to.exchange, Exchange) else to.exchange
            sent_event.update(queue=to.queue, exchange=where, routing_key=to.routing_key)
            dispatcher = event_dispatcher or self.amqp._event_dispatcher
            dispatcher.publish("task-sent", sent_event, producer, retry=retry, retry_policy=policy)
        return published

    def destination(
        self, queue: Any, exchange: Any, routing_key: Any, exchange_type: str | None, delivery_mode: Any, declare: Any
    ) -> Destination:
        qname, queue = _queue(self.amqp, queue, exchange)
        if delivery_mode is None:
            declared = getattr(getattr(queue, "exchange", None), "delivery_mode", None)
            delivery_mode = declared or self.delivery_mode
        exchange, routing_key = _address(self.amqp, qname, queue, exchange, routing_key, exchange_type)
        if declare is None and queue and not isinstance(queue, Broadcast):
            declare = [queue]
        return Destination(qname, exchange, routing_key, delivery_mode, declare)


def _queue(amqp: Any, queue: Any, exchange: Any) -> tuple[Any, Any]:
    """The queue's name and the queue; the default one where neither queue nor exchange is said."""
    if queue is None and exchange is None:
        queue = amqp.default_queue
    if isinstance(queue, str):
        return queue, amqp.queues[queue]
    return (None if queue is None else queue.name), queue


def _address(
    amqp: Any, qname: Any, queue: Any, exchange: Any, routing_key: Any, exchange_type: str | None
) -> tuple[Any, Any]:
    """(exchange, routing key). Through a direct exchange a message gets where its queue's name leads, too."""
    if exchange_type is None:
        exchange_type = getattr(getattr(queue, "exchange", None), "type", None) or "direct"
    if (not exchange or not routing_key) and exchange_type == "direct":
        return "", qname
    if exchange is None:
        default_key = amqp.app.conf.task_default_routing_key
        return queue.exchange.name or amqp.default_exchange, routing_key or queue.routing_key or default_key
    return exchange, routing_key


def _tell_old_receivers(name: str, headers: Any, body: Any) -> None:
    if not signals.task_sent.receivers:
        return
    if isinstance(body, tuple):
        said = {"args": body[0], "kwargs": body[1], "eta": headers["eta"], "taskset": headers["group"]}
        task_id = headers["id"]
    else:
        said = {key: body[key] for key in ("args", "kwargs", "eta", "taskset")}
        task_id = body["id"]
    signals.task_sent.send(sender=name, task_id=task_id, task=name, **said)
