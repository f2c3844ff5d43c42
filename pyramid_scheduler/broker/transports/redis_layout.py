"""What the keys are called: queues as Kombu calls them, claims in names of our own beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SEPARATOR = "\x06\x16"
STEPS = (0, 3, 6, 9)


@dataclass(frozen=True)
class Layout:
    """A queue is one list per priority step, filled at the left and taken from the right; step 0 is most urgent.

    ``claims``, ``landed`` and ``holders`` carry their list's name as a hash tag: in a cluster one script may touch all.
    """

    prefix: str = ""
    separator: str = SEPARATOR
    steps: tuple[int, ...] = STEPS

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Layout:
        """Of Kombu's transport options ``global_keyprefix``, ``sep`` and ``priority_steps``."""
        steps = options.get("priority_steps") or STEPS
        numbers = re.findall(r"\d+", steps) if isinstance(steps, str) else steps
        return cls(
            str(options.get("global_keyprefix") or ""),
            str(options.get("sep") or SEPARATOR),
            tuple(sorted({0, *(int(step) for step in numbers)})),
        )

    @property
    def beats(self) -> str:
        """zset: consumer → when it last beat, in seconds of the server's clock."""
        return f"{self.prefix}ps.beats"

    @property
    def sources(self) -> str:
        """zset: list that is consumed → when a consumer last said so."""
        return f"{self.prefix}ps.sources"

    def lists_of(self, queue: str) -> list[str]:
        """The queue's lists, most urgent first."""
        return [self._list(queue, step) for step in self.steps]

    def list_for(self, queue: str, priority: int) -> str:
        return self._list(queue, max(step for step in self.steps if step <= max(0, priority)))

    def _list(self, queue: str, step: int) -> str:
        return f"{self.prefix}{queue}{self.separator}{step}" if step else f"{self.prefix}{queue}"


def claims(name: str, consumer: str) -> str:
    """hash: field → payload that the consumer holds."""
    return f"{_tagged(name)}.ps.claims:{consumer}"


def landed(name: str, consumer: str) -> str:
    """list: what the server has moved for the waiting consumer, until that is a claim."""
    return f"{_tagged(name)}.ps.landed:{consumer}"


def holders(name: str) -> str:
    """zset: consumer that may hold something of this list → when it last claimed, or began to wait."""
    return f"{_tagged(name)}.ps.holders"


def _tagged(name: str) -> str:
    start = name.find("{")
    has_tag = start >= 0 and name.find("}", start) > start + 1
    return name if has_tag else f"{{{name}}}"


def by_list(tags: Iterable[str]) -> dict[str, list[str]]:
    """Fields by list, of tags as ``tag`` makes them."""
    grouped: dict[str, list[str]] = {}
    for tag in tags:
        field, _, name = tag.partition("|")
        grouped.setdefault(name, []).append(field)
    return grouped
