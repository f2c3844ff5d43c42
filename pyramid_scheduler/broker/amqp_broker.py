"""A broker on RabbitMQ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.interfaces import Leases, Publisher, Share
from ..core.url import display
from . import amqp_declaring
from .amqp_connecting import tls
from .amqp_publishing import AmqpPublisher
from .amqp_source import AmqpSource
from .kombu_broker import NoLeases


class AmqpBroker:
    """The broker wing's door, for AMQP 0.9.1. Claims end with their consumer's connection."""

    local = False

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        tls(url, options)  # what is wrong with it is told now, not to whoever adds the first job
        self.url = display(url)
        self._url = url
        self._options = options
        self._declarer = amqp_declaring.AmqpDeclarer(options)
        self._amqp = AmqpPublisher(url, self.url, options, self._declarer)
        self.publisher: Publisher = self._amqp
        self.leases: Leases = NoLeases()

    def source(self, queues: Sequence[str], consumer: str, share: Share | None = None) -> AmqpSource:
        return AmqpSource(
            self._url,
            self.url,
            self._options,
            queues,
            declarer=self._declarer,
            forward=self._amqp.forward,
            share=share,
        )

    def size(self, queue: str) -> int:
        with self._amqp.connection() as connection:
            return amqp_declaring.size(connection, queue)

    def purge(self, queue: str) -> int:
        with self._amqp.connection() as connection:
            if not amqp_declaring.size(connection, queue):
                return 0
            channel = connection.channel()
            count = int(channel.queue_purge(queue))
            channel.close()
            return count

    def check(self) -> None:
        with self._amqp.connection():
            pass

    def close(self) -> None:
        self.publisher.close()
