"""The version of the ledger's tables: looked up, checked, brought up to date."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..core.errors import SchemaMismatch
from ..database import Database, exclusively

log = logging.getLogger(__name__)

HEAD = "0001"
KNOWN = ("0001",)
VERSION_TABLE = "ps_ledger_version"


def current(database: Database) -> str | None:
    """The version of the tables, or None where there are none."""
    return database.read(_look)


def _look(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()


def check(database: Database) -> str:
    """Return the version if it is ours; raises SchemaMismatch, naming the remedy, if it is not."""
    found = current(database)
    if found is None:
        raise SchemaMismatch(
            f"the database {database.display} has no tables of pyramid_scheduler yet:"
            " run pscheduler db upgrade CONFIG.ini"
        )
    if found not in KNOWN:
        raise SchemaMismatch(
            f"the database {database.display} was made by a newer pyramid_scheduler (version {found}, here {HEAD}):"
            " install that version here"
        )
    if found != HEAD:
        raise SchemaMismatch(
            f"the database {database.display} is of an older version ({found}, here {HEAD}):"
            " run pscheduler db upgrade CONFIG.ini"
        )
    return found


def upgrade(database: Database) -> str:
    """Bring the tables to our version; several processes may do so at once. In one transaction, but on MariaDB."""
    found = current(database)
    if found is not None and found not in KNOWN:
        check(database)
    with exclusively(database, "ps_ledger"):
        database.write(_upgrade)
    return check(database)


def _upgrade(connection: Connection) -> None:
    if _look(connection) == HEAD:  # another process has seen to it, while this one waited for its turn
        return
    from alembic import command
    from alembic.config import Config

    config: Any = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    with _quiet("alembic"):
        command.upgrade(config, "head")
    log.info("the ledger's tables are now of version %s", HEAD)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
