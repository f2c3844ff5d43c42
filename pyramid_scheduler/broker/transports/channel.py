"""A Kombu channel on a queue store: for whoever speaks Kombu and not our own sources and publishers."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Iterable
from queue import Empty
from typing import Any

from kombu.transport import virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads

from ...core.errors import SchedulerError
from .store import Put, QueueStore

BEAT_SECONDS, SILENT_SECONDS = 2.0, 8.0


class QoS(virtual.QoS):
    """Unacked messages are claims in the store; nothing needs restoring by this process when it dies."""

    restore_at_shutdown = False

    def ack(self, delivery_tag: str) -> None:
        self.channel.settle(delivery_tag)
        super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        self.channel.settle(delivery_tag, give_back=requeue)
        super().ack(delivery_tag)


class StoreChannel(virtual.Channel):
    """Claims belong to this channel while it beats; a process that dies with it is missed after eight seconds.

    Bindings are rows, so that direct, topic and fanout exchanges reach the queues of other processes.
    """

    QoS = QoS
    supports_fanout = True
    do_restore = False

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self.consumer = f"kombu-{socket.gethostname()}-{uuid.uuid4().hex[:12]}"
        self._claims: dict[str, str] = {}
        self._ended = threading.Event()
        self._beats: threading.Thread | None = None

    @property
    def store(self) -> QueueStore:
        return self.connection.store_of(self.connection.client)  # type: ignore[no-any-return]

    # Messages

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        self.store.put([Put(queue, dumps(message), self._get_message_priority(message, reverse=False))])

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        self._beat()
        for claimed in self.store.claim([queue], 1, self.consumer):
            message: dict[str, Any] = loads(bytes_to_str(claimed.payload))
            properties = message["properties"]
            if claimed.redelivered:
                properties.setdefault("delivery_info", {})["redelivered"] = True
            # A fanout leaves one message in several queues: here each delivery has a tag of its own.
            properties["delivery_tag"] = f"{queue}:{claimed.tag}"
            self._claims[properties["delivery_tag"]] = claimed.tag
            return message
        raise Empty

    def settle(self, delivery_tag: str, *, give_back: bool = False) -> None:
        """Ack a delivery, or give it back to the front of its queue."""
        tag = self._claims.pop(delivery_tag, None)
        if tag is not None:
            (self.store.give_back if give_back else self.store.ack)([tag], self.consumer)

    def _size(self, queue: str) -> int:
        return self.store.size(queue)

    def _purge(self, queue: str) -> int:
        return self.store.purge(queue)

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        self._purge(queue)
        self.connection.bindings_of(self.store).forget(queue)

    def _has_queue(self, queue: str, **_: Any) -> bool:
        return True

    # Exchanges

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        self.connection.bindings_of(self.store).add(exchange, routing_key, pattern or "", queue)

    def get_table(self, exchange: str) -> list[tuple[str, str, str]]:
        found: Iterable[tuple[str, str, str]] = self.connection.bindings_of(self.store).find(exchange)
        return list(found)

    def _put_fanout(self, exchange: str, message: dict[str, Any], routing_key: str, **_: Any) -> None:
        for *_binding, queue in self.get_table(exchange):
            self._put(queue, message)

    # Life

    def _beat(self) -> None:
        if self._beats is None:
            self.store.beat([self.consumer])
            self._beats = threading.Thread(target=self._beat_on, name="pscheduler-kombu-beat", daemon=True)
            self._beats.start()

    def _beat_on(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                self.store.beat([self.consumer])
                self.store.recover(SILENT_SECONDS)
            except SchedulerError:  # the channel's own calls say so; the next beat tries again
                pass

    def close(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            if self._beats is not None:
                self.store.release(self.consumer)
        super().close()
