"""The SQL broker as a Kombu transport: ``pssql+postgresql+psycopg://…``, ``pssql+sqlite:///jobs.sqlite``, …

After ``register()`` any user of Kombu, a Celery too, can name such a URL, and shares queues with our workers.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from kombu.transport import TRANSPORT_ALIASES, virtual
from sqlalchemy.engine import Connection

from ...core.errors import BrokerUnavailable
from ...database import Database
from .channel import StoreChannel
from .sql import SqlStore, open_sql_store
from .sql_tables import binding, message
from .store import QueueStore

SCHEME = "pssql"


def register() -> None:
    """Make Kombu know the scheme; safe to call again."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


class SqlBindings:
    """Which queues an exchange leads to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        row = {"exchange": exchange, "routing_key": routing_key or "", "pattern": pattern, "queue": queue}

        def work(connection: Connection) -> None:
            key = sa.and_(*(binding.c[name] == row[name] for name in ("exchange", "routing_key", "queue")))
            if connection.execute(sa.select(binding).where(key)).first() is None:
                connection.execute(binding.insert(), row)

        self._database.write(work)

    def find(self, exchange: str) -> list[tuple[str, str, str]]:
        """(routing key, pattern, queue) of each binding."""
        query = sa.select(binding.c.routing_key, binding.c.pattern, binding.c.queue).where(
            binding.c.exchange == exchange
        )
        return [(row[0], row[1], row[2]) for row in self._database.read(lambda c: c.execute(query).all())]

    def forget(self, queue: str) -> None:
        def work(connection: Connection) -> None:
            connection.execute(binding.delete().where(binding.c.queue == queue))
            connection.execute(message.delete().where(message.c.queue == queue))

        self._database.write(work)


class Transport(virtual.Transport):
    """One per Kombu connection."""

    Channel = StoreChannel
    can_parse_url = True
    driver_type = "sql"
    driver_name = "pyramid_scheduler"
    polling_interval = 0.02
    connection_errors = (BrokerUnavailable,)
    channel_errors = (BrokerUnavailable,)
    implements = virtual.Transport.implements.extend(
        asynchronous=False, exchange_type=frozenset(["direct", "topic", "fanout"]), heartbeats=False
    )

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self._store: SqlStore | None = None

    def store_of(self, client: Any) -> QueueStore:
        if self._store is None:
            self._store = open_sql_store(client.hostname, options=client.transport_options or {})
        return self._store

    def bindings_of(self, store: SqlStore) -> SqlBindings:
        return SqlBindings(store.database)

    def driver_version(self) -> str:
        return sa.__version__
