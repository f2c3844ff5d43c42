"""The real servers that tests talk to; each test gets names of its own on them.

A server that does not answer skips the test on a user's machine and fails it in CI (``CI=true``).
"""

from __future__ import annotations

import os
import random
import socket
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy
from kombu import Connection

HOST = "127.0.0.1"
REDIS_PORT = int(os.environ.get("TEST_REDIS_PORT", "6379"))  # its sixteen databases are one run's at a time
PORTS = {"postgresql": 5432, "mariadb": 3306, "redis": REDIS_PORT, "rabbitmq": 5672}
BROKERS = ("memory", "sqlite", "postgresql", "mariadb", "redis", "rabbitmq")
DATABASES = ("sqlite", "postgresql", "mariadb")

POSTGRESQL_ADMIN = "postgresql+psycopg://postgres@127.0.0.1/postgres"
MARIADB_ADMIN = "mysql+pymysql://root@127.0.0.1/test"
REDIS_URL = f"redis://127.0.0.1:{REDIS_PORT}"
RABBITMQ_URL = "amqp://guest:guest@127.0.0.1:5672"


def _reach(server: str) -> None:
    socket.create_connection((HOST, PORTS[server]), timeout=2).close()


def require(server: str) -> None:
    """Skip, or in CI fail, the running test unless ``server`` answers."""
    try:
        _reach(server)
    except OSError as error:
        reason = f"{server} does not answer on {HOST}:{PORTS[server]}: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def unique(prefix: str = "ps") -> str:
    """A name nobody else uses."""
    return f"{prefix}_{uuid.uuid4().hex[:12]}"


def drop_queues(names: Iterable[str]) -> None:
    """Those of RabbitMQ, which keeps them with what is in them, and Celery's exchanges of these names."""
    try:
        _reach("rabbitmq")
    except OSError:
        return
    with Connection(f"{RABBITMQ_URL}//") as connection:
        for name in names:
            connection.default_channel.queue_delete(name)
            connection.default_channel.exchange_delete(name)


@contextmanager
def fresh_database(kind: str, directory: os.PathLike[str] | str) -> Iterator[str]:
    """The URL of an empty database of that kind, dropped afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{os.fspath(directory)}/{unique()}.sqlite"
        return
    require(kind)
    admin = sqlalchemy.create_engine(
        POSTGRESQL_ADMIN if kind == "postgresql" else MARIADB_ADMIN, isolation_level="AUTOCOMMIT"
    )
    name = unique()
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    try:
        yield str(admin.url.set(database=name).render_as_string(hide_password=False))
    finally:
        with admin.connect() as connection:
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            connection.execute(sqlalchemy.text(f"DROP DATABASE {name}{force}"))
        admin.dispose()


@contextmanager
def fresh_broker(kind: str, directory: os.PathLike[str] | str) -> Iterator[str]:
    """The URL of a broker of that kind; tests that share a server use ``unique()`` queue names on it."""
    if kind == "memory":
        yield "memory://"
    elif kind in DATABASES:
        with fresh_database(kind, directory) as url:
            yield url
    elif kind == "redis":
        require("redis")
        yield f"{REDIS_URL}/{random.randint(1, 15)}"
    else:
        require("rabbitmq")
        yield f"{RABBITMQ_URL}//"
