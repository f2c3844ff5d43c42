"""Queues in Redis, laid out as Kombu lays them out, but claimed in batches: popped and recorded in one script.

A queue is Kombu's lists: one per priority step, filled at the left and taken from the right, so Celery producers and
consumers can share it. A claim is a field in a hash of its consumer, beside the list it came from.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from redis.crc import key_slot
from redis.exceptions import RedisError

from ...core.errors import BrokerUnavailable
from .redis_errors import ERRORS
from .redis_layout import Layout, by_list, claims, holders, landed
from .redis_leases import MARK
from .redis_line import Line, PooledLine
from .redis_link import Hands, Link
from .redis_waiting import Waiter, make_waiter
from .store import Claimed, Put

REGISTER_SECONDS = 5.0
#: Lua's stack holds 8,000 values, and a claimed message takes two.
MOST_PER_CLAIM = 2000
MOST_PER_PUSH = 10_000
_MARK = MARK.encode()


def open_redis_store(url: str, *, options: Mapping[str, Any] | None = None) -> RedisStore:
    """The store at ``url``; it connects when first used.

    ``options`` are those of ``redis_connecting.connect`` and ``Layout.from_options``, Kombu's names for them.
    """
    return RedisStore(url, options or {})


class Step(NamedTuple):
    """One call of the claiming script: lists that it may touch together."""

    keys: list[str]
    lists: list[tuple[str, str]]  # (list, queue)


class RedisStore:
    """A QueueStore in Redis. What a broken connection left open is settled with the next claim."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self._url = url
        self._options = options
        self.layout = Layout.from_options(options)
        self._turns = itertools.count()
        self._local = threading.local()
        self._registered: dict[str, float] = {}
        self._owed: deque[Callable[[], object]] = deque()
        self._link: Link | None = None
        self._steps = lru_cache(maxsize=1024)(self._make_steps)
        self._list_for = lru_cache(maxsize=1024)(self.layout.list_for)

    @property
    def link(self) -> Link:
        """This process's; after a fork, the child makes its own. Threads that race here make one too many, no harm."""
        link = self._link
        if link is None or link.pid != os.getpid():
            link = self._link = Link(self._url, self._options, self.layout)
            self._owed.clear()
        return link

    @property
    def client(self) -> Any:
        return self.link.client

    # Messages in

    def put(self, items: Sequence[Put], within: Any = None) -> None:
        if len(items) == 1:
            queue, payload, priority = items[0]
            with ERRORS:
                self._line().run_once("LPUSH", self._list_for(queue, priority), payload)
            return
        batches: dict[str, list[str | bytes]] = {}
        for item in items:
            batches.setdefault(self._list_for(item.queue, item.priority), []).append(item.payload)
        pushes = [
            (name, payloads[start : start + MOST_PER_PUSH])
            for name, payloads in batches.items()
            for start in range(0, len(payloads), MOST_PER_PUSH)
        ]
        with ERRORS:
            self._push(pushes)

    def _push(self, pushes: list[tuple[str, list[str | bytes]]]) -> None:
        link = self.link
        if len(pushes) == 1:
            self._line().run_once("LPUSH", pushes[0][0], *pushes[0][1])
        elif pushes:
            pipeline = link.client.pipeline(transaction=not link.in_slots)
            for name, payloads in pushes:
                pipeline.lpush(name, *payloads)
            pipeline.execute()

    # Messages out

    def claim(self, queues: Sequence[str], limit: int, consumer: str) -> list[Claimed]:
        left = min(limit, MOST_PER_CLAIM)
        claimed: list[Claimed] = []
        with ERRORS:
            link = self.link
            hands = link.hands_of(consumer)
            self._settle()
            claimed += hands.landings.take(next(link.tokens))
            if claimed:
                return claimed
            # Queues take turns at being first, so that none is starved by a full one.
            for step in self._steps(tuple(queues), next(self._turns) % len(queues), consumer, link.in_slots):
                if left > len(claimed):
                    self._register(link, step)
                    claimed += self._claim(link, hands, step, left - len(claimed), consumer)
        if hands.waiter is not None:
            hands.waiter.found(len(claimed))
        return claimed

    def _make_steps(self, queues: tuple[str, ...], first: int, consumer: str, in_slots: bool) -> list[Step]:
        turn = (*queues[first:], *queues[:first])
        by_urgency = zip(*(self.layout.lists_of(queue) for queue in turn), strict=True)
        groups: dict[int, Step] = {}
        for names in by_urgency:
            for name, queue in zip(names, turn, strict=True):
                step = groups.setdefault(key_slot(name.encode()) if in_slots else 0, Step([], []))
                step.keys.extend((name, claims(name, consumer), holders(name)))
                step.lists.append((name, queue))
        return list(groups.values())

    def _claim(self, link: Link, hands: Hands, step: Step, limit: int, consumer: str) -> list[Claimed]:
        token = next(link.tokens)
        try:
            micros, *taken = hands.line.run_script(link.claim, step.keys, [limit, token, consumer])
        except (RedisError, OSError):
            self._owe_return(step, consumer, token)
            raise
        claimed: list[Claimed] = []
        stamp = f"{micros.decode()}.{token}."
        for place, payloads in zip(taken[::2], taken[1::2], strict=True):
            name, queue = step.lists[place // 3]
            for payload in reversed(payloads):
                tag = f"{stamp}{10000 + len(claimed)}|{name}"
                claimed.append(Claimed(tag, queue, payload, payload.startswith(_MARK)))
        return claimed

    def _owe_return(self, step: Step, consumer: str, token: str) -> None:
        """The answer may be lost with claims in it that nobody knows of, and their consumer lives on."""
        for name, _ in step.lists:
            self._owed.append(lambda name=name: self.link.leases.give_back(name, consumer, token=token))  # type: ignore[misc]

    def ack(self, tags: Sequence[str], consumer: str) -> None:
        try:
            with ERRORS:
                self._ack(tags, consumer)
        except BrokerUnavailable:
            self._owed.append(lambda: self._ack(tags, consumer))
            raise

    def _ack(self, tags: Sequence[str], consumer: str) -> None:
        hands = self.link.hands_of(consumer)
        hands.landings.record()
        for name, fields in by_list(tags).items():
            hands.line.run("HDEL", claims(name, consumer), *fields)

    def ack_now(self, tag: str, consumer: str) -> bool:
        """Does not wait for the answer: what it says reaches the server even if this process dies the next moment."""
        field, _, name = tag.partition("|")
        with ERRORS:
            link, line = self.link, self._line()
            payload = link.unrecorded.get(tag)
            if payload is None:
                line.say("HDEL", claims(name, consumer), field)
            else:
                keys = [landed(name, consumer), claims(name, consumer)]
                line.run_script(link.unland, keys, [payload, field])
        return False

    def keeps(self, tag: str) -> bool:
        return self._link is not None and tag not in self._link.unrecorded

    def give_back(self, tags: Sequence[str], consumer: str) -> None:
        try:
            with ERRORS:
                self._give_back(tags, consumer)
        except BrokerUnavailable:
            self._owed.append(lambda: self._give_back(tags, consumer))
            raise

    def _give_back(self, tags: Sequence[str], consumer: str) -> None:
        self.link.hands_of(consumer).landings.record()
        for name, fields in by_list(tags).items():
            self.link.leases.give_back(name, consumer, fields)

    def _settle(self) -> None:
        while self._owed:
            debt = self._owed.popleft()
            try:
                debt()
            except (RedisError, OSError):
                self._owed.appendleft(debt)
                raise

    def _register(self, link: Link, step: Step) -> None:
        """Before claiming, so that whoever looks for claims of the dead knows where."""
        now = time.monotonic()
        late = [
            name for name, _ in step.lists if now - self._registered.get(name, -REGISTER_SECONDS) >= REGISTER_SECONDS
        ]
        if late:
            link.leases.register(late)
            self._registered.update(dict.fromkeys(late, now))

    # Waiting

    def wait(self, queues: Sequence[str], timeout: float, wake_fd: int | None = None, consumer: str = "") -> None:
        lists = [name for queue in queues for name in self.layout.lists_of(queue)]
        with ERRORS:
            hands = self.link.hands_of(consumer)
            if hands.waiter is None:
                hands.waiter = make_waiter(self.client)
            can_take = consumer and isinstance(hands.waiter, Waiter)
            landings = hands.landings.arm(queues) if can_take else {}
            others = [name for name in lists if name not in landings]
            hands.waiter.wait(others, timeout, [fd for fd in (wake_fd, *landings.values()) if fd is not None])

    def rest(self, consumer: str) -> None:
        if self._link is not None and consumer in self._link.hands:
            with ERRORS:
                self.link.hands_of(consumer).landings.rest()

    def _line(self) -> Line | PooledLine:
        """This thread's, for what any thread may say."""
        link, local = self.link, self._local
        if getattr(local, "link", None) is not link:
            local.link, local.line = link, link.new_line()
        line: Line | PooledLine = local.line
        return line

    # Leases

    def beat(self, consumers: Collection[str]) -> None:
        with ERRORS:
            self.link.leases.beat(consumers)

    def release(self, consumer: str, begun: Collection[str] = ()) -> int:
        with ERRORS:
            link = self.link
            link.drop_hands(consumer)
            return link.leases.release(consumer, begun)

    def recover(self, silent_seconds: float) -> int:
        with ERRORS:
            return self.link.leases.recover(silent_seconds)

    # Queues

    def size(self, queue: str) -> int:
        with ERRORS:
            pipeline = self.client.pipeline(transaction=False)
            for name in self.layout.lists_of(queue):
                pipeline.llen(name)
            return sum(int(count) for count in pipeline.execute())

    def purge(self, queue: str) -> int:
        with ERRORS:
            link = self.link
            pipeline = link.client.pipeline(transaction=not link.in_slots)
            for name in self.layout.lists_of(queue):
                pipeline.llen(name)
                pipeline.delete(name)
            return sum(int(count) for count in pipeline.execute()[::2])

    def check(self) -> None:
        with ERRORS:
            self.client.ping()

    def close(self) -> None:
        if self._link is not None and self._link.pid == os.getpid():
            self._link.close()
        self._link = None

    def joins(self, database_url: str) -> bool:
        return False
