"""One engine per process, and writes that are retried."""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ..core.errors import InvalidSetting, SchedulerError
from ..core.url import display
from .connecting import ask_after_the_host, connect_arguments

log = logging.getLogger(__name__)
T = TypeVar("T")

SQLITE_BUSY_SECONDS = 20
ATTEMPTS = 6
#: Execution option: SQLite's driver is in autocommit already, and is to stay there.
WITHOUT_BEGIN = "ps_without_begin"
#: SQLSTATEs and error numbers of deadlocks, lost serialization races and lock timeouts: the work may simply go again.
_CONFLICTS = ("40P01", "40001", "55P03", "1213", "1205", "1020", "database is locked", "database table is locked")
#: Would be raised again, however often it were tried.
_OUR_FAULT = (DataError, IntegrityError, ProgrammingError)


class Database:
    """One database; ``unavailable`` is the error that says it does not answer. Safe across threads and forks.

    ``durable=False`` is for writes that may be undone by a crash of the server: PostgreSQL does not wait for its disk.
    """

    def __init__(self, url: str, unavailable: type[SchedulerError], *, durable: bool = True) -> None:
        try:
            self.url = make_url(url)
        except ArgumentError as error:
            raise InvalidSetting(f"{display(url)!r} is no database's URL, as sqlite:///jobs.sqlite is") from error
        self._durable = durable
        self.kind = self.url.get_backend_name().replace("mariadb", "mysql")
        self._unavailable = unavailable
        self._engine: Engine | None = None
        self._pid = 0
        self._own = threading.local()

    @property
    def display(self) -> str:
        return display(self.url.render_as_string(hide_password=False))

    @property
    def engine(self) -> Engine:
        """This process's engine; a forked child makes its own, and leaves its parent's connections alone."""
        if self._engine is None or self._pid != os.getpid():
            self._engine, self._pid = self._make_engine(), os.getpid()
        return self._engine

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run ``work(connection)`` in a transaction; it is run again after a deadlock or a dropped connection."""
        return self._repeated(lambda: self.engine.begin(), work)

    def write_once(self, work: Callable[[Connection], T]) -> T:
        """As ``write``, for a single statement: that is a transaction by itself, in one round trip instead of three."""
        return self._repeated(self._connect_without_transaction, work)

    def _repeated(
        self, connect: Callable[[], AbstractContextManager[Connection]], work: Callable[[Connection], T]
    ) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with connect() as connection:
                    return work(connection)
            except (DBAPIError, PoolTimeout) as error:
                if attempt == ATTEMPTS or not _may_go_again(error, attempt):
                    raise self._translated(error) from error
                time.sleep(random.uniform(0.0, 0.01 * 2**attempt) if _is_conflict(error) else 0.0)
        raise AssertionError("unreachable")

    def _connect_without_transaction(self) -> Connection:
        if self.kind == "sqlite":
            return self.engine.connect().execution_options(**{WITHOUT_BEGIN: True})
        return self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction as a context: commit at its end, rollback on an error. Not retried."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeout) as error:
            raise self._translated(error) from error

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work(connection)`` outside any transaction; it is run again after a dropped connection."""
        for attempt in (1, 2):
            try:
                with self._connect_without_transaction() as connection:
                    return work(connection)
            except (DBAPIError, PoolTimeout) as error:
                if attempt == 2 or not getattr(error, "connection_invalidated", False):
                    raise self._translated(error) from error
        raise AssertionError("unreachable")

    @property
    def executes_directly(self) -> bool:
        """Whether ``execute_directly`` is to be had. In-memory SQLite is in its one connection, which is the pool's."""
        if self.kind == "sqlite":
            return self.url.database not in (None, "", ":memory:")
        return self.kind == "postgresql"

    @property
    def driver_error(self) -> type[Exception]:
        """The root of what the driver raises, and ``execute_directly`` with it."""
        error: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        return error

    def execute_directly(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run one statement, in the driver's spelling, as a transaction of its own; returns its rows.

        Raises the driver's errors, and ``unavailable`` where there is no connection.
        """
        return (self._execute_on_own if self.kind == "sqlite" else self._execute_on_pooled)(sql, parameters)

    def _execute_on_own(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Each thread keeps a connection to the file: it costs no server anything."""
        own = self._own
        if getattr(own, "pid", None) != os.getpid():
            # An inherited one is kept: to close it here would be the parent's business.
            own.inherited, own.connection, own.pid = getattr(own, "connection", None), None, os.getpid()
        if own.connection is None:
            own.connection = self.connect_raw()
        try:
            rows: list[tuple[Any, ...]] = own.connection.execute(sql, parameters).fetchall()
        except BaseException:  # a time limit, too: who knows what the connection is in the middle of
            broken, own.connection = own.connection, None
            broken.close()
            raise
        return rows

    def _execute_on_pooled(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        pooled = self._take_from_pool()
        connection: Any = pooled.dbapi_connection
        rows: list[tuple[Any, ...]] | None = None
        try:
            connection.autocommit = True
            rows = connection.execute(sql, parameters).fetchall()
            connection.autocommit = False
        except BaseException as error:
            pooled.invalidate()
            if rows is None or not isinstance(error, self.driver_error):
                raise
        else:
            pooled.close()
        return rows

    def _take_from_pool(self) -> sa.PoolProxiedConnection:
        try:
            return self.engine.raw_connection()
        except (DBAPIError, PoolTimeout) as error:
            raise self._translated(error) from error
        except self.driver_error as error:
            raise self._away(error) from error

    def connect_raw(self) -> Any:
        """A DBAPI connection of the caller's own, in autocommit: to listen or watch on. The caller closes it."""
        pooled = self._take_from_pool()
        dbapi: Any = pooled.dbapi_connection
        pooled.detach()
        if self.kind != "sqlite":
            dbapi.autocommit = True
        return dbapi

    def listen(self, channel: str) -> Any:
        """As ``connect_raw``; PostgreSQL tells it of every NOTIFY on the channel."""
        connection = self.connect_raw()
        try:
            connection.execute(f"LISTEN {channel}")
        except self.driver_error as error:
            connection.close()
            raise self._away(error) from error
        return connection

    def close(self) -> None:
        if self._engine is not None and self._pid == os.getpid():
            self._engine.dispose()
            self._own = threading.local()  # whatever is in the old one closes
        self._engine = None

    def _make_engine(self) -> Engine:
        if self.kind == "sqlite":
            engine = sa.create_engine(
                self.url, connect_args={"timeout": SQLITE_BUSY_SECONDS, "check_same_thread": False}
            )
            sa.event.listen(engine, "connect", _open_sqlite)
            sa.event.listen(engine, "begin", _begin_immediate)
            sa.event.listen(engine, "handle_error", _drop_if_broken)
            return engine
        try:
            engine = sa.create_engine(
                self.url,
                connect_args=connect_arguments(self.url, durable=self._durable),
                isolation_level="READ COMMITTED",  # MariaDB's default locks the gaps between rows, and deadlocks
                pool_timeout=10,
                max_overflow=20,
            )
        except (ImportError, NoSuchModuleError) as error:
            raise self._unavailable(
                f"{self.display}: {error}; install pyramid-scheduler[{_extra(self.url)}]"
            ) from error
        if self.kind == "mysql":
            sa.event.listen(engine, "connect", ask_after_the_host)
        return engine

    def _translated(self, error: Exception) -> SchedulerError | Exception:
        """Whatever is not the fault of the statement or of its data is the server's: a standby may not write."""
        if isinstance(error, _OUR_FAULT) and not error.connection_invalidated:
            return error
        return self._away(getattr(error, "orig", error))

    def _away(self, error: object) -> SchedulerError:
        reason = str(error).strip().partition("\n")[0]
        return self._unavailable(f"the database {self.display} does not answer as it should: {reason}")


def same_database(one: URL, other: URL) -> bool:
    """Whether two URLs lead to the same database, whatever their drivers."""

    def place(url: URL) -> tuple[Any, ...]:
        kind = url.get_backend_name().replace("mariadb", "mysql")
        if kind == "sqlite":
            return kind, os.path.abspath(url.database or "")
        return kind, url.host or "localhost", url.port, url.database, url.username

    return place(one) == place(other)


def _open_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    """Many processes share the file: WAL lets readers go on while one writes, and the busy timeout queues writers.

    ``synchronous=NORMAL`` may lose the last commits when the machine (not a process) loses power; it never corrupts.
    """
    connection.isolation_level = None
    _switch_to_wal(connection)
    for pragma in ("synchronous=NORMAL", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """The first who opens a file switches it. SQLite has no busy timeout for this: two who do it at once collide."""
    deadline = time.monotonic() + SQLITE_BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.001, 0.02))
        else:
            return


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at once: a lock taken later, by a reader that wants to write, fails without waiting."""
    if WITHOUT_BEGIN not in connection.get_execution_options():
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _drop_if_broken(context: Any) -> None:
    """A job may have closed a descriptor of SQLite's: what is opened afresh is whole, what is kept never is again."""
    if "disk I/O error" in str(context.original_exception):
        context.is_disconnect = True


def _may_go_again(error: Exception, attempt: int) -> bool:
    return _is_conflict(error) or (attempt <= 2 and bool(getattr(error, "connection_invalidated", False)))


def _is_conflict(error: Exception) -> bool:
    origin = getattr(error, "orig", None)
    state = getattr(origin, "sqlstate", None) or str(getattr(origin, "args", ("",))[:1])
    return any(sign in str(state) for sign in _CONFLICTS) or "database is locked" in str(origin)


def _extra(url: URL) -> str:
    return {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}.get(url.get_backend_name(), "all")
