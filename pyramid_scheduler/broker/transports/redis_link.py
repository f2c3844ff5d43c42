"""What a process, and each of its threads, has open to Redis."""

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
        self.client = connect(url, options)
        self.in_slots = isinstance(self.client, RedisCluster)
        self.claim = self.client.register_script(CLAIM)
        self.leases = RedisLeases(self.client, layout)
        self.unland = self.client.register_script(UNLAND)
        self.unrecorded: dict[str, bytes] = {}  # tag → payload of what has landed and is no claim yet; any thread's
        self.hands: weakref.WeakSet[Hands] = weakref.WeakSet()
        salt = os.urandom(5).hex()
        self.tokens = (f"{salt}{number:x}" for number in itertools.count())

    def close(self) -> None:
        for hands in list(self.hands):
            hands.line.close()
            if hands.waiter is not None:
                hands.waiter.close()
            hands.landings.close()
        self.client.close()


class Hands:
    """What one thread has of a link for itself."""

    def __init__(self, link: Link, layout: Layout) -> None:
        self.line = PooledLine(link.client) if link.in_slots else Line(link.client)
        self.waiter: Waiter | Poller | None = None
        self.landings = Landings(link.client, self.line, link.leases, layout, link.unrecorded)
        link.hands.add(self)
