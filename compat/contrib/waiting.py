"""Messages that wait in queues, each looked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kombu.connection import Connection

from pyramid_scheduler.api import kombu_url

from ..pipeline import broker_url, speaks_kombu


class StopFiltering(Exception):
    """What a predicate or a callback raises when it has seen enough."""


class State:
    """How many messages were looked at and moved, of about how many."""

    count = 0
    filtered = 0
    total_apx = 0

    @property
    def strtotal(self) -> str:
        return str(self.total_apx) if self.total_apx else "?"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.filtered} of {self.count}/{self.strtotal}>"


@contextmanager
def reach(app: Any, connection: Any) -> Iterator[Any]:
    """A connection of kombu's on which this app's queues are what its workers see."""
    if connection is not None or speaks_kombu(app):
        with app.connection_or_acquire(connection, pool=False) as reached:
            yield reached
        return
    with Connection(kombu_url(broker_url(app))) as reached:
        yield reached


def look_through(connection: Any, queues: list[Any], handle: Callable[[Any], Any], state: State, accept: Any) -> None:
    """Call ``handle(message)`` with what waits now; what it does not ack goes back in the end."""
    sizes = [(queue, _size(connection, queue)) for queue in queues]
    state.total_apx = sum(size for _, size in sizes)
    taken: list[Any] = []
    with connection.channel() as channel:
        try:
            for queue, size in sizes:
                for message in _messages(queue(channel), size, accept):
                    taken.append(message)
                    state.count += 1
                    handle(message)
        except StopFiltering:
            pass
        finally:
            for message in taken:
                if not message.acknowledged:
                    message.requeue()


def _messages(queue: Any, size: int, accept: Any) -> Iterator[Any]:
    """At most ``size``: those that are held back do not come again."""
    for _ in range(size):
        message = queue.get(no_ack=False, accept=accept)
        if message is None:
            return
        yield message


def _size(connection: Any, queue: Any) -> int:
    try:
        with connection.channel() as channel:
            return int(queue(channel).queue_declare(passive=True).message_count)
    except connection.channel_errors:  # nobody has made it
        return 0
