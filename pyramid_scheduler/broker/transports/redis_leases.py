"""Who holds claims in Redis, and what becomes of those whose consumer is gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from .redis_layout import Layout, by_list, claims, holders, landed
from .redis_scripts import RETURN, STAMP

#: Put into a payload that another consumer held; Kombu does not look at it.
MARK = '{"ps-redelivered":true,'
#: Lists that nobody consumed for so long, and of which nobody holds anything, are not looked after any more.
FORGET_SECONDS = 3600.0


class RedisLeases:
    """Claims in Redis, seen from outside their consumer. Every step can be repeated, by many at once, without harm."""

    def __init__(self, client: Any, layout: Layout) -> None:
        self._client = client
        self._layout = layout
        self._return = client.register_script(RETURN)
        self._stamp = client.register_script(STAMP)

    def register(self, lists: Collection[str]) -> None:
        """Have these lists looked after."""
        self._stamp(keys=[self._layout.sources], args=list(lists))

    def beat(self, consumers: Collection[str]) -> None:
        if consumers:
            self._stamp(keys=[self._layout.beats], args=list(consumers))

    def give_back(self, name: str, consumer: str, fields: Collection[str] = (), *, token: str = "") -> int:
        """Those fields, or what the call ``token`` claimed, to the front and not as redelivered."""
        if not fields and not token:
            return 0
        return self._give_back(name, consumer, ["", "", token, *fields])

    def release(self, consumer: str, begun: Collection[str] = ()) -> int:
        for name, fields in by_list(begun).items():
            self._client.hdel(claims(name, consumer), *fields)
        count = sum(self._give_back(name, consumer, [MARK, "", ""]) for name in self._holding(consumer))
        self._client.zrem(self._layout.beats, consumer)
        return count

    def recover(self, silent_seconds: float) -> int:
        now = self._now()
        latest = now - silent_seconds
        sources = self._client.zrange(self._layout.sources, 0, -1, withscores=True)
        held = self._each(sources, lambda pipeline, name: pipeline.zrange(holders(name), 0, -1, withscores=True))
        self._forget(
            name for (name, at), found in zip(sources, held, strict=True) if not found and at < now - FORGET_SECONDS
        )
        # Read after the holders: who has beaten by now is alive, whenever it claimed.
        alive = set(self._client.zrangebyscore(self._layout.beats, latest, "+inf"))
        count = 0
        for (name, _), found in zip(sources, held, strict=True):
            for consumer, claimed_at in found:
                if claimed_at < latest and consumer not in alive:
                    # What it claims from now on shows that it lives after all: that is not given back.
                    args = [MARK, f"{int(now * 1e6):016d}", ""]
                    count += self._give_back(name.decode(), consumer.decode(), args)
        self._client.zremrangebyscore(self._layout.beats, "-inf", now - max(silent_seconds, FORGET_SECONDS))
        return count

    def _give_back(self, name: str, consumer: str, args: list[str]) -> int:
        keys = [name, claims(name, consumer), holders(name), landed(name, consumer)]
        return int(self._return(keys=keys, args=[consumer, *args]))

    def _holding(self, consumer: str) -> list[str]:
        sources = self._client.zrange(self._layout.sources, 0, -1, withscores=True)
        scores = self._each(sources, lambda pipeline, name: pipeline.zscore(holders(name), consumer))
        return [name.decode() for (name, _), score in zip(sources, scores, strict=True) if score is not None]

    def _each(self, sources: Iterable[tuple[bytes, float]], ask: Any) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for name, _ in sources:
            ask(pipeline, name.decode())
        answers: list[Any] = pipeline.execute()
        return answers

    def _forget(self, names: Iterable[bytes]) -> None:
        gone = list(names)
        if gone:
            self._client.zrem(self._layout.sources, *gone)

    def _now(self) -> float:
        seconds, microseconds = self._client.time()
        return float(seconds) + float(microseconds) / 1e6
