"""Queues in Redis, laid out as Kombu lays them out, but claimed in batches: popped and recorded in one script.

A queue is Kombu's lists: one per priority step, filled at the left and taken from the right, so Celery producers and
consumers can share it. A claim is a field in a hash of its consumer, beside the list it came from.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.exceptions import RedisError

from ...core.errors import BrokerUnavailable
from .redis_connecting import connect
from .redis_waiting import Waiter
from .store import Claimed, Put

SEPARATOR = "\x06\x16"
STEPS = (0, 3, 6, 9)
BEATS = "ps.beats"  # zset: consumer → when it last beat, by the server's clock; both under the key prefix
LISTS = "ps.lists"  # set: the lists that claims were taken from
#: Put in front of a payload that another consumer held; Kombu does not look at it.
MARK = '{"ps-redelivered":true,'

# KEYS: list, claims, list, claims, …  ARGV: limit, tag prefix
CLAIM = """
local left, taken = tonumber(ARGV[1]), {}
for k = 1, #KEYS, 2 do
  if left <= 0 then break end
  local items = redis.call('LRANGE', KEYS[k], -left, -1)
  if #items > 0 then
    redis.call('LTRIM', KEYS[k], 0, -#items - 1)
    local fields = {}
    for i = #items, 1, -1 do
      local field = ARGV[2] .. '.' .. #taken
      fields[#fields + 1] = field
      fields[#fields + 1] = items[i]
      taken[#taken + 1] = {k, field, items[i]}
    end
    redis.call('HSET', KEYS[k + 1], unpack(fields))
    left = left - #items
  end
end
return taken
"""
# KEYS: list, claims  ARGV: mark, field, field, … (none: all of them)
RETURN = """
local fields = {}
for i = 2, #ARGV do fields[#fields + 1] = ARGV[i] end
if #fields == 0 then fields = redis.call('HKEYS', KEYS[2]) end
table.sort(fields, function(a, b) return a > b end)
local count = 0
for _, field in ipairs(fields) do
  local payload = redis.call('HGET', KEYS[2], field)
  if payload then
    if ARGV[1] ~= '' and string.sub(payload, 1, #ARGV[1]) ~= ARGV[1] then
      payload = ARGV[1] .. string.sub(payload, 2)
    end
    redis.call('RPUSH', KEYS[1], payload)
    redis.call('HDEL', KEYS[2], field)
    count = count + 1
  end
end
return count
"""


def open_redis_store(url: str, *, options: Mapping[str, Any] | None = None) -> RedisStore:
    """The store at ``url``; it connects when first used."""
    return RedisStore(url, options or {})


class RedisStore:
    """A QueueStore in Redis."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self._url = url
        self._options = options
        self._prefix = str(options.get("global_keyprefix") or "")
        self._beats, self._lists = self._prefix + BEATS, self._prefix + LISTS
        self._numbers = itertools.count()
        self._turns = itertools.count()
        self._local = threading.local()
        self._known_lists: set[str] = set()
        self._client: redis.Redis | None = None
        self._pid = 0

    @property
    def client(self) -> redis.Redis:
        if self._client is None or self._pid != os.getpid():
            self._client, self._pid = connect(self._url, self._options), os.getpid()
            self._claim_script = self._client.register_script(CLAIM)
            self._return_script = self._client.register_script(RETURN)
        return self._client

    def lists_of(self, queue: str) -> list[str]:
        """The queue's lists, most urgent first."""
        base = self._prefix + queue
        return [base, *(f"{base}{SEPARATOR}{step}" for step in STEPS[1:])]

    def put(self, items: Sequence[Put], within: Any = None) -> None:
        batches: dict[str, list[str | bytes]] = defaultdict(list)
        for item in items:
            batches[self._list_for(item)].append(item.payload)
        with self._errors():
            if len(batches) == 1:
                [(name, payloads)] = batches.items()
                self.client.lpush(name, *payloads)
                return
            pipeline = self.client.pipeline()
            for name, payloads in batches.items():
                pipeline.lpush(name, *payloads)
            pipeline.execute()

    def _list_for(self, item: Put) -> str:
        step = max(step for step in STEPS if step <= max(0, item.priority))
        return f"{self._prefix}{item.queue}{SEPARATOR}{step}" if step else self._prefix + item.queue

    def claim(self, queues: Sequence[str], limit: int, consumer: str) -> list[Claimed]:
        first = next(self._turns) % len(queues)
        claimed: list[Claimed] = []
        for queue in (*queues[first:], *queues[:first]):
            if len(claimed) < limit:
                claimed += self._claim(queue, limit - len(claimed), consumer)
        return claimed

    def _claim(self, queue: str, limit: int, consumer: str) -> list[Claimed]:
        lists = self.lists_of(queue)
        keys = [key for name in lists for key in (name, _claims(name, consumer))]
        with self._errors():
            client = self.client
            self._register(client, lists)
            taken = self._claim_script(keys=keys, args=[limit, f"{next(self._numbers):012x}"])
        return [self._claimed(queue, lists[(k - 1) // 2], field, payload) for k, field, payload in taken]

    def _claimed(self, queue: str, name: str, field: bytes, payload: bytes) -> Claimed:
        return Claimed(f"{field.decode()}|{name}", queue, payload, payload.startswith(MARK.encode()))

    def _register(self, client: redis.Redis, lists: Iterable[str]) -> None:
        new = [name for name in lists if name not in self._known_lists]
        if new:
            client.sadd(self._lists, *new)
            self._known_lists.update(new)

    def ack(self, tags: Sequence[str], consumer: str) -> None:
        with self._errors():
            pipeline = self.client.pipeline(transaction=False)
            for name, fields in _by_list(tags).items():
                pipeline.hdel(_claims(name, consumer), *fields)
            pipeline.execute()

    def give_back(self, tags: Sequence[str], consumer: str) -> None:
        with self._errors():
            _ = self.client
            for name, fields in _by_list(tags).items():
                self._return_script(keys=[name, _claims(name, consumer)], args=["", *fields])

    def wait(self, queues: Sequence[str], timeout: float, wake_fd: int | None = None) -> None:
        with self._errors():
            waiter = getattr(self._local, "waiter", None)
            if waiter is None:
                waiter = self._local.waiter = Waiter(self.client)
            waiter.wait([name for queue in queues for name in self.lists_of(queue)], timeout, wake_fd)

    def beat(self, consumers: Collection[str]) -> None:
        if not consumers:
            return
        with self._errors():
            now = self._now()
            self.client.zadd(self._beats, dict.fromkeys(consumers, now))

    def release(self, consumer: str) -> int:
        with self._errors():
            count = self._release(consumer)
            self.client.zrem(self._beats, consumer)
        return count

    def _release(self, consumer: str) -> int:
        names = _texts(self.client.smembers(self._lists))
        return sum(int(self._return_script(keys=[name, _claims(name, consumer)], args=[MARK]) or 0) for name in names)

    def recover(self, silent_seconds: float) -> int:
        with self._errors():
            latest = self._now() - silent_seconds
            silent = _texts(self.client.zrangebyscore(self._beats, "-inf", latest))
            count = sum(self._release(consumer) for consumer in silent)
            for consumer in silent:
                self._forget_if_still_silent(consumer, latest)
        return count

    def _forget_if_still_silent(self, consumer: str, latest: float) -> None:
        score = self.client.zscore(self._beats, consumer)
        if score is not None and score <= latest:
            self.client.zrem(self._beats, consumer)

    def size(self, queue: str) -> int:
        with self._errors():
            return sum(int(self.client.llen(name)) for name in self.lists_of(queue))

    def purge(self, queue: str) -> int:
        with self._errors():
            pipeline = self.client.pipeline()
            for name in self.lists_of(queue):
                pipeline.llen(name)
            pipeline.delete(*self.lists_of(queue))
            return sum(int(count) for count in pipeline.execute()[:-1])

    def check(self) -> None:
        with self._errors():
            self.client.ping()

    def close(self) -> None:
        waiter = getattr(self._local, "waiter", None)
        if waiter is not None:
            waiter.close()
            self._local.waiter = None
        if self._client is not None and self._pid == os.getpid():
            self._client.close()
        self._client = None

    def joins(self, database_url: str) -> bool:
        return False

    def _now(self) -> float:
        seconds, microseconds = self.client.time()
        return float(seconds) + float(microseconds) / 1e6

    @contextmanager
    def _errors(self) -> Any:
        try:
            yield
        except (RedisError, OSError) as error:
            raise BrokerUnavailable(f"the Redis broker does not answer as it should: {error}") from error


def _claims(name: str, consumer: str) -> str:
    """The hash of a consumer's claims from one list; in a cluster it lies in the list's own slot."""
    tagged = name if "{" in name else f"{{{name}}}"
    return f"{tagged}.ps.claims:{consumer}"


def _by_list(tags: Sequence[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for tag in tags:
        field, _, name = tag.partition("|")
        grouped[name].append(field)
    return grouped


def _texts(values: Any) -> list[str]:
    return [value.decode() for value in values]
