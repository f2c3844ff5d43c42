"""Waiting until somebody has changed the database: by notification where there is any, by short polls elsewhere."""

from __future__ import annotations

import sqlite3
import time
from typing import Any, Protocol

from ..core.waking import readable
from .engine import Database

#: Polls start this close together, and drift apart while nothing happens.
SHORTEST_POLL_SECONDS = 0.001
LONGEST_POLL_SECONDS = {"sqlite": 0.005, "mysql": 0.025}


class Watcher(Protocol):
    """Waits on behalf of one consumer; used by one thread."""

    def wait(self, timeout: float, wake_fd: int | None) -> None: ...
    def close(self) -> None: ...


def watch(database: Database, channel: str) -> Watcher:
    """The best way to wait that the engine offers; ``channel`` is what PostgreSQL's NOTIFY names."""
    if database.kind == "postgresql":
        return Listening(database, channel)
    return DataVersion(database) if database.kind == "sqlite" else Polling()


class Listening:
    """PostgreSQL's LISTEN on a connection of its own."""

    def __init__(self, database: Database, channel: str) -> None:
        self._database = database
        self._channel = channel
        self._connection: Any = None

    def wait(self, timeout: float, wake_fd: int | None) -> None:
        if self._connection is None:
            self._connection = self._database.listen(self._channel)
            return  # something may have come before we listened
        fd = self._connection.fileno()
        if fd in readable([fd, *_given(wake_fd)], timeout):
            self._drain()

    def _drain(self) -> None:
        try:
            self._connection.pgconn.consume_input()
            while self._connection.pgconn.notifies() is not None:
                pass
        except Exception:  # the server went away; the next wait listens again, the next claim says so
            self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class DataVersion:
    """SQLite's ``data_version`` changes when another connection commits; asking costs microseconds."""

    def __init__(self, database: Database) -> None:
        self._connection: sqlite3.Connection = database.connect_raw()
        self._seen = -1

    def wait(self, timeout: float, wake_fd: int | None) -> None:
        started = time.monotonic()
        while (version := self._version()) == self._seen:
            idle = time.monotonic() - started
            if idle >= timeout or _pause(min(_poll(idle, "sqlite"), timeout - idle), wake_fd):
                return
        self._seen = version

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        self._connection.close()


class Polling:
    """For engines that tell nobody: the caller asks again after a pause that grows while nothing comes."""

    def __init__(self) -> None:
        self._idle_since = 0.0
        self._last = 0.0

    def wait(self, timeout: float, wake_fd: int | None) -> None:
        now = time.monotonic()
        if now - self._last > 2 * LONGEST_POLL_SECONDS["mysql"]:
            self._idle_since = now
        _pause(min(_poll(now - self._idle_since, "mysql"), timeout), wake_fd)
        self._last = time.monotonic()

    def close(self) -> None:
        pass


def _poll(idle_seconds: float, kind: str) -> float:
    return min(SHORTEST_POLL_SECONDS + idle_seconds / 50, LONGEST_POLL_SECONDS[kind])


def _pause(seconds: float, wake_fd: int | None) -> bool:
    """Sleep; returns whether ``wake_fd`` ended it."""
    return bool(readable(_given(wake_fd), seconds))


def _given(fd: int | None) -> list[int]:
    return [] if fd is None else [fd]
