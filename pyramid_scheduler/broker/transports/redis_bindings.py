"""Which queues an exchange leads to, in the sets that Kombu's own Redis transport keeps."""

from __future__ import annotations

import time
from typing import Any

from .redis_layout import Layout

#: How long a table may be out of date on this side: Kombu reads it anew for every message. What finds no queue in
#: a cached table looks again, so only a second queue bound to a routing key in use can miss messages this long.
CACHE_SECONDS = 1.0
#: Kombu sweeps tables of expiring queues that nobody refreshed: after twice the expiry, and never within the hour.
SWEEP_FACTOR, SWEEP_LEAST_MILLISECONDS = 2, 3_600_000

# KEYS: table, deadlines. ARGV: member, exchange, milliseconds from now.
BIND_EXPIRING = """
redis.call('SADD', KEYS[1], ARGV[1])
local time = redis.call('TIME')
local deadline = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3]
local known = redis.call('ZSCORE', KEYS[2], ARGV[2])
if not known or tonumber(known) < deadline then redis.call('ZADD', KEYS[2], deadline, ARGV[2]) end
"""

Binding = tuple[str, str, str]  # routing key, pattern, queue


class RedisBindings:
    """Kombu's binding tables; a table read is kept for a second."""

    def __init__(self, client: Any, layout: Layout) -> None:
        self._client = client
        self._layout = layout
        self._bind_expiring = client.register_script(BIND_EXPIRING)
        self._tables: dict[str, tuple[float, list[Binding]]] = {}

    def add(self, exchange: str, binding: Binding, expires: int | None) -> None:
        """``expires``: the queue's ``x-expires`` in milliseconds."""
        member = self._layout.separator.join(binding)
        if expires is None:
            pipeline = self._client.pipeline()
            pipeline.sadd(self._table(exchange), member)
            pipeline.sadd(self._permanent(exchange), member)
            pipeline.execute()
        else:
            left = max(expires * SWEEP_FACTOR, SWEEP_LEAST_MILLISECONDS)
            deadlines = f"{self._layout.prefix}_kombu.binding_deadlines"
            self._bind_expiring(keys=[self._table(exchange), deadlines], args=[member, exchange, left])
        self._tables.pop(exchange, None)

    def remove(self, exchange: str, binding: Binding) -> None:
        member = self._layout.separator.join(binding)
        self._client.srem(self._table(exchange), member)
        self._client.srem(self._permanent(exchange), member)
        self._tables.pop(exchange, None)

    def find(self, exchange: str, *, fresh: bool = False) -> list[Binding]:
        read_at, table = self._tables.get(exchange, (0.0, []))
        if fresh or not read_at or time.monotonic() - read_at > CACHE_SECONDS:
            members = self._client.smembers(self._table(exchange))
            table = [self._binding(member.decode()) for member in members]
            self._tables[exchange] = (time.monotonic(), table)
        return table

    def _binding(self, member: str) -> Binding:
        routing_key, pattern, queue = member.split(self._layout.separator)
        return routing_key, pattern, queue

    def _table(self, exchange: str) -> str:
        return f"{self._layout.prefix}_kombu.binding.{exchange}"

    def _permanent(self, exchange: str) -> str:
        return f"{self._layout.prefix}_kombu.binding_permanent.{exchange}"
