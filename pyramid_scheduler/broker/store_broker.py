"""A broker on a queue store of our own: one round trip per batch, both ways."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import Any

from ..core.interfaces import Leases, Publisher, Share
from ..core.message import Delivery, Message
from ..core.url import display
from ..core.waking import WakePipe
from . import payload
from .transports.store import Put, QueueStore
from .url import is_local


class StorePublisher:
    """Publishes through a queue store; joins transactions where the store can."""

    def __init__(self, store: QueueStore) -> None:
        self._store = store

    def publish(self, messages: Sequence[Message], within: Any = None) -> None:
        if messages:
            self._store.put([Put(m.queue, payload.dump(m), m.priority) for m in messages], within)

    def joins(self, database_url: str) -> bool:
        joins = getattr(self._store, "joins", None)
        return bool(joins and joins(database_url))

    def close(self) -> None: ...


#: For a job that came to an idle worker: its thread shall not share the interpreter with one that looks for more.
HEAD_START_SECONDS = 0.001


class StoreSource:
    """A consumer's tap on a queue store."""

    def __init__(self, store: QueueStore, queues: Sequence[str], consumer: str) -> None:
        self._store = store
        self._queues = tuple(queues)
        self._consumer = consumer
        store.beat([consumer])
        self._pipe = WakePipe()  # not before: nobody would close it if there was no broker to beat to
        self._has_just_begun = False
        self._said: deque[str] = deque()  # tags, acked by whichever thread, and not certainly

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        self._make_certain()
        if not limit:
            self._store.rest(self._consumer)
            self._pipe.wait(timeout)
            return []
        if self._has_just_begun:
            self._has_just_begun = False
            if self._pipe.wait(min(HEAD_START_SECONDS, timeout)):
                return []
        found = self._claim(limit)
        if not found and timeout > 0:
            self._store.wait(self._queues, timeout, self._pipe.fd, self._consumer)
            found = self._claim(limit)
            self._has_just_begun = bool(found)
            if not found:  # otherwise nobody is kept waiting for this
                self._pipe.drain()
        return found

    def _claim(self, limit: int) -> list[Delivery]:
        claimed = self._store.claim(self._queues, limit, self._consumer)
        return [payload.load(c.payload, c.queue, c.tag, c.redelivered) for c in claimed]

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            self._store.ack([delivery.tag for delivery in deliveries], self._consumer)

    def ack_for_certain(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        self.ack(deliveries)
        return deliveries

    def ack_now(self, delivery: Delivery) -> bool:
        if not self._store.ack_now(delivery.tag, self._consumer):
            self._said.append(delivery.tag)
        return True

    def keeps(self, delivery: Delivery) -> bool:
        return self._store.keeps(delivery.tag)

    def _make_certain(self) -> None:
        tags = [self._said.popleft() for _ in range(len(self._said))]
        if tags:
            self._store.ack(tags, self._consumer)

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            self._store.give_back([delivery.tag for delivery in deliveries], self._consumer)

    def wake(self) -> None:
        self._pipe.wake()

    def close(self) -> None:
        self._pipe.close()
        self._make_certain()
        self._store.rest(self._consumer)


class StoreLeases:
    """Claims end when their consumer goes silent."""

    def __init__(self, store: QueueStore) -> None:
        self._store = store

    def beat(self, consumers: Collection[str]) -> None:
        self._store.beat(consumers)

    def release(self, consumer: str, begun: Collection[Any] = ()) -> int:
        return self._store.release(consumer, begun)

    def recover(self, silent_seconds: float) -> int:
        return self._store.recover(silent_seconds)


class StoreBroker:
    """The broker wing's door, for SQL databases and Redis."""

    def __init__(self, url: str, store: QueueStore) -> None:
        self.url = display(url)
        self.local = is_local(url)
        self._store = store
        self.publisher: Publisher = StorePublisher(store)
        self.leases: Leases = StoreLeases(store)

    def source(self, queues: Sequence[str], consumer: str, share: Share | None = None) -> StoreSource:
        return StoreSource(self._store, queues, consumer)

    def size(self, queue: str) -> int:
        return self._store.size(queue)

    def purge(self, queue: str) -> int:
        return self._store.purge(queue)

    def check(self) -> None:
        self._store.size("")

    def close(self) -> None:
        self._store.close()
