"""How connections to database servers are made."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from pyramid_scheduler.core.errors import LedgerUnavailable
from pyramid_scheduler.database import Database
from pyramid_scheduler.database.connecting import SILENCE_SECONDS, connect_arguments
from tests import servers

SERVERS = ("postgresql", "mariadb")


@contextmanager
def socket_of(database: Database) -> Iterator[socket.socket]:
    connection = database.connect_raw()
    fd = connection._sock.fileno() if database.kind == "mysql" else connection.fileno()
    with socket.socket(fileno=os.dup(fd)) as sock:
        yield sock
    connection.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no TCP_USER_TIMEOUT")
@pytest.mark.parametrize("kind", SERVERS)
def test_a_host_that_has_gone_is_noticed_whether_it_is_told_something_or_owes_an_answer(
    kind: str, tmp_path: Path
) -> None:
    with servers.fresh_database(kind, tmp_path) as url:
        database = Database(url, LedgerUnavailable)
        with socket_of(database) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SILENCE_SECONDS * 1000
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == SILENCE_SECONDS
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 1
        database.close()


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("postgresql://h/x?tcp_user_timeout=60000", "tcp_user_timeout"),
        ("postgresql://h/x?connect_timeout=9", "connect_timeout"),
        ("mysql+pymysql://h/x?connect_timeout=9", "connect_timeout"),
    ],
)
def test_what_the_url_says_is_not_overruled(said: str, name: str) -> None:
    assert name in connect_arguments(sa.make_url(said.partition("?")[0]), durable=True)
    assert name not in connect_arguments(sa.make_url(said), durable=True)


@pytest.mark.fault
@pytest.mark.parametrize("kind", SERVERS)
def test_a_host_that_is_there_may_take_its_time_to_answer(kind: str, tmp_path: Path) -> None:
    sleep = {"postgresql": "SELECT pg_sleep(6)", "mariadb": "SELECT sleep(6)"}[kind]
    with servers.fresh_database(kind, tmp_path) as url:
        database = Database(url, LedgerUnavailable)
        assert database.write(lambda connection: len(connection.exec_driver_sql(sleep).all())) == 1
        database.close()
