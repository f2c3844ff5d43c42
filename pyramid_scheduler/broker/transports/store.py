"""What a queue store does: the engine room that our Kombu transports and our own fast paths share.

A payload is Kombu's own envelope as JSON text (body, content-type, content-encoding, headers, properties), so that
whatever speaks Kombu can share the queues.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol


class Put(NamedTuple):
    """One message on its way in."""

    queue: str
    payload: str | bytes
    priority: int = 0


class Claimed(NamedTuple):
    """One message claimed by a consumer. ``redelivered``: another consumer held it and went silent."""

    tag: str
    queue: str
    payload: str | bytes
    redelivered: bool = False


class QueueStore(Protocol):
    """Queues with claims that belong to consumers.

    Safe to call from several threads, on behalf of one consumer from one at a time, except for ``ack_now``.
    """

    def put(self, items: Sequence[Put], within: Any = None) -> None:
        """Add all items; ``within`` is an open connection whose transaction to join, where the engine has any."""

    def claim(self, queues: Sequence[str], limit: int, consumer: str) -> list[Claimed]:
        """Take up to ``limit`` messages, highest priority and oldest first; popped and recorded atomically."""

    def ack(self, tags: Sequence[str], consumer: str) -> None:
        """Forget claimed messages, if they are still this consumer's."""

    def ack_now(self, tag: str, consumer: str) -> bool:
        """``ack`` of one, from any thread. False: it is on its way, and to be acked again for certainty."""

    def keeps(self, tag: str) -> bool:
        """Whether it is a claim that outlives its consumer. From any thread."""

    def give_back(self, tags: Sequence[str], consumer: str) -> None:
        """Return claims to the front of their queues, not marked as redelivered."""

    def wait(self, queues: Sequence[str], timeout: float, wake_fd: int | None = None, consumer: str = "") -> None:
        """Return as soon as a queue may hold something, ``wake_fd`` is readable, or ``timeout`` seconds passed.

        Something may be taken for ``consumer`` on the way, if one is named: its next ``claim`` brings it.
        """

    def rest(self, consumer: str) -> None:
        """What was taken for it by waiting goes back, and nothing more is, until the next wait."""

    def beat(self, consumers: Collection[str]) -> None: ...
    def release(self, consumer: str, begun: Collection[str] = ()) -> int:
        """Return its claims, marked as redelivered, but forget those of the tags ``begun``."""

    def recover(self, silent_seconds: float) -> int: ...
    def size(self, queue: str) -> int: ...
    def purge(self, queue: str) -> int: ...
    def close(self) -> None: ...
