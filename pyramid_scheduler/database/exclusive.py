"""One process at a time, for what must not be done by two at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from .engine import Database

PATIENCE_SECONDS = 60


@contextmanager
def exclusively(database: Database, what: str) -> Iterator[None]:
    """Wait for others who do ``what`` in that database, and keep them waiting until the context ends.

    The lock is held by a connection of its own: MariaDB commits whatever a transaction did before its DDL. SQLite needs
    none, as its transactions begin with the file's lock.
    """
    if database.kind == "sqlite":
        yield
        return
    with database.transaction() as guard:
        if database.kind == "postgresql":
            guard.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(what))))
            yield
            return
        lock = sa.func.concat(sa.func.database(), f".{what}")  # the server's locks are those of all its databases
        guard.execute(sa.select(sa.func.get_lock(lock, PATIENCE_SECONDS)))
        try:
            yield
        finally:
            guard.execute(sa.select(sa.func.release_lock(lock)))
