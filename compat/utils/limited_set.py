"""A set that forgets: the oldest beyond a size, and what is too old."""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableSet
from typing import Any


class LimitedSet:
    """At most ``maxlen`` items; each for ``expires`` seconds, except the youngest ``minlen``. 0 is no limit.

    Items are remembered by monotonic time, so a set from another host must be merged as an iterable of items.
    """

    def __init__(
        self, maxlen: int | None = 0, expires: float | None = 0, data: Any = None, minlen: int | None = 0
    ) -> None:
        self.maxlen = maxlen or 0
        self.minlen = minlen or 0
        self.expires = expires or 0
        self._times: dict[Any, float] = {}  # in the order of their times, but for merged ones
        if data:
            self.update(data)
        if not self.maxlen >= self.minlen >= 0:
            raise ValueError("minlen must be a positive number, less or equal to maxlen.")
        if self.expires < 0:
            raise ValueError("expires cannot be negative!")

    def clear(self) -> None:
        self._times.clear()

    def add(self, item: Any, now: float | None = None) -> None:
        """Add, or make young again."""
        moment = time.monotonic() if now is None else float(now)
        self._times.pop(item, None)
        last = next(reversed(self._times.values()), moment)
        self._times[item] = moment
        if moment < last:
            self._sort()
        if self.maxlen and len(self._times) >= self.maxlen:
            self.purge()

    def _sort(self) -> None:
        self._times = dict(sorted(self._times.items(), key=lambda pair: pair[1]))

    def update(self, other: Any) -> None:
        """Take in another set, a dict of item to time, or any iterable of items."""
        if isinstance(other, LimitedSet):
            self._times.update(other._times)
            self._sort()
            self.purge()
        elif isinstance(other, dict):
            self._times.update({item: _moment(when) for item, when in other.items()})
            self._sort()
            self._shrink()
        else:
            for item in other or ():
                self.add(item)

    def discard(self, item: Any) -> None:
        self._times.pop(item, None)

    pop_value = discard

    def purge(self, now: Any = None) -> None:
        """Forget what the limits say; ``now`` may be a time or a clock."""
        moment = now() if callable(now) else time.monotonic() if now is None else now
        self._shrink()
        while self.expires and len(self._times) > self.minlen:
            if next(iter(self._times.values())) + self.expires > moment:
                break
            self.pop()

    def _shrink(self) -> None:
        while self.maxlen and len(self._times) > self.maxlen:
            self.pop()

    def pop(self, default: Any = None) -> Any:
        """Take the oldest out; ``default`` where there is none."""
        for item in self._times:
            del self._times[item]
            return item
        return default

    def as_dict(self) -> dict[Any, float]:
        """Item to time."""
        return dict(self._times)

    def __eq__(self, other: object) -> bool:
        return self._times == other._times if isinstance(other, LimitedSet) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__}({len(self)}): maxlen={self.maxlen}, expires={self.expires}, minlen={self.minlen}>"
        )

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._times))

    def __len__(self) -> int:
        return len(self._times)

    def __contains__(self, key: object) -> bool:
        return key in self._times

    def __reduce__(self) -> Any:
        return type(self), (self.maxlen, self.expires, self.as_dict(), self.minlen)


def _moment(given: Any) -> float:
    moment = given[0] if isinstance(given, (tuple, list)) else given
    if not isinstance(moment, float):
        raise ValueError(f"Expecting float timestamp, got type {type(moment)!r} with value: {moment}")
    return moment


MutableSet.register(LimitedSet)
