"""What a database says, in our words."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from pyramid_scheduler.core.errors import LedgerUnavailable
from pyramid_scheduler.database import Database
from tests import servers

CREATE = sa.text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")


def _write(database: Database, statement: sa.TextClause) -> None:
    database.write(lambda connection: connection.execute(statement))


def _write_once(database: Database, statement: sa.TextClause) -> None:
    database.write_once(lambda connection: connection.execute(statement))


def _transact(database: Database, statement: sa.TextClause) -> None:
    with database.transaction() as connection:
        connection.execute(statement)


WAYS = [_write, _write_once, _transact]


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_may_not_write_now_is_away(tmp_path: Path, way: Callable[..., None]) -> None:
    """As a standby is after a failover."""
    with servers.fresh_database("postgresql", tmp_path) as url:
        database = Database(f"{url}?options=-cdefault_transaction_read_only%3Don", LedgerUnavailable)
        with pytest.raises(LedgerUnavailable, match="read-only transaction"):
            way(database, CREATE)
        database.close()


def test_what_no_repetition_would_mend_is_not_called_an_absence(database_url: str) -> None:
    database = Database(database_url, LedgerUnavailable)
    _write(database, CREATE)
    _write(database, sa.text("INSERT INTO numbers VALUES (1)"))
    with pytest.raises(sa.exc.IntegrityError):
        _write(database, sa.text("INSERT INTO numbers VALUES (1)"))
    database.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="who has which files open is told by Linux")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ending", ["", "-wal"])
def test_a_file_whose_descriptor_somebody_has_closed_is_opened_again(
    tmp_path: Path, way: Callable[..., None], ending: str
) -> None:
    file = f"{tmp_path}/jobs.sqlite"
    database = Database(f"sqlite:///{file}", LedgerUnavailable)
    _write(database, CREATE)
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}") == f"{file}{ending}":
                os.close(int(name))
    with suppress(LedgerUnavailable):  # once
        way(database, sa.text("INSERT INTO numbers VALUES (1)"))
    way(database, sa.text("INSERT INTO numbers VALUES (2)"))
    assert database.read(lambda connection: connection.scalar(sa.text("SELECT max(n) FROM numbers"))) == 2
    database.close()
