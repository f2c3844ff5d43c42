"""Waiting until a Redis list holds something, without taking it."""

from __future__ import annotations

import select
from collections.abc import Sequence
from typing import Any

import redis

_BLOCK_FOREVER = 0


class Waiter:
    """One blocked connection per list: ``BLMOVE list list RIGHT RIGHT`` answers when the list holds something, and
    leaves it as it was. Nothing can be lost on the way, and foreign producers need to ring no bell.

    A command that was not answered yet stays sent until the next wait. Used by one thread.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._pool = client.connection_pool
        self._connections: dict[str, Any] = {}

    def wait(self, lists: Sequence[str], timeout: float, wake_fd: int | None) -> None:
        """Return when one of ``lists`` may hold something, ``wake_fd`` is readable, or after ``timeout`` seconds."""
        sockets = {self._asking(name)._sock: name for name in lists}
        others = [] if wake_fd is None else [wake_fd]
        ready, _, _ = select.select([*sockets, *others], [], [], max(timeout, 0.0))
        for sock in ready:
            if sock in sockets:
                self._answered(sockets[sock])

    def _asking(self, name: str) -> Any:
        connection = self._connections.get(name)
        if connection is None:
            connection = self._pool.get_connection()
            connection.send_command("BLMOVE", name, name, "RIGHT", "RIGHT", _BLOCK_FOREVER)
            self._connections[name] = connection
        return connection

    def _answered(self, name: str) -> None:
        connection = self._connections.pop(name)
        try:
            connection.read_response(disable_decoding=True)
        except redis.RedisError:
            connection.disconnect()
            raise
        finally:
            self._pool.release(connection)

    def close(self) -> None:
        """Hang up; the server forgets commands of closed connections."""
        for connection in self._connections.values():
            connection.disconnect()
            self._pool.release(connection)
        self._connections.clear()
