"""Broadcasts by publish and subscribe, on the topics that Kombu's own Redis transport uses."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from .redis_layout import Layout


class RedisFanout:
    """One subscription connection for all broadcast queues of a Kombu connection. Who does not listen misses them."""

    def __init__(self, client: Any, layout: Layout, database: int, options: Mapping[str, Any]) -> None:
        prefix = options.get("fanout_prefix", True)
        kind = prefix if isinstance(prefix, str) else "/{db}." if prefix else ""
        self._topic = layout.prefix + kind.format(db=database)
        self._with_keys = options.get("fanout_patterns", True)
        self._client = client
        self._pubsub: Any = None
        self._queues: dict[str, set[str]] = {}  # topic pattern → queues
        self._arrived: dict[str, deque[bytes]] = {}

    def publish(self, exchange: str, routing_key: str, payload: str) -> None:
        self._client.publish(self._topic_of(exchange, routing_key), payload)

    def subscribe(self, queue: str, exchange: str, pattern: str) -> None:
        topic = self._topic_of(exchange, pattern)
        self._queues.setdefault(topic, set()).add(queue)
        self._arrived.setdefault(queue, deque())
        if self._pubsub is None:
            self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)
        self._pubsub.psubscribe(topic)
        # The server's word that it listens: what is broadcast from now on arrives.
        self._take(self._pubsub.get_message(timeout=1.0))

    def unsubscribe(self, queue: str) -> None:
        self._arrived.pop(queue, None)
        for topic, queues in list(self._queues.items()):
            queues.discard(queue)
            if not queues:
                del self._queues[topic]
                self._pubsub.punsubscribe(topic)

    def get(self, queue: str) -> bytes | None:
        """The queue's next message, if one has arrived."""
        while self._pubsub is not None and self._pubsub.connection.can_read(0):
            self._take(self._pubsub.get_message(timeout=0))
        waiting = self._arrived.get(queue)
        return waiting.popleft() if waiting else None

    def _take(self, message: Any) -> None:
        if message and message["type"] == "pmessage":
            for queue in self._queues.get(message["pattern"].decode(), ()):
                self._arrived[queue].append(message["data"])

    @property
    def fd(self) -> int | None:
        """Readable when something arrives; None where nobody subscribed."""
        connection = self._pubsub.connection if self._pubsub is not None else None
        return connection._sock.fileno() if connection is not None and connection._sock else None

    def close(self) -> None:
        if self._pubsub is not None:
            self._pubsub.close()
        self._pubsub = None

    def _topic_of(self, exchange: str, routing_key: str) -> str:
        return f"{self._topic}{exchange}/{routing_key}" if routing_key and self._with_keys else self._topic + exchange
