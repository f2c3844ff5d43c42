"""Holding on to a message for longer than the server lets a consumer have it (RabbitMQ's ``consumer_timeout``).

A message that is held for long is copied into a queue that only its holder consumes, and acked where it came from
once the copy is here. Copies are replaced by copies of themselves, so that none is ever old. When the holder dies the
server puts its copy back into that queue, where it has expired long ago, and so dead-letters it, to where it came from.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import amqp

from ..core.errors import BrokerUnavailable, InvalidMessage
from ..core.message import Delivery

log = logging.getLogger(__name__)

#: Held messages are copied this often, so that at most twice as much passes before each first copy. The server's
#: documentation calls timeouts of less than a minute unsupported.
RENEW_SECONDS = 20.0
AGAIN_SECONDS = 1.0
#: How long a copy may wait for its holder, before it goes back; no hurry, it is there already.
COPY_LIVES_MILLISECONDS = 5000
#: A queue that nobody consumes is deleted; whatever was in it has gone back long before.
QUEUE_LIVES_MILLISECONDS = 120_000

HANDLE = "ps-held"
_NAME = ".ps.held."
_DEATH = ("x-death", "x-first-death-", "x-last-death-")
_OWN_PROPERTIES = ("expiration", "user_id", "application_headers")

Forward = Callable[[str, amqp.Message], None]


class AmqpHold:
    """The copies that one consuming connection holds, each named by the delivery tag of its original."""

    def __init__(
        self, connection: amqp.Connection, *, forward: Forward, taken: Callable[[int], None], quorum: bool
    ) -> None:
        self._connection = connection
        self._forward = forward
        self._taken = taken
        self._quorum = quorum
        self._name = uuid.uuid4().hex
        self._channel: Any = None
        self._queues: dict[str, str] = {}
        self._expected: dict[int, Delivery] = {}  # whose copy is on its way
        self._copies: dict[int, tuple[Delivery, int]] = {}  # with the copy's own tag

    def renew(self, originals: Mapping[int, Delivery]) -> bool:
        """Replace all copies, and copy these; False where it must be tried again soon."""
        wanted = {**originals, **{tag: delivery for tag, (delivery, _) in self._copies.items()}}
        try:
            for tag, delivery in wanted.items():
                self._expected[tag] = delivery
                self._copy(self._queue_for(delivery.queue), delivery, tag)
        except BrokerUnavailable as error:
            log.warning("%d messages of long jobs could not be held on to yet: %s", len(wanted), error)
            return False
        return True

    def _copy(self, queue: str, delivery: Delivery, tag: int) -> None:
        try:
            self._forward(queue, _copy(delivery, tag))
        except InvalidMessage as error:  # just too large, with the header of the copy
            log.warning("a job that runs longer than the server's consumer_timeout will be started again: %s", error)

    def _queue_for(self, queue: str) -> str:
        if self._channel is None or not self._channel.is_open:
            self._channel = self._connection.channel()
            self._channel.auto_decode = False
        if queue not in self._queues:
            name = f"{queue}{_NAME}{self._name}"
            self._channel.queue_declare(name, durable=True, auto_delete=False, arguments=self._arguments(queue))
            self._channel.basic_consume(name, callback=self._arrived)
            self._queues[queue] = name
        return self._queues[queue]

    def _arguments(self, queue: str) -> dict[str, Any]:
        arguments = {
            "x-queue-type": "classic",
            "x-message-ttl": COPY_LIVES_MILLISECONDS,
            "x-expires": QUEUE_LIVES_MILLISECONDS,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": queue,
        }
        if self._quorum:  # as safe on the way back as it was in its queue
            arguments |= {
                "x-queue-type": "quorum",
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            }
        return arguments

    def _arrived(self, message: Any) -> None:
        tag, copy = int(message.properties["application_headers"][HANDLE]), message.delivery_info["delivery_tag"]
        delivery = self._expected.pop(tag, None)
        if delivery is None:  # a second copy, or the original was settled in the meantime
            self._channel.basic_ack(copy)
            return
        before = self._copies.get(tag)
        self._copies[tag] = (delivery, copy)
        if before is None:
            self._taken(tag)
        else:
            self._channel.basic_ack(before[1])

    def ack(self, tags: Collection[int]) -> None:
        """Those that are held here are done."""
        for copy in self._let_go(tags):
            self._channel.basic_ack(copy)

    def give_back(self, tags: Collection[int]) -> None:
        """Back to where they came from, not marked as redelivered."""
        for copy in self._let_go(tags):
            self._channel.basic_reject(copy, requeue=False)

    def _let_go(self, tags: Collection[int]) -> list[int]:
        for tag in tags:
            self._expected.pop(tag, None)
        return [self._copies.pop(tag)[1] for tag in tags if tag in self._copies]


def _copy(delivery: Delivery, tag: int) -> amqp.Message:
    properties = {name: value for name, value in delivery.properties.items() if name not in _OWN_PROPERTIES}
    headers = {**delivery.headers, HANDLE: str(tag)}
    return amqp.Message(delivery.body, application_headers=headers, **{**properties, "delivery_mode": 2})


def came_back(headers: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The headers of a copy that was dead-lettered, as they were; and whether its holder had gone silent."""
    if HANDLE not in headers:
        return headers, False
    deaths = headers.get("x-death") or [{}]
    before = {name: value for name, value in headers.items() if name != HANDLE and not name.startswith(_DEATH)}
    return before, deaths[0].get("reason") == "expired"
