"""A thread's own connection, for what is said most often."""

from __future__ import annotations

import select
from contextlib import suppress
from typing import Any

import redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

try:
    from hiredis import pack_command
except ImportError:  # it comes with the extra, and is not needed
    pack_command = None  # type: ignore[assignment]

MOST_UNHEARD = 50


class Line:
    """Says a command and reads the answer, without a pool's checks around it: a third of a call's time.

    The price is that a connection which the server hung up is noticed by an error, once; the next call connects again.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._connection: Any = None
        self._poll = select.poll()
        self._unheard = 0

    def run_once(self, *words: Any) -> Any:
        """``run`` for what must not fail for an old connection's sake: one that was hung up is replaced first."""
        if self._unheard:
            self._hear()
        if self._connection is not None and self._poll.poll(0):
            self.close()  # nothing was asked, so what there is to read is the end
        return self.run(*words)

    def run(self, *words: Any) -> Any:
        """The answer; raises RedisError or OSError."""
        if self._unheard:
            self._hear()
        try:
            return self._send(words).read_response()
        except BaseException:  # a time limit, too: the answer that is on the way belongs to nobody
            self.close()
            raise

    def say(self, *words: Any) -> None:
        """Say a command whose answer nobody waits for. That it was said is all that is sure."""
        if self._unheard >= MOST_UNHEARD:
            self._hear()
        try:
            self._send(words)
            self._unheard += 1
        except BaseException:
            self.close()
            raise

    def _send(self, words: tuple[Any, ...]) -> Any:
        connection = self._connection
        if connection is None or connection._sock is None:
            connection = self._open()
        if pack_command is None:
            connection.send_command(*words, check_health=False)
        else:
            connection._sock.sendall(pack_command(words))
        return connection

    def _hear(self) -> None:
        """Read the answers that nobody waited for: they are in the way of others."""
        try:
            while self._unheard:
                self._unheard -= 1
                with suppress(ResponseError):
                    self._connection.read_response()
        except (RedisError, OSError):
            self.close()
        except BaseException:
            self.close()
            raise

    def run_script(self, script: Any, keys: list[str], args: list[Any]) -> Any:
        try:
            return self.run("EVALSHA", script.sha, len(keys), *keys, *args)
        except NoScriptError:
            return script(keys=keys, args=args)

    def _open(self) -> Any:
        pool = self._client.connection_pool
        connection = pool.connection_class(**pool.connection_kwargs)
        connection.connect()
        self._poll = select.poll()
        self._poll.register(connection._sock, select.POLLIN)
        self._connection = connection
        return connection

    def close(self) -> None:
        connection, self._connection = self._connection, None
        self._unheard = 0
        if connection is not None:
            connection.disconnect()


class PooledLine:
    """The same through a client's own means; a cluster's knows which node to ask."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def run(self, *words: Any) -> Any:
        return self._client.execute_command(*words)

    run_once = say = run

    def run_script(self, script: Any, keys: list[str], args: list[Any]) -> Any:
        return script(keys=keys, args=args)

    def close(self) -> None: ...
