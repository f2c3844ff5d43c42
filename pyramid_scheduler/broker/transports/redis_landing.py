"""Waiting that takes: the server moves a list's next message to where a waiting consumer finds it, and tells it which.

One waiting worker is woken by a message, not all, and it has the message in hand: that saves a round trip when a
worker is idle. What has landed belongs to the consumer, as a claim does: whoever returns a dead one's claims returns
this, too. It becomes a claim when the consumer has time to say so.
"""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Sequence
from typing import Any

import redis
from redis.exceptions import RedisError, ResponseError

from .redis_layout import Layout, claims, holders, landed
from .redis_leases import MARK, RedisLeases
from .redis_line import Line, PooledLine
from .redis_scripts import ARM, LAND
from .store import Claimed

log = logging.getLogger(__name__)

#: The server's patience, so that what it moves for a process that was stopped is soon noticed: a silent consumer's
#: holdings are looked for only after several times as long.
ARMED_SECONDS = 2.0
#: Each takes a connection.
MOST_LANDINGS = 4
_MARK = MARK.encode()


class Landings:
    """A consumer's: of each queue the most urgent list, which is the one that nearly all messages go through."""

    def __init__(
        self,
        client: Any,
        line: Line | PooledLine,
        leases: RedisLeases,
        layout: Layout,
        unrecorded: dict[str, bytes],
        consumer: str,
    ) -> None:
        self._client, self._line, self._leases, self._layout = client, line, leases, layout
        self._unrecorded, self._consumer = unrecorded, consumer
        self._landings: dict[str, Landing] = {}  # by queue
        self._can = isinstance(line, Line)  # a cluster's line has no one connection to wait on

    def arm(self, queues: Sequence[str]) -> dict[str, int]:
        """Wait at these queues; returns the descriptors to watch, by list: none where the server cannot do it."""
        armed: dict[str, int] = {}
        for queue in queues[:MOST_LANDINGS] if self._can else ():
            landing = self._at(queue)
            try:
                landing.arm(self._line)
            except ResponseError as error:
                log.info("Redis does not move messages to who waits (%s): idle workers look for them", error)
                self._can = False
                return armed
            armed[landing.name] = landing.fd
        return armed

    def _at(self, queue: str) -> Landing:
        landing = self._landings.get(queue)
        if landing is None:
            name = self._layout.lists_of(queue)[0]
            self._leases.register([name])
            landing = self._landings[queue] = Landing(self._client, name, self._consumer, self._unrecorded)
        return landing

    def take(self, token: str) -> list[Claimed]:
        """What has landed; it is in hand, and a claim when it is recorded."""
        self.record()
        claimed: list[Claimed] = []
        try:
            for queue, landing in self._landings.items():
                found = landing.take(f"{token}{len(claimed)}")
                if found is not None:
                    payload, tag = found
                    claimed.append(Claimed(tag, queue, payload, payload.startswith(_MARK)))
        except (RedisError, OSError):
            if not claimed:  # what another connection brought is not given up for this one
                raise
        return claimed

    def record(self) -> None:
        """Make claims of what was taken; to be done before anything is acked."""
        for landing in self._landings.values():
            landing.record(self._line)

    def rest(self) -> None:
        """Take no more, and give back what came in the last moment."""
        self.record()
        for landing in self._landings.values():
            landing.disarm(self._line)

    def close(self) -> None:
        for landing in self._landings.values():
            landing.close()
            landing.forget()


class Landing:
    """One list's, for one consumer, on a connection of its own. Used by one thread.

    ``unrecorded`` (tag → payload) is where other threads see what is in hand and no claim yet.
    """

    def __init__(self, client: redis.Redis, name: str, consumer: str, unrecorded: dict[str, bytes]) -> None:
        self._pool = client.connection_pool
        self._arm = client.register_script(ARM)
        self._land = client.register_script(LAND)
        self.name, self._consumer = name, consumer
        self._landed = landed(name, consumer)
        self._connection: Any = None
        self._id = 0
        self._poll = select.poll()
        self._clock_offset = 0.0
        self._all_unrecorded = unrecorded
        self._unrecorded: tuple[bytes, str] | None = None
        self.is_armed = False

    def arm(self, line: Line | PooledLine) -> None:
        """Have the next message moved here; what was moved and never heard of goes back first."""
        if self.is_armed:
            return
        try:
            self.record(line)
            connection = self._connection or self._open()
            now = line.run_script(self._arm, [self.name, self._landed, holders(self.name)], [self._consumer])
            self._clock_offset = float(now) - time.monotonic()
            connection.send_command("BLMOVE", self.name, self._landed, "RIGHT", "LEFT", ARMED_SECONDS)
        except (RedisError, OSError):
            self.close()
            raise
        self.is_armed = True

    @property
    def fd(self) -> int:
        return int(self._connection._sock.fileno())

    def take(self, token: str) -> tuple[bytes, str] | None:
        """The message that has landed, and the tag of the claim it will be; None where there is none yet."""
        if not self.is_armed or not self._poll.poll(0):
            return None
        return self._read(token)

    def disarm(self, line: Line | PooledLine) -> None:
        """Give back what landed in the last moment, and have nothing more moved."""
        if not self.is_armed:
            return
        try:
            line.run("CLIENT", "UNBLOCK", self._id)
            self._read("")
            if self._unrecorded is not None:
                self.forget()
                line.run("LMOVE", self._landed, self.name, "RIGHT", "RIGHT")
        except (RedisError, OSError):
            self.close()
            raise

    def record(self, line: Line | PooledLine) -> None:
        """Make a claim of what was taken; to be done before that is acked."""
        if self._unrecorded is not None:
            payload, tag = self._unrecorded
            field = tag.partition("|")[0]
            line.run_script(self._land, [self._landed, claims(self.name, self._consumer)], [payload, field])
            self.forget()

    def forget(self) -> None:
        if self._unrecorded is not None:
            self._all_unrecorded.pop(self._unrecorded[1], None)
        self._unrecorded = None

    def _read(self, token: str) -> tuple[bytes, str] | None:
        try:
            payload = self._connection.read_response()
        except (RedisError, OSError):
            self.close()
            raise
        self.is_armed = False
        if payload is None:
            return None
        micros = int((time.monotonic() + self._clock_offset) * 1e6)
        tag = f"{micros:016d}.{token}.10000|{self.name}"
        self._all_unrecorded[tag] = payload
        self._unrecorded = payload, tag
        return self._unrecorded

    def _open(self) -> Any:
        connection = self._pool.connection_class(**self._pool.connection_kwargs)
        connection.connect()
        connection.send_command("CLIENT", "ID")
        self._id = int(connection.read_response())
        self._poll = select.poll()
        self._poll.register(connection._sock, select.POLLIN)
        self._connection = connection
        return connection

    def close(self) -> None:
        """What lands now is found when the list is armed again, or when the consumer is released."""
        self.is_armed = False
        if self._connection is not None:
            self._connection.disconnect()
        self._connection = None
