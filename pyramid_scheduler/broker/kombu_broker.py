"""A broker on any other Kombu transport, as Kombu provides it: the memory transport above all."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from kombu.connection import Connection
from kombu.entity import Queue
from kombu.exceptions import OperationalError

from ..core.errors import BrokerUnavailable, InvalidSetting
from ..core.interfaces import Leases, Publisher, Share
from ..core.message import Delivery, Message
from ..core.url import display
from .url import is_local

#: How long one drain blocks; a wake takes effect this much later at most.
SLICE_SECONDS = 0.02


class KombuBroker:
    """The broker wing's door, for Kombu's own transports. Delivery guarantees are those of the transport."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self.url = display(url)
        self.local = is_local(url)
        try:
            self._connection = Connection(url, transport_options=dict(options), connect_timeout=2)
            self._connection.get_transport_cls()
        except (KeyError, ImportError) as error:
            raise InvalidSetting(f"scheduler.broker.url = {self.url}: {error.args[0]}") from error
        self.is_memory = self._connection.transport_cls == "memory"
        self._lock = threading.RLock()
        self._declared: set[str] = set()
        self.publisher: Publisher = KombuPublisher(self)
        self.leases: Leases = NoLeases()

    def source(self, queues: Sequence[str], consumer: str, share: Share | None = None) -> KombuSource:
        return KombuSource(self, queues)

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """The publishing channel, for one thread at a time."""
        with self._lock, self.errors():
            self._connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=2)
            yield self._connection.default_channel

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, OSError, *self._connection.connection_errors) as error:
            self._declared.clear()  # the server that comes back may not have them
            raise BrokerUnavailable(f"the broker {self.url} does not answer as it should: {error}") from error

    def declare(self, channel: Any, queue: str) -> None:
        if queue not in self._declared:
            Queue(queue, channel=channel).queue_declare()
            self._declared.add(queue)

    def clone(self) -> Any:
        return self._connection.clone()

    def size(self, queue: str) -> int:
        with self.channel() as channel:
            self.declare(channel, queue)
            return int(Queue(queue, channel=channel).queue_declare(passive=True).message_count)

    def purge(self, queue: str) -> int:
        with self.channel() as channel:
            self.declare(channel, queue)
            return int(Queue(queue, channel=channel).purge() or 0)

    def check(self) -> None:
        with self.channel():
            pass

    def close(self) -> None:
        with self._lock:
            self._connection.release()
            self._declared.clear()


class NoLeases:
    """Claims end with their connection."""

    def beat(self, consumers: Collection[str]) -> None: ...

    def release(self, consumer: str, begun: Collection[Any] = ()) -> int:
        return 0

    def recover(self, silent_seconds: float) -> int:
        return 0


class KombuPublisher:
    """Publishes through Kombu's Producer."""

    def __init__(self, broker: KombuBroker) -> None:
        self._broker = broker

    def publish(self, messages: Sequence[Message], within: Any = None) -> None:
        with self._broker.channel() as channel:
            for message in messages:
                self._broker.declare(channel, message.queue)
                _publish(channel, message)

    def joins(self, database_url: str) -> bool:
        return False

    def close(self) -> None: ...


def _publish(channel: Any, message: Message) -> None:
    properties = {"correlation_id": message.id, "delivery_mode": 2, **message.properties}
    prepared = channel.prepare_message(
        message.body,
        priority=message.priority,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=dict(message.headers),
        properties=properties,
    )
    channel.basic_publish(prepared, exchange="", routing_key=message.queue)


class KombuSource:
    """A consumer's tap through Kombu, on a connection of its own."""

    def __init__(self, broker: KombuBroker, queues: Sequence[str]) -> None:
        self._broker = broker
        self._queues = tuple(queues)
        self._arrived: deque[Delivery] = deque()
        self._woken = threading.Event()
        self._connection: Any = None
        self._channel: Any = None
        self._generation = 0

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What went wrong on this connection would go wrong on it for ever: the next turn makes another."""
        try:
            with self._broker.errors():
                yield
        except Exception:
            self._drop()
            raise

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        deadline = time.monotonic() + timeout
        with self._errors():
            self._open(limit)
            while not self._arrived and not self._woken.is_set():
                left = deadline - time.monotonic()
                self._drain(min(SLICE_SECONDS, max(left, 0.0)))
                if left <= 0:
                    break
            self._drain_what_is_there(limit)
        self._woken.clear()
        return [self._arrived.popleft() for _ in range(min(limit, len(self._arrived)))]

    def _open(self, limit: int) -> None:
        if self._channel is None:
            self._connection = self._broker.clone()
            self._channel = self._connection.channel()
            for queue in self._queues:
                self._consume(queue)
        self._channel.basic_qos(0, max(limit, 1) + len(self._arrived) + self._held(), False)

    def _drain_what_is_there(self, limit: int) -> None:
        count = -1
        while count < len(self._arrived) < limit:
            count = len(self._arrived)
            self._drain(0.0)

    def _held(self) -> int:
        return len(getattr(getattr(self._channel, "qos", None), "_delivered", ()))

    def _consume(self, queue: str) -> None:
        self._broker.declare(self._channel, queue)
        self._channel.basic_consume(
            queue, no_ack=False, callback=self._arrive(queue), consumer_tag=f"{queue}:{id(self)}"
        )

    def _arrive(self, queue: str) -> Any:
        return lambda message: self._arrived.append(_delivery(queue, message, self._generation))

    def _drain(self, timeout: float) -> None:
        try:
            self._connection.drain_events(timeout=timeout or 0.001)
        except TimeoutError:
            pass

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        with self._errors():
            for tag in self._tags(deliveries):
                self._channel.basic_ack(tag)

    def ack_for_certain(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """As certain as Kombu's transport has it."""
        mine = self._mine(deliveries)
        self.ack(mine)
        return mine

    def ack_now(self, delivery: Delivery) -> bool:
        """Only where an ack is a note in this process's memory: other channels belong to one thread."""
        channel = self._channel
        if not self._broker.is_memory or channel is None:
            return False
        for tag in self._tags([delivery]):
            channel.basic_ack(tag)
        return True

    def keeps(self, delivery: Delivery) -> bool:
        return False

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        with self._errors():
            for tag in reversed(self._tags(deliveries)):
                self._channel.basic_reject(tag, requeue=True)

    def _tags(self, deliveries: Sequence[Delivery]) -> list[Any]:
        return [delivery.tag[1] for delivery in self._mine(deliveries)]

    def _mine(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Without those of a connection that is gone: nobody holds these any more."""
        return [delivery for delivery in deliveries if delivery.tag[0] == self._generation]

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        if self._connection is not None:
            with self._errors():
                self.give_back(list(self._arrived))
                self._channel.close()
                self._connection.release()
            self._drop()

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._generation += 1
        self._arrived.clear()
        if connection is not None:
            with suppress(Exception):
                connection.collect()


def _delivery(queue: str, message: Any, generation: int) -> Delivery:
    body = _body(message)
    if isinstance(body, str):
        body = body.encode("utf-8")
    info = message.delivery_info or {}
    return Delivery(
        queue,
        message.headers or {},
        body,
        message.content_type or "application/json",
        message.content_encoding or "utf-8",
        message.properties or {},
        (generation, message.delivery_tag),
        bool(info.get("redelivered")),
    )


def _body(message: Any) -> Any:
    """As it was sent: Kombu decompresses it, but leaves the header, and what is signed are the compressed bytes."""
    if "compression" not in (message.headers or {}):
        return message.body
    return message.channel.decode_body(message._raw["body"], message.properties.get("body_encoding"))


__all__ = ["KombuBroker"]
