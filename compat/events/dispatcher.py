"""Sending events."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, Self

from kombu.messaging import Producer

from ..app import app_or_default
from ..utils.nodenames import anon_nodename
from ..utils.time import utcoffset
from .event import Event, get_exchange, group_from


class EventDispatcher:
    """Sends events over ``connection`` or ``channel``; may be shared between threads.

    Events of the groups in ``buffer_group`` travel in batches of up to ``buffer_limit``, or at ``flush``. While the
    broker is away events are kept, if ``buffer_while_offline``.
    """

    DISABLED_TRANSPORTS = {"sql"}  # noqa: RUF012
    app: Any = None

    def __init__(
        self,
        connection: Any = None,
        hostname: str | None = None,
        enabled: bool = True,
        channel: Any = None,
        buffer_while_offline: bool = True,
        app: Any = None,
        serializer: str | None = None,
        groups: Any = None,
        delivery_mode: int = 1,
        buffer_group: Any = None,
        buffer_limit: int = 24,
        on_send_buffered: Callable[[], Any] | None = None,
    ) -> None:
        self.app = app_or_default(app or self.app)
        self.connection = connection or (channel.connection.client if channel else None)
        self.channel = channel
        self.hostname = hostname or anon_nodename()
        self.buffer_while_offline = buffer_while_offline
        self.buffer_group = buffer_group or frozenset()
        self.buffer_limit = buffer_limit
        self.on_send_buffered = on_send_buffered
        self.serializer = serializer or self.app.conf.event_serializer
        self.delivery_mode = delivery_mode
        self.groups = set(groups or ())
        self.tzoffset = [-time.timezone, -time.altzone]
        self.clock = self.app.clock
        self.pid = os.getpid()
        self.headers = {"hostname": self.hostname}
        self.mutex = threading.Lock()
        self.producer: Any = None
        self.on_enabled: set[Callable[[], Any]] = set()
        self.on_disabled: set[Callable[[], Any]] = set()
        self._group_buffer: defaultdict[str, list[Any]] = defaultdict(list)
        self._outbound_buffer: deque[tuple[Any, str]] = deque()
        self._closed = False
        self._connect(enabled)

    def _connect(self, enabled: bool) -> None:
        connection = self.connection or self.app.connection_for_write()
        self.exchange = get_exchange(connection, name=self.app.conf.event_exchange)
        self.enabled = enabled and connection.transport.driver_type not in self.DISABLED_TRANSPORTS
        if self.enabled:
            self.enable()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    def enable(self) -> None:
        with self.mutex:
            target = self.channel or self.connection
            self.producer = Producer(target, exchange=self.exchange, serializer=self.serializer, auto_declare=False)
            self._closed = False
            self.enabled = True
        for tell in self.on_enabled:
            tell()

    def disable(self) -> None:
        if self.enabled:
            self.enabled = False
            self.close()
            for tell in self.on_disabled:
                tell()

    def publish(
        self, type: str, fields: Any, producer: Any, blind: bool = False, Event: Any = Event, **kwargs: Any
    ) -> Any:
        """Send one event with a producer of the caller's; ``blind`` leaves the logical clock alone."""
        event = self._event(type, fields, blind, Event)
        with self.mutex:
            return self._publish(event, producer, _routing_key(type), **kwargs)

    def send(
        self,
        type: str,
        blind: bool = False,
        utcoffset: Any = utcoffset,
        retry: bool = False,
        retry_policy: Any = None,
        Event: Any = Event,
        **fields: Any,
    ) -> Any:
        """Send one event, unless its group is not wanted."""
        group = group_from(type)
        if not self.enabled or (self.groups and group not in self.groups):
            return None
        if group in self.buffer_group:
            return self._buffer(group, self._event(type, fields, False, Event))
        event = self._event(type, fields, blind, Event)
        with self.mutex:
            if self._closed:
                return None
            return self._publish(event, self.producer, _routing_key(type), retry, retry_policy)

    def _event(self, type: str, fields: Any, blind: bool, make: Any) -> Any:
        clock = None if blind else self.clock.forward()
        return make(type, hostname=self.hostname, utcoffset=utcoffset(), pid=self.pid, clock=clock, **fields)

    def _buffer(self, group: str, event: Any) -> None:
        events = self._group_buffer[group]
        events.append(event)
        if len(events) >= self.buffer_limit:
            self.flush()
        elif self.on_send_buffered:
            self.on_send_buffered()

    def _publish(
        self, event: Any, producer: Any, routing_key: str, retry: bool = False, retry_policy: Any = None
    ) -> None:
        if producer is None:
            return
        try:
            producer.publish(
                event,
                routing_key=routing_key,
                exchange=self.exchange.name,
                retry=retry,
                retry_policy=retry_policy,
                declare=[self.exchange],
                serializer=self.serializer,
                headers=self.headers,
                delivery_mode=self.delivery_mode,
            )
        except Exception:
            if not self.buffer_while_offline:
                raise
            self._outbound_buffer.append((event, routing_key))

    def flush(self, errors: bool = True, groups: bool = True) -> None:
        """Send what was kept while the broker was away (``errors``), and the batches (``groups``)."""
        with self.mutex:
            if self._closed:
                return
            if errors:
                kept = list(self._outbound_buffer)
                self._outbound_buffer.clear()
                for event, routing_key in kept:
                    self._publish(event, self.producer, routing_key)
            for group, events in self._group_buffer.items() if groups else ():
                if events:
                    batch = list(events)
                    self._publish(batch, self.producer, f"{group}.multi")
                    del events[: len(batch)]

    def extend_buffer(self, other: EventDispatcher) -> None:
        """Take over what another dispatcher could not send."""
        self._outbound_buffer.extend(other._outbound_buffer)

    def close(self) -> None:
        with self.mutex:
            self._closed = True
            self.producer = None

    @property
    def publisher(self) -> Any:
        return self.producer

    @publisher.setter
    def publisher(self, producer: Any) -> None:
        self.producer = producer


def _routing_key(type: str) -> str:
    return type.replace("-", ".")
