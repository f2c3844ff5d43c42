"""Where a task message goes, and who is told that it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kombu.common import Broadcast
from kombu.entity import Exchange

from .. import signals


def make_task_sender(amqp: Any) -> Callable[..., Any]:
    """``send_task_message(producer, name, message, **options)`` for this app's settings."""
    conf = amqp.app.conf
    retry_default, policy_default = conf.task_publish_retry, conf.task_publish_retry_policy
    delivery_mode_default = conf.task_default_delivery_mode

    def send_task_message(
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
        qname, queue = _queue(amqp, queue, exchange)
        if delivery_mode is None:
            declared = getattr(getattr(queue, "exchange", None), "delivery_mode", None)
            delivery_mode = declared or delivery_mode_default
        exchange, routing_key = _address(amqp, qname, queue, exchange, routing_key, exchange_type)
        if declare is None and queue and not isinstance(queue, Broadcast):
            declare = [queue]
        retry = retry_default if retry is None else retry
        policy = {**policy_default, **(retry_policy or {})}
        signals.before_task_publish.send(
            sender=name,
            body=body,
            exchange=exchange,
            routing_key=routing_key,
            declare=declare,
            headers=message_headers,
            properties=properties,
            retry_policy=policy,
        )
        published = producer.publish(
            body,
            exchange=exchange,
            routing_key=routing_key,
            serializer=serializer or conf.task_serializer,
            compression=compression or conf.task_compression,
            retry=retry,
            retry_policy=policy,
            delivery_mode=delivery_mode,
            declare=declare,
            headers=message_headers,
            timeout=timeout,
            confirm_timeout=confirm_timeout,
            **properties,
        )
        signals.after_task_publish.send(
            sender=name, body=body, headers=message_headers, exchange=exchange, routing_key=routing_key
        )
        _tell_old_receivers(name, message_headers, body)
        if sent_event:
            where = exchange.name if isinstance(exchange, Exchange) else exchange
            sent_event.update(queue=qname, exchange=where, routing_key=routing_key)
            dispatcher = event_dispatcher or amqp._event_dispatcher
            dispatcher.publish("task-sent", sent_event, producer, retry=retry, retry_policy=policy)
        return published

    return send_task_message


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
