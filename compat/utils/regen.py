"""A generator that can be walked more than once."""

from __future__ import annotations

import operator
from collections import UserList
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def regen(it: Any) -> Any:
    """Lists and tuples as they are; any other iterable as a list that takes no more from it than is asked for."""
    return it if isinstance(it, (list, tuple)) else _regen(it)


class _regen(UserList[Any], list[Any]):  # type: ignore[misc]
    """A ``list`` for isinstance's sake; items come from ``_source`` when they are needed."""

    def __init__(self, it: Iterable[Any]) -> None:
        self._source: Iterator[Any] = iter(it)
        self._taken: list[Any] = []
        self._ended = False

    def _take(self) -> bool:
        """Take one more item; False at the end."""
        if not self._ended:
            try:
                self._taken.append(next(self._source))
            except StopIteration:
                self._ended = True
        return not self._ended

    def map(self, func: Callable[[Any], Any]) -> None:
        """Put every item through ``func``, those to come when they come."""
        self._taken = [func(item) for item in self._taken]
        self._source = map(func, self._source)

    @property
    def data(self) -> list[Any]:  # type: ignore[override]
        while self._take():
            pass
        return self._taken

    def __reduce__(self) -> Any:
        return list, (self.data,)

    def __length_hint__(self) -> int:
        return operator.length_hint(self._source) + len(self._taken)

    def __iter__(self) -> Iterator[Any]:
        index = 0
        while index < len(self._taken) or self._take():
            yield self._taken[index]
            index += 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.data[index]
        place = operator.index(index)
        if place < 0:
            return self.data[place]
        while len(self._taken) <= place and self._take():
            pass
        return self._taken[place]

    def __bool__(self) -> bool:
        return bool(self._taken) or self._take()

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self._taken))
        return f"<{type(self).__name__}: [{shown}{'' if self._ended else '...'}]>"
