"""The clock of the SQL broker's leases is the database's, and goes on evenly."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from pyramid_scheduler.broker.transports.sql_tables import NOW
from pyramid_scheduler.core.errors import BrokerUnavailable
from pyramid_scheduler.database import Database
from tests import own_servers, servers

#: 00:00 and 01:00 UTC, both 02:00 in Berlin.
SAME_HOUR_TWICE = (1792886400.25, 1792890000.25)


@pytest.mark.parametrize("kind", servers.DATABASES)
def test_it_says_how_late_it_is(kind: str, tmp_path: Path) -> None:
    with servers.fresh_database(kind, tmp_path) as url:
        database = Database(url, BrokerUnavailable)
        now = database.read(lambda connection: connection.scalar(sa.text(f"SELECT {NOW[database.kind]}")))
        database.close()
    assert abs(float(now) - time.time()) < 5


def test_in_an_hour_that_comes_twice_it_goes_on_as_ever(tmp_path: Path) -> None:
    with own_servers.mariadb(tmp_path, "Europe/Berlin") as url:
        database = Database(url, BrokerUnavailable)

        def at(moment: float) -> float:
            def ask(connection: sa.Connection) -> float:
                connection.exec_driver_sql(f"SET timestamp = {moment}")
                return float(connection.scalar(sa.text(f"SELECT {NOW['mysql']}")))

            return database.read(ask)

        assert tuple(at(moment) for moment in SAME_HOUR_TWICE) == SAME_HOUR_TWICE
        database.close()
