"""What a channel of RabbitMQ's has delivered and is not settled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import takewhile

import amqp

from ..core.message import Delivery


class Unacked:
    """By delivery tag, in their order."""

    def __init__(self, channel: amqp.Channel) -> None:
        self._channel = channel
        self._held: dict[int, Delivery | None] = {}  # None: may be acked
        self._last = self._old = 0  # tags: the last one, and the last one that was there at the last ``age``

    def __len__(self) -> int:
        return len(self._held)

    def add(self, tag: int, delivery: Delivery) -> None:
        self._last = tag
        self._held[tag] = delivery

    @property
    def old(self) -> dict[int, Delivery]:
        """What was there at the last ``age`` already."""
        return {tag: one for tag, one in self._held.items() if one is not None and tag <= self._old}

    def is_fresh(self, tag: int) -> bool:
        """Whether it is not old, from any thread. What is old may be acked in favour of its copy, and to ack that over
        this channel would close it."""
        return tag > self._old

    def age(self) -> None:
        self._old = self._last

    def ack(self, tags: Collection[int]) -> None:
        """The lower ones first: where this breaks off, the higher ones are still to be acked."""
        mine = sorted(tag for tag in tags if tag in self._held)
        for tag in mine:
            self._held[tag] = None
        self._ack_prefix()
        for tag in mine:
            self.ack_one(tag)

    def ack_one(self, tag: int) -> None:
        if tag in self._held:
            del self._held[tag]
            self._channel.basic_ack(tag)

    def _ack_prefix(self) -> None:
        """All that came before some delivery, and that one, are done: one frame says so."""
        done = [tag for tag, _ in takewhile(lambda held: held[1] is None, self._held.items())]
        if done:
            self._channel.basic_ack(done[-1], multiple=True)
        for tag in done:
            del self._held[tag]

    def take(self, tags: Collection[int]) -> Mapping[int, Delivery | None]:
        """Those of them that are held, the last one first; they are not any more."""
        return {tag: self._held.pop(tag) for tag in sorted(self._held.keys() & tags, reverse=True)}
