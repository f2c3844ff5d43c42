"""``app.events``: what watches workers and tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any


class Events:
    """Receiver, Dispatcher and State, bound to the app."""

    receiver_cls = "compat.events.receiver:EventReceiver"
    dispatcher_cls = "compat.events.dispatcher:EventDispatcher"
    state_cls = "compat.events.state:State"

    def __init__(self, app: Any = None) -> None:
        self.app = app

    @cached_property
    def Receiver(self) -> Any:
        return self.app.subclass_with_self(self.receiver_cls, reverse="events.Receiver")

    @cached_property
    def Dispatcher(self) -> Any:
        return self.app.subclass_with_self(self.dispatcher_cls, reverse="events.Dispatcher")

    @cached_property
    def State(self) -> Any:
        return self.app.subclass_with_self(self.state_cls, reverse="events.State")

    @contextmanager
    def default_dispatcher(
        self, hostname: str | None = None, enabled: bool = True, buffer_while_offline: bool = False
    ) -> Iterator[Any]:
        """A dispatcher on a connection from the pool, for the time being."""
        with (
            self.app.amqp.producer_pool.acquire(block=True) as producer,
            self.Dispatcher(
                producer.connection, hostname, enabled, producer.channel, buffer_while_offline
            ) as dispatcher,
        ):
            yield dispatcher
