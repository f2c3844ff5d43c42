"""The Redis broker as a Kombu transport: ``psredis://…``, ``psrediss://…``, ``psredis+socket://…``, ``pssentinel://…``.

After ``register()`` any user of Kombu, a Celery too, can name such a URL. Queues, exchanges and broadcasts are those
of Kombu's own transport for Redis, so both may serve the same ones; only unacked messages are kept differently.
"""

# mypy: disallow-untyped-calls=False
from __future__ import annotations

import time
from queue import Empty
from typing import Any

import redis
from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads

from ...core.errors import BrokerUnavailable
from .channel import StoreChannel
from .redis import RedisStore, open_redis_store
from .redis_bindings import RedisBindings
from .redis_fanout import RedisFanout

SCHEMES = ("psredis", "psrediss", "pssentinel")
REFRESH_SECONDS = 600.0


def register() -> None:
    """Make Kombu know the schemes; safe to call again."""
    for scheme in SCHEMES:
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"


class RedisChannel(StoreChannel):
    """A queue bound to a fanout exchange is a subscription; every other queue is lists in the store."""

    connection: Transport

    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self._fanout_queues: dict[str, tuple[str, str]] = {}
        self._expires: dict[str, int] = {}
        self._auto_delete: set[str] = set()
        self._bound_at = time.monotonic()

    # Messages

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        self._keep(queue)

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        if queue not in self._fanout_queues:
            self._keep(queue)
            return super()._get(queue, timeout)
        payload = self.connection.fanout.get(queue)
        if payload is None:
            raise Empty
        message: dict[str, Any] = loads(bytes_to_str(payload))
        return message

    def _keep(self, queue: str) -> None:
        """An ``x-expires`` queue lives as long as it is used."""
        expires = self._expires.get(queue)
        if expires is not None:
            pipeline = self.connection.store.client.pipeline(transaction=False)
            for name in self.connection.store.layout.lists_of(queue):
                pipeline.pexpire(name, expires)
            pipeline.execute()
            self._refresh_bindings()

    # Exchanges

    def _new_queue(self, queue: str, auto_delete: bool = False, **kwargs: Any) -> None:
        if auto_delete:
            self._auto_delete.add(queue)
        expires = (kwargs.get("arguments") or {}).get("x-expires")
        self._expires.pop(queue, None)
        if expires is not None:
            self._expires[queue] = int(expires)

    def prepare_queue_arguments(self, arguments: Any, **kwargs: Any) -> Any:
        from kombu.transport.base import to_rabbitmq_queue_arguments

        return to_rabbitmq_queue_arguments(arguments, **kwargs)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        if self.typeof(exchange).type == "fanout":
            self._fanout_queues[queue] = (exchange, routing_key.replace("#", "*"))
        binding = (routing_key or "", pattern or "", queue or "")
        self.connection.bindings.add(exchange, binding, self._expires.get(queue))

    def _refresh_bindings(self) -> None:
        now = time.monotonic()
        if now - self._bound_at >= REFRESH_SECONDS:
            self._bound_at = now
            for queue in self._expires:
                for exchange, routing_key, arguments in self.state.queue_bindings(queue):
                    kind = self.typeof(exchange)
                    self._queue_bind(exchange, *kind.prepare_bind(queue, exchange, routing_key, arguments))

    def _lookup(self, exchange: str, routing_key: str, default: Any = None) -> Any:
        if exchange and not self.typeof(exchange).lookup(self.get_table(exchange), exchange, routing_key, default):
            self.connection.bindings.find(exchange, fresh=True)
        return super()._lookup(exchange, routing_key, default)

    def get_table(self, exchange: str) -> list[tuple[str, str, str]]:
        return self.connection.bindings.find(exchange)

    def _put_fanout(self, exchange: str, message: dict[str, Any], routing_key: str, **_: Any) -> None:
        self.connection.fanout.publish(exchange, routing_key, dumps(message))

    def _delete(
        self, queue: str, exchange: str = "", routing_key: str = "", pattern: Any = None, *_: Any, **__: Any
    ) -> None:
        self._auto_delete.discard(queue)
        self.connection.bindings.remove(exchange, (routing_key or "", pattern or "", queue or ""))
        self._purge(queue)

    # Consumers

    def basic_consume(self, queue: str, *args: Any, **kwargs: Any) -> Any:
        if queue in self._fanout_queues:
            self.connection.fanout.subscribe(queue, *self._fanout_queues[queue])
        return super().basic_consume(queue, *args, **kwargs)

    def basic_cancel(self, consumer_tag: str) -> Any:
        queue = self._tag_to_queue.get(consumer_tag)
        if queue in self._fanout_queues:
            self.connection.fanout.unsubscribe(queue)
        return super().basic_cancel(consumer_tag)

    def waited_queues(self) -> list[str]:
        """The queues it would take a message from now."""
        if not self.qos.can_consume():
            return []
        return [queue for queue in dict.fromkeys(self._active_queues) if queue not in self._fanout_queues]

    def close(self) -> None:
        if not self.closed:
            for queue in self._auto_delete & set(self._fanout_queues):
                self.queue_delete(queue)
        super().close()


