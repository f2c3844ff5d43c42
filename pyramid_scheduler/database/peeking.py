"""Reading what is asked for again and again, and hardly ever changes."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from .engine import Database


class Peek:
    """One SELECT. Safe across threads and forks.

    From SQLite it is read on a connection kept for it, at a fraction of what SQLAlchemy's way costs: there is no
    server whose answer would take longer. Elsewhere the connection is worth more than that.
    """

    def __init__(self, database: Database, statement: sa.Select[Any]) -> None:
        self._database = database
        self._statement = statement
        self._lock = threading.Lock()
        self._sql = str(statement.compile(dialect=sqlite.dialect(paramstyle="named")))
        self._connection: sqlite3.Connection | None = None
        self._inherited: sqlite3.Connection | None = None  # kept: to close it here would be the parent's business
        self._pid = 0

    def read(self, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows; raises as ``Database.read``."""
        if self._database.kind == "sqlite":
            try:
                with self._lock:
                    return self._open().execute(self._sql, parameters).fetchall()
            except sqlite3.Error:  # the long way says what is wrong, if it still is
                self._connection = None
        return self._database.read(lambda connection: connection.execute(self._statement, parameters).all())

    def _open(self) -> sqlite3.Connection:
        if self._pid != os.getpid():
            self._inherited, self._connection, self._pid = self._connection, None, os.getpid()
        if self._connection is None:
            self._connection = self._database.connect_raw()
        return self._connection

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None and self._pid == os.getpid():
                connection.close()
