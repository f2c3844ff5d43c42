"""Statements that are run again and again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from pyramid_scheduler.core.errors import LedgerUnavailable
from pyramid_scheduler.database import Database, Prepared
from tests.fleet import at_once

TABLE = sa.table("numbers", sa.column("n", sa.Integer))
SINCE = sa.select(TABLE.c.n).where(TABLE.c.n > sa.bindparam("least")).order_by(TABLE.c.n)
ADD = sa.text("INSERT INTO numbers (n) VALUES (:n)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, LedgerUnavailable)
    database.write(lambda connection: connection.execute(sa.text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")))
    yield database
    database.close()


def add(database: Database, n: int) -> None:
    database.write(lambda connection: connection.execute(TABLE.insert(), {"n": n}))


def hang_up(database: Database) -> None:
    """On all that is open."""
    if database.kind == "sqlite":
        if database._own.connection is not None:
            database._own.connection.close()
    else:
        pooled = database.engine.raw_connection()
        pooled.dbapi_connection.close()
        pooled.close()


def read(prepared: Prepared, least: int = 0) -> list[Any]:
    return [row[0] for row in prepared.rows({"least": least})]


def test_it_sees_what_others_write_and_survives_the_loss_of_its_connections(database: Database) -> None:
    since = Prepared(database, SINCE)
    for n in (1, 2, 3):
        add(database, n)
        assert read(since, 1) == list(range(2, n + 1))
        hang_up(database)


def test_what_it_writes_is_committed_at_once(database: Database) -> None:
    Prepared(database, ADD if database.kind != "postgresql" else sa.text(f"{ADD.text} RETURNING n")).rows({"n": 7})
    assert database.read(lambda connection: connection.scalar(sa.select(TABLE.c.n))) == 7


def test_its_connection_serves_transactions_as_before(database: Database) -> None:
    assert read(Prepared(database, SINCE)) == []

    def add_and_fail(connection: sa.Connection) -> None:
        connection.execute(TABLE.insert(), {"n": 1})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write(add_and_fail)
    assert read(Prepared(database, SINCE)) == []


def test_what_is_wrong_is_said_as_always(database: Database) -> None:
    with pytest.raises((sa.exc.DBAPIError, LedgerUnavailable), match="nonsense"):
        Prepared(database, sa.text("SELECT nonsense FROM numbers")).rows({})
    assert read(Prepared(database, SINCE)) == []


def test_many_threads_may_run_it(database: Database) -> None:
    since = Prepared(database, SINCE)
    add(database, 1)
    assert at_once([lambda: [read(since) for _ in range(50)]] * 8) == [[[1]] * 50] * 8


def test_a_forked_child_makes_connections_of_its_own(database: Database) -> None:
    since = Prepared(database, SINCE)
    assert read(since) == []
    child = os.fork()
    if not child:
        add(database, 1)
        os._exit(read(since) != [1])
    assert os.waitpid(child, 0)[1] == 0
    assert read(since) == [1]