class Transport(virtual.Transport):
    """One per Kombu connection: a store, the binding tables and a subscription, shared by its channels."""

    Channel = RedisChannel
    can_parse_url = True
    default_port = 6379  # type: ignore[assignment]
    driver_type = "redis"
    driver_name = "pyramid_scheduler"
    polling_interval = None  # type: ignore[assignment]
    connection_errors = (BrokerUnavailable, redis.RedisError, OSError)  # type: ignore[assignment]
    implements = virtual.Transport.implements.extend(
        asynchronous=False, exchange_type=frozenset(["direct", "topic", "fanout"]), heartbeats=False
    )

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        options = client.transport_options or {}
        self.store: RedisStore = open_redis_store(_url_of(client), options=options)
        self._options = options
        self._bindings: RedisBindings | None = None
        self._fanout: RedisFanout | None = None

    def store_of(self, client: Any) -> RedisStore:
        return self.store

    @property
    def bindings(self) -> RedisBindings:
        if self._bindings is None:
            self._bindings = RedisBindings(self.store.client, self.store.layout)
        return self._bindings

    @property
    def fanout(self) -> RedisFanout:
        if self._fanout is None:
            pool = getattr(self.store.client, "connection_pool", None)
            database = pool.connection_kwargs.get("db") if pool else 0
            self._fanout = RedisFanout(self.store.client, self.store.layout, database or 0, self._options)
        return self._fanout

    def establish_connection(self) -> Any:
        self.store.check()
        return super().establish_connection()

    def drain_events(self, connection: Any, timeout: float | None = None) -> None:  # type: ignore[override]
        """Deliver one message, waiting for it without polling; raises TimeoutError where none came."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return self.cycle.get(self._deliver)  # type: ignore[union-attr, no-any-return]
            except Empty:
                left = 1.0 if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError from None
                self._wait(left)

    def _wait(self, seconds: float) -> None:
        queues = [queue for channel in self.channels for queue in channel.waited_queues()]
        self.store.wait(queues or [""], seconds, self.fanout.fd)

    def close_connection(self, connection: Any) -> None:
        super().close_connection(connection)
        if self._fanout is not None:
            self._fanout.close()
        self._bindings = self._fanout = None
        self.store.close()

    def driver_version(self) -> str:
        return str(redis.__version__)


def _url_of(client: Any) -> str:
    """What the connection was given, as the store spells it; Kombu takes ``psredis+`` off before a ``socket://``."""
    url = ";".join(client.alt) or client.hostname
    return f"redis+{url}" if url.startswith("socket://") else url.removeprefix("ps")
