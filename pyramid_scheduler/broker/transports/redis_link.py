"""What a process, and each of its threads and consumers, has open to Redis."""

from __future__ import annotations

import itertools
import os
import weakref
from collections.abc import Mapping
from typing import Any

from redis.cluster import RedisCluster

from .redis_connecting import connect
from .redis_landing import Landings
from .redis_layout import Layout
from .redis_leases import RedisLeases
from .redis_line import Line, PooledLine
from .redis_scripts import CLAIM, UNLAND
from .redis_waiting import Poller, Waiter


class Link:
    """What one process has open."""

    def __init__(self, url: str, options: Mapping[str, Any], layout: Layout) -> None:
        self.pid = os.getpid()
        self._layout = layout
        self.client = connect(url, options)
        self.in_slots = isinstance(self.client, RedisCluster)
        self.claim = self.client.register_script(CLAIM)
        self.leases = RedisLeases(self.client, layout)
        self.unland = self.client.register_script(UNLAND)
        self.unrecorded: dict[str, bytes] = {}  # tag → payload of what has landed and is no claim yet; any thread's
        self.hands: dict[str, Hands] = {}  # by consumer
        self._lines: weakref.WeakSet[Line | PooledLine] = weakref.WeakSet()
        salt = os.urandom(5).hex()
        self.tokens = (f"{salt}{number:x}" for number in itertools.count())

    def new_line(self) -> Line | PooledLine:
        line = PooledLine(self.client) if self.in_slots else Line(self.client)
        self._lines.add(line)
        return line

    def hands_of(self, consumer: str) -> Hands:
        """One thread at a time uses them."""
        hands = self.hands.get(consumer)
        if hands is None:
            hands = self.hands[consumer] = Hands(self, self._layout, consumer)
        return hands

    def drop_hands(self, consumer: str) -> None:
        hands = self.hands.pop(consumer, None)
        if hands is not None:
            hands.close()

    def close(self) -> None:
        for hands in list(self.hands.values()):
            hands.close()
        for line in list(self._lines):
            line.close()
        self.client.close()


class Hands:
    """What one consumer has of a link for itself."""

    def __init__(self, link: Link, layout: Layout, consumer: str) -> None:
        self.line = link.new_line()
        self.waiter: Waiter | Poller | None = None
        self.landings = Landings(link.client, self.line, link.leases, layout, link.unrecorded, consumer)

    def close(self) -> None:
        self.line.close()
        if self.waiter is not None:
            self.waiter.close()
        self.landings.close()
