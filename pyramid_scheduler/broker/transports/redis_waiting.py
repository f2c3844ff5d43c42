"""Waiting until a Redis list holds something, without taking it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import redis
from redis.exceptions import RedisError, ResponseError

from ...core.waking import readable

log = logging.getLogger(__name__)

POLL_SECONDS = 0.02


class Waiter:
    """One connection that asks whether the lists exist, and is told by the server when anybody writes to one.

    That is Redis' tracking for client-side caches (Redis 6): whoever pushes, a foreign producer too, rings the bell;
    nothing can be lost on the way, no payload travels, and one socket serves any number of queues. Every waiting
    worker hears every push: who came too late the last time looks first and goes on waiting if there is nothing left;
    who did not runs for it, and saves that round trip. Used by one thread.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._pool = client.connection_pool
        self._connection: Any = None
        self._told = self._came_late = False

    def found(self, count: int) -> None:
        """What claiming brought after a wait."""
        if self._told:
            self._came_late, self._told = not count, False

    def wait(self, lists: Sequence[str], timeout: float, wake_fds: Sequence[int]) -> None:
        """Return when a list may hold something, a descriptor is readable, or after ``timeout`` seconds."""
        try:
            self._wait(lists, time.monotonic() + timeout, wake_fds)
        except (RedisError, OSError):
            self.close()
            raise

    def _wait(self, lists: Sequence[str], deadline: float, wake_fds: Sequence[int]) -> None:
        connection = self._open()
        fd = connection._sock.fileno()
        while not self._any(connection, lists):
            if fd not in readable([fd, *wake_fds], deadline - time.monotonic()):
                return
            _listen(connection)
            self._told = True
            if not self._came_late:
                return

    def _any(self, connection: Any, lists: Sequence[str]) -> bool:
        """Asking is also what makes the server tell of the next write. One command, so that no write falls between."""
        if not lists:
            return False
        connection.send_command("EXISTS", *lists)
        return bool(connection.read_response()) or bool(connection.can_read(0))

    def _open(self) -> Any:
        if self._connection is None:
            connection = self._pool.connection_class(**{**self._pool.connection_kwargs, "protocol": 3})
            connection.connect()
            connection.send_command("CLIENT", "TRACKING", "ON")
            connection.read_response()
            self._connection = connection
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()
        self._connection = None


class Poller:
    """For servers that do not track: asks fifty times a second."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def wait(self, lists: Sequence[str], timeout: float, wake_fds: Sequence[int]) -> None:
        """As Waiter.wait, up to 20 ms late."""
        deadline = time.monotonic() + timeout
        while not any(self._client.exists(name) for name in lists):
            left = deadline - time.monotonic()
            if left <= 0 or readable(wake_fds, min(left, POLL_SECONDS)):
                return

    def found(self, count: int) -> None: ...

    def close(self) -> None: ...


def make_waiter(client: Any) -> Waiter | Poller:
    """The best that this server can do."""
    if not isinstance(client, redis.Redis):
        return Poller(client)
    waiter = Waiter(client)
    try:
        waiter._open()
    except ResponseError as error:
        log.info("Redis does not tell of writes (%s): looking for messages every %g s", error, POLL_SECONDS)
        return Poller(client)
    return waiter


def _listen(connection: Any) -> None:
    """Take what the server has told so far; that it told something is all there is to know."""
    while connection.can_read(0):
        connection.read_response(push_request=True)
