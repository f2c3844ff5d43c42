"""Consuming over AMQP: a connection of its own, acks in batches, a prefetch that follows the worker."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import amqp
from amqp.exceptions import AccessRefused, AMQPNotImplementedError

from ..core.errors import BrokerUnavailable
from ..core.interfaces import Share
from ..core.message import Delivery
from ..core.waking import WakePipe, readable
from .amqp_connecting import ERRORS, connect, has_read_ahead, is_plain, take_in
from .amqp_declaring import AmqpDeclarer
from .amqp_flow import ChannelFlow, ConsumerFlow
from .amqp_hanging_up import Tag, hang_up
from .amqp_holding import AGAIN_SECONDS, RENEW_SECONDS, AmqpHold, Forward, came_back
from .amqp_unacked import Unacked

log = logging.getLogger(__name__)

#: What has arrived and was not asked for in this time goes back: somebody else may have room for it.
SURPLUS_SECONDS = 0.5
#: Longer than a worker takes to find that it has lost its connection, and to write what has ended.
SETTLING_SECONDS = 0.2


class AmqpSource:
    """A consumer's tap on RabbitMQ. After a reconnection, what the old connection held is redelivered by the broker."""

    def __init__(
        self,
        url: str,
        display: str,
        options: Mapping[str, Any],
        queues: Sequence[str],
        *,
        declarer: AmqpDeclarer,
        forward: Forward,
        share: Share | None = None,
    ) -> None:
        self._url = url
        self._display = display
        self._options = options
        self._queues = tuple(queues)
        self._declarer = declarer
        self._forward = forward
        self._share = share
        self._flow_type: type[ChannelFlow | ConsumerFlow] = ConsumerFlow if declarer.asks_for_quorum else ChannelFlow
        self._renew_seconds: float | None = float(options.get("renew_seconds") or RENEW_SECONDS)
        self._pipe = WakePipe()
        self._connection: amqp.Connection | None = None
        self._channel: Any = None
        self._flow: Any = None
        self._hold: Any = None
        self._generation = 0
        self._arrived: deque[Delivery] = deque()
        self._unacked: Any = None
        self._returned: set[str] = set()  # ids of what went back last
        self._outlives = False  # whether the connection does this process
        self._renew_at = self._asked_at = 0.0

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        try:
            self._open()
            self._hold_on()
            self._follow(limit)
            self._wait(limit, timeout)
        except ERRORS as error:
            raise self._lost(error) from error
        return [self._arrived.popleft() for _ in range(min(limit, len(self._arrived)))]

    def _open(self) -> None:
        if self._connection is not None:
            return
        try:
            self._connect()
        except AMQPNotImplementedError:
            if self._flow_type is ConsumerFlow:
                raise
            self._drop()
            self._flow_type = ConsumerFlow
            self._connect()

    def _connect(self) -> None:
        self._generation += 1
        self._renew_at = time.monotonic() + (self._renew_seconds or 0.0)
        self._connection = connect(self._url, self._options)
        channel = self._connection.channel()
        for queue in self._queues:
            channel = self._declarer.declare(self._connection, channel, queue)
        channel.auto_decode = False
        self._channel = channel
        self._unacked = Unacked(channel)
        self._hold = AmqpHold(
            self._connection,
            forward=self._forward,
            taken=self._unacked.ack_one,
            quorum=self._flow_type is ConsumerFlow,
        )
        self._outlives = self._share_connection()
        self._flow = self._flow_type(channel, {queue: self._arrive(queue) for queue in self._queues})
        self._flow.move(1)

    def _share_connection(self) -> bool:
        connection = self._connection
        if self._share is None or connection is None or not is_plain(connection):
            return False
        end = partial(hang_up, channel=self._channel.channel_id, generation=self._generation)
        return self._share(connection.sock.fileno(), end)

    def _arrive(self, queue: str) -> Any:
        def arrived(message: Any) -> None:
            tag = message.delivery_info["delivery_tag"]
            delivery = _delivery(queue, message, (self._generation, tag))
            if delivery.unsettled_until and _id(delivery) in self._returned:  # it was only here, where nobody began it
                delivery.unsettled_until = 0.0
            self._unacked.add(tag, delivery)
            self._arrived.append(delivery)

        return arrived

    # How much to have here

    def _follow(self, limit: int) -> None:
        """Let the broker send what the worker can use. A move costs a round trip: small ones are not made."""
        now = time.monotonic()
        if limit or not self._arrived:
            self._asked_at = now
        elif now - self._asked_at > SURPLUS_SECONDS:
            self._return([])
        wanted = max(len(self._unacked) - len(self._arrived) + limit, 1)
        if (limit and wanted > self._flow.limit) or wanted * 2 < self._flow.limit:
            self._flow.move(wanted)

    def _return(self, tags: list[int]) -> None:
        """These, and what is here and was not asked for; not without having the broker send no more before."""
        surplus = [delivery.tag[1] for delivery in self._arrived]
        self._arrived.clear()
        back = self._unacked.take({*tags, *surplus})
        self._returned = {_id(delivery) for delivery in back.values() if delivery is not None}
        self._flow.pause(len(self._unacked))
        for tag in back:
            self._channel.basic_reject(tag, requeue=True)

    def _wait(self, limit: int, timeout: float) -> None:
        """Where there is no room, for that alone: each ack brings a message, which can wait where it is."""
        if limit:
            self._drain(0.0 if self._arrived else timeout)
        else:
            self._pipe.wait(timeout)
            self._drain(0.0)

    def _drain(self, timeout: float) -> None:
        """Take in what the socket holds; wait for the first of it, or to be woken."""
        connection = self._connection
        assert connection is not None
        came = False
        while True:
            if not has_read_ahead(connection):
                fd = connection.sock.fileno()
                ready = readable([fd, self._pipe.fd], 0.0 if came else timeout)
                if self._pipe.fd in ready:
                    self._pipe.drain()
                    timeout = 0.0
                if fd not in ready:
                    return
            take_in(connection)
            came = True
            if len(self._arrived) >= max(self._flow.limit, 1):
                return

    # How long to have it here

    def _hold_on(self) -> None:
        """What has been here since before the last time is old: the server must see it settled before long."""
        if self._renew_seconds is None or time.monotonic() < self._renew_at:
            return
        try:
            done = self._hold.renew(self._unacked.old)
        except AccessRefused as error:
            self._renew_seconds = None
            log.warning(
                "jobs that run longer than the server's consumer_timeout will be started again: %s may not declare"
                " the queues that would hold on to them: %s",
                self._display, error.reply_text,
            )  # fmt: skip
            return
        self._renew_at = time.monotonic() + (self._renew_seconds if done else AGAIN_SECONDS)
        if done:
            self._unacked.age()

    # Settling

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        try:
            self._ack(self._tags(deliveries))
        except ERRORS as error:
            raise self._lost(error) from error

    def ack_for_certain(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Acks are not answered, and what a killed process has sent may never be read: the reset of its connection
        overtakes it. So something harmless is asked after them, at the price of a round trip."""
        mine = self._mine(deliveries)
        self.ack(mine)
        try:
            if mine and self._channel is not None:
                self._channel.flow(True)  # which it is; a basic_qos would lift the limit of the channel
        except ERRORS as error:
            raise self._lost(error) from error
        return mine

    def _ack(self, tags: Sequence[int]) -> None:
        if tags:
            self._unacked.ack(tags)
            self._hold.ack(tags)

    def ack_now(self, delivery: Delivery) -> bool:
        return False  # a channel belongs to one thread

    def keeps(self, delivery: Delivery) -> bool:
        generation, tag = delivery.tag
        unacked = self._unacked
        return self._outlives and generation == self._generation and unacked is not None and unacked.is_fresh(tag)

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        tags = self._tags(deliveries)
        try:
            if tags:
                self._return(tags)
                self._hold.give_back(tags)
        except ERRORS as error:
            raise self._lost(error) from error

    def _tags(self, deliveries: Sequence[Delivery]) -> list[int]:
        return [delivery.tag[1] for delivery in self._mine(deliveries)]

    def _mine(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        return [delivery for delivery in deliveries if delivery.tag[0] == self._generation]

    def wake(self) -> None:
        self._pipe.wake()

    def _lost(self, error: Exception) -> BrokerUnavailable:
        self._drop()
        return BrokerUnavailable(f"the broker {self._display} does not answer: {error}")

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._flow = self._hold = self._unacked = None
        self._generation += 1
        self._arrived.clear()
        self._returned.clear()
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


def _id(delivery: Delivery) -> str:
    """Of protocol 1, which has it in the body, the handle, which no other delivery has."""
    return str(delivery.headers.get("id", delivery.tag))


def _delivery(queue: str, message: Any, tag: Tag) -> Delivery:
    properties = message.properties
    body = message.body
    is_redelivered = bool(message.delivery_info.get("redelivered"))
    headers, left_behind = came_back(properties.get("application_headers") or {})
    return Delivery(
        queue,
        headers,
        body.encode("utf-8", "surrogateescape") if isinstance(body, str) else bytes(body),
        properties.get("content_type") or "application/json",
        properties.get("content_encoding") or "utf-8",
        properties,
        tag,
        left_behind or is_redelivered,
        unsettled_until=time.monotonic() + SETTLING_SECONDS if is_redelivered else 0.0,
    )
