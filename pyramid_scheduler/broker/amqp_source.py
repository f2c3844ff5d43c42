"""Consuming over AMQP: a connection of its own, acks in batches, a prefetch that follows the worker."""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import amqp

from ..core.errors import BrokerUnavailable
from ..core.message import Delivery
from ..core.waking import WakePipe
from .amqp_connecting import ERRORS, connect, declare, has_read_ahead

Tag = tuple[int, int]  # (which of our connections, delivery tag)


class AmqpSource:
    """A consumer's tap on RabbitMQ. After a reconnection, what the old connection held is redelivered by the broker."""

    def __init__(self, url: str, display: str, options: Mapping[str, Any], queues: Sequence[str]) -> None:
        self._url = url
        self._display = display
        self._options = options
        self._queues = tuple(queues)
        self._pipe = WakePipe()
        self._connection: amqp.Connection | None = None
        self._channel: Any = None
        self._generation = 0
        self._prefetch = 0
        self._arrived: deque[Delivery] = deque()
        self._held: dict[int, bool] = {}  # delivery tag → whether it may be acked, in order of delivery

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        try:
            self._open()
            self._follow(limit)
            if not self._drain(0.0) and not self._arrived and timeout > 0:
                self._drain(timeout)
        except ERRORS as error:
            self._drop()
            raise BrokerUnavailable(f"the broker {self._display} does not answer: {error}") from error
        return [self._arrived.popleft() for _ in range(min(limit, len(self._arrived)))]

    def _open(self) -> None:
        if self._connection is not None:
            return
        self._generation += 1
        self._connection = connect(self._url, self._options)
        channel = self._connection.channel()
        for queue in self._queues:
            channel = declare(self._connection, channel, queue, {})
        channel.auto_decode = False
        self._channel = channel
        self._prefetch = 0
        self._follow(1)
        for queue in self._queues:
            channel.basic_consume(queue, callback=self._arrive(queue))

    def _follow(self, limit: int) -> None:
        """Let the broker send what the worker can use. A move costs a round trip: small ones are not made."""
        wanted = min(len(self._held) - len(self._arrived) + max(limit, 1), 65535)
        if wanted > self._prefetch or wanted * 2 < self._prefetch:
            self._prefetch = wanted
            self._channel.basic_qos(0, wanted, True)  # for the whole channel: it moves live consumers, too

    def _arrive(self, queue: str) -> Any:
        def arrived(message: Any) -> None:
            tag = message.delivery_info["delivery_tag"]
            self._held[tag] = False
            self._arrived.append(_delivery(queue, message, (self._generation, tag)))

        return arrived

    def _drain(self, timeout: float) -> bool:
        """Take in what the socket holds; wait for the first of it, or to be woken. Returns whether anything came."""
        connection = self._connection
        assert connection is not None
        came = False
        while True:
            if not has_read_ahead(connection):
                ready, _, _ = select.select([connection.sock, self._pipe.fd], [], [], 0.0 if came else timeout)
                if self._pipe.fd in ready:
                    self._pipe.drain()
                    timeout = 0.0
                if connection.sock not in ready:
                    return came
            connection.drain_events(timeout=5)
            came = True
            if len(self._arrived) >= self._prefetch:
                return came

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        mine = [tag for tag in self._tags(deliveries) if tag in self._held]
        for tag in mine:
            self._held[tag] = True
        try:
            self._ack_prefix()
            for tag in mine:
                if self._held.pop(tag, None) is not None:
                    self._channel.basic_ack(tag)
        except ERRORS as error:
            self._drop()
            raise BrokerUnavailable(f"the broker {self._display} does not answer: {error}") from error

    def _ack_prefix(self) -> None:
        """All that came before some delivery, and that one, are done: one frame says so."""
        last = 0
        for tag, done in self._held.items():
            if not done:
                break
            last = tag
        if last:
            self._channel.basic_ack(last, multiple=True)
            self._held = {tag: done for tag, done in self._held.items() if tag > last}

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        try:
            for tag in reversed(self._tags(deliveries)):
                if self._held.pop(tag, None) is not None:
                    self._channel.basic_reject(tag, requeue=True)
        except ERRORS as error:
            self._drop()
            raise BrokerUnavailable(f"the broker {self._display} does not answer: {error}") from error

    def _tags(self, deliveries: Sequence[Delivery]) -> list[int]:
        return [delivery.tag[1] for delivery in deliveries if delivery.tag[0] == self._generation]

    def wake(self) -> None:
        self._pipe.wake()

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._generation += 1
        self._arrived.clear()
        self._held.clear()
        if connection is not None:
            try:
                connection.collect()
            except ERRORS:
                pass

    def close(self) -> None:
        """Hang up; the broker takes back what is not acked."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except ERRORS:
                pass
        self._drop()
        self._pipe.close()


def _delivery(queue: str, message: Any, tag: Tag) -> Delivery:
    properties = message.properties
    body = message.body
    return Delivery(
        queue,
        properties.get("application_headers") or {},
        body.encode("utf-8", "surrogateescape") if isinstance(body, str) else bytes(body),
        properties.get("content_type") or "application/json",
        properties.get("content_encoding") or "utf-8",
        properties,
        tag,
        bool(message.delivery_info.get("redelivered")),
    )
