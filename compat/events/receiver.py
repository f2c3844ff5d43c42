"""Receiving events."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from kombu.connection import maybe_channel
from kombu.entity import Queue
from kombu.mixins import ConsumerMixin
from kombu.utils.uuid import uuid

from ..app import app_or_default
from ..exceptions import ImproperlyConfigured
from ..utils.time import adjust_timestamp
from .event import get_exchange

#: Clients do not keep their clock in step, so their events are put just before ours.
CLIENT_CLOCK_SKEW = -1


class EventReceiver(ConsumerMixin):
    """Calls ``handlers[type](event)`` (``"*"`` is for all others) with every event that ``capture`` receives."""

    app: Any = None

    def __init__(
        self,
        channel: Any,
        handlers: Mapping[str, Callable[[Any], Any]] | None = None,
        routing_key: str = "#",
        node_id: str | None = None,
        app: Any = None,
        queue_prefix: str | None = None,
        accept: Any = None,
        queue_ttl: float | None = None,
        queue_expires: float | None = None,
        queue_exclusive: bool | None = None,
        queue_durable: bool | None = None,
    ) -> None:
        self.app = app_or_default(app or self.app)
        conf = self.app.conf
        self.channel = maybe_channel(channel)
        self.handlers = {} if handlers is None else handlers
        self.routing_key = routing_key
        self.node_id = node_id or uuid()
        self.queue_prefix = queue_prefix or conf.event_queue_prefix
        self.exchange = get_exchange(self.connection or self.app.connection_for_write(), name=conf.event_exchange)
        exclusive = conf.event_queue_exclusive if queue_exclusive is None else queue_exclusive
        durable = conf.event_queue_durable if queue_durable is None else queue_durable
        if exclusive and durable:
            raise ImproperlyConfigured("Queue cannot be both exclusive and durable, choose one or the other.")
        self.queue = Queue(
            f"{self.queue_prefix}.{self.node_id}",
            exchange=self.exchange,
            routing_key=routing_key,
            auto_delete=not durable,
            durable=durable,
            exclusive=exclusive,
            message_ttl=conf.event_queue_ttl if queue_ttl is None else queue_ttl,
            expires=conf.event_queue_expires if queue_expires is None else queue_expires,
        )
        self.clock = self.app.clock
        self.adjust_clock = self.clock.adjust
        self.forward_clock = self.clock.forward
        self.accept = {conf.event_serializer, "json"} if accept is None else accept

    def process(self, type: str, event: Any) -> None:
        handler = self.handlers.get(type) or self.handlers.get("*")
        if handler:
            handler(event)

    def get_consumers(self, Consumer: Any, channel: Any) -> list[Any]:
        return [Consumer(queues=[self.queue], callbacks=[self._receive], no_ack=True, accept=self.accept)]

    def on_consume_ready(
        self, connection: Any, channel: Any, consumers: Any, wakeup: bool = True, **kwargs: Any
    ) -> None:
        if wakeup:
            self.wakeup_workers(channel=channel)

    def itercapture(self, limit: int | None = None, timeout: float | None = None, wakeup: bool = True) -> Any:
        return self.consume(limit=limit, timeout=timeout, wakeup=wakeup)  # type: ignore[no-untyped-call]

    def capture(self, limit: int | None = None, timeout: float | None = None, wakeup: bool = True) -> None:
        """Receive events until ``limit``, ``timeout`` (seconds of silence) or ``should_stop``."""
        for _ in self.itercapture(limit, timeout, wakeup):
            pass

    def wakeup_workers(self, channel: Any = None) -> None:
        """Ask the workers for a heartbeat now."""
        self.app.control.broadcast("heartbeat", connection=self.connection, channel=channel)

    def event_from_message(
        self,
        body: dict[str, Any],
        localize: bool = True,
        now: Callable[[], float] = time.time,
        adjust_timestamp: Any = adjust_timestamp,
        CLIENT_CLOCK_SKEW: int = CLIENT_CLOCK_SKEW,
    ) -> tuple[str, dict[str, Any]]:
        """(type, event): its time as of here, and the logical clock in step."""
        if body["type"] == "task-sent":
            body["clock"] = (self.clock.value or 1) + CLIENT_CLOCK_SKEW
            self.adjust_clock(body["clock"])
        elif "clock" in body:
            self.adjust_clock(body["clock"])
        else:
            body["clock"] = self.forward_clock()
        if localize and "utcoffset" in body and "timestamp" in body:
            body["timestamp"] = adjust_timestamp(body["timestamp"], body["utcoffset"])
        body["local_received"] = now()
        return body["type"], body

    def _receive(self, body: Any, message: Any) -> None:
        for event in body if isinstance(body, list) else [body]:
            self.process(*self.event_from_message(event))

    @property
    def connection(self) -> Any:
        return self.channel.connection.client if self.channel else None


def listen(app: Any, connection: Any, on_event: Callable[[Any], None], on_loss: Callable[[Exception], None]) -> None:
    """Call ``on_event`` with every event; where the connection is lost, ``on_loss`` with the error, and connect again.

    Until the program is interrupted.
    """
    while True:
        try:
            app.events.Receiver(connection, handlers={"*": on_event}).capture()
            return
        except (*connection.connection_errors, *connection.channel_errors) as error:
            on_loss(error)
            connection.collect()
            connection.ensure_connection()
