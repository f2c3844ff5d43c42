"""Bounded buffers of messages that nobody has asked for yet."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from queue import Empty
from typing import Any


class Evictable:
    """Something that can be told to shrink to its size."""

    Empty = Empty

    def evict(self) -> None:
        raise NotImplementedError


class Messagebuffer(Evictable):
    """A queue of at most ``maxsize`` messages: the oldest fall out. 0 or None is no limit."""

    def __init__(self, maxsize: int | None, iterable: Iterable[Any] | None = None) -> None:
        self.maxsize = maxsize
        self.data: deque[Any] = deque(iterable or ())

    def put(self, item: Any) -> None:
        self.data.append(item)
        self.evict()

    def extend(self, it: Iterable[Any]) -> None:
        self.data.extend(it)
        self.evict()

    def evict(self) -> None:
        while self.maxsize and len(self.data) > self.maxsize:
            self.data.popleft()

    def take(self, *default: Any) -> Any:
        """The oldest; ``default``, or Empty raised, where there is none."""
        if self.data:
            return self.data.popleft()
        if default:
            return default[0]
        raise self.Empty()

    def __iter__(self) -> Iterator[Any]:
        while self.data:
            yield self.data.popleft()

    def __len__(self) -> int:
        return len(self.data)

    def __contains__(self, item: object) -> bool:
        return item in self.data

    def __reversed__(self) -> Iterator[Any]:
        yield from reversed(self.data)

    def __getitem__(self, index: int) -> Any:
        return self.data[index]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)}/{self.maxsize}>"


class BufferMap(OrderedDict[Any, Messagebuffer], Evictable):
    """A buffer per key, at most ``maxsize`` messages in all: those of the key used longest ago go first."""

    def __init__(self, maxsize: int | None, iterable: Any = None, bufmaxsize: int | None = 1000) -> None:
        super().__init__()
        self.maxsize = maxsize
        self.bufmaxsize = bufmaxsize
        for key, items in dict(iterable or {}).items():
            self._buffer(key).extend(items)
        self.evict()

    @property
    def total(self) -> int:
        return sum(map(len, self.values()))

    def put(self, key: Any, item: Any) -> None:
        self._buffer(key).put(item)
        self.move_to_end(key)
        self.evict()

    def extend(self, key: Any, it: Iterable[Any]) -> None:
        self._buffer(key).extend(it)
        self.evict()

    def take(self, key: Any, *default: Any) -> Any:
        buffer = self.get(key)
        if buffer:
            self.move_to_end(key)
            return buffer.take()
        if default:
            return default[0]
        raise self.Empty()

    def evict(self) -> None:
        while self.maxsize and self.total > self.maxsize:
            key = next(iter(self))
            if not self[key]:
                del self[key]
                continue
            self[key].take()
            self.move_to_end(key)

    def _buffer(self, key: Any) -> Messagebuffer:
        if key not in self:
            self[key] = Messagebuffer(self.bufmaxsize)
        return self[key]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.total}/{self.maxsize}>"
