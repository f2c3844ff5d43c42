"""Queues as we declare them, and as others have declared them before us."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import amqp
from amqp.exceptions import NotFound, PreconditionFailed

from .options import table

log = logging.getLogger(__name__)

DELIVERY_LIMIT, UNLIMITED = "x-delivery-limit", -1
#: From here on a quorum queue drops what was redelivered twenty times, unless told otherwise.
LIMITING_VERSION = 4


class AmqpDeclarer:
    """Declares durable queues of the type that ``options`` ask for (``queue_type``, ``queue_arguments``)."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._arguments = table(options, "queue_arguments")
        if options.get("queue_type"):
            self._arguments.setdefault("x-queue-type", options["queue_type"])
        self._warned: set[str] = set()

    @property
    def asks_for_quorum(self) -> bool:
        return self._arguments.get("x-queue-type") == "quorum"

    def declare(self, connection: amqp.Connection, channel: amqp.Channel, queue: str) -> amqp.Channel:
        """Make sure the queue is there, and return a channel that is open.

        A queue that somebody (a Celery, say) declared with other arguments is used as it is.
        """
        refusal: PreconditionFailed | None = None
        for arguments in self._variants(connection):
            try:
                channel.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments or None)
                return channel
            except PreconditionFailed as error:
                refusal = error
                if not channel.is_open:  # py-amqp opens it again
                    channel = connection.channel()
        assert refusal is not None
        self._use_as_it_is(channel, queue, refusal)
        return channel

    def _variants(self, connection: amqp.Connection) -> list[dict[str, Any]]:
        """What is wanted; for a server that does not take all of that, the same without it."""
        if not self.asks_for_quorum or DELIVERY_LIMIT in self._arguments or _version(connection) < LIMITING_VERSION:
            return [self._arguments]
        return [{**self._arguments, DELIVERY_LIMIT: UNLIMITED}, self._arguments]

    def _use_as_it_is(self, channel: amqp.Channel, queue: str, refusal: PreconditionFailed) -> None:
        try:
            channel.queue_declare(queue, passive=True)
        except NotFound:  # it is not that the queue is another: such a one cannot be
            raise refusal from None
        if queue not in self._warned:
            self._warned.add(queue)
            said = "queue %s was declared elsewhere with other arguments and is used as it is: %s"
            # Who asked for none, as a Celery application that has declared it does, misses nothing.
            log.log(logging.WARNING if self._arguments else logging.INFO, said, queue, refusal.reply_text)


def _version(connection: amqp.Connection) -> int:
    text = str((connection.server_properties or {}).get("version", ""))
    return int(text.partition(".")[0]) if text[:1].isdigit() else 0


def size(connection: amqp.Connection, queue: str) -> int:
    """How many messages wait; a queue that nobody declared holds none."""
    channel = connection.channel()
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except NotFound:
        return 0
    finally:
        if channel.is_open:
            channel.close()
