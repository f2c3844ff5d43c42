"""What signals and remote control call the consumer: the part of a worker that takes from queues."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any


class Consumer:
    """One worker's."""

    gossip: Any = None
    timer: Any = None
    event_dispatcher: Any = None

    def __init__(self, controller: Any) -> None:
        self.controller = controller
        self.app = controller.app
        self.hostname = controller.hostname
        self.pool = controller.pool

    def call_soon(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        call(*args, **kwargs)

    def add_task_queue(self, queue: str, *args: Any, **options: Any) -> None:
        self.controller.add_queue(queue, *args, **options)

    def cancel_task_queue(self, queue: str) -> None:
        self.controller.cancel_queue(queue)

    def reset_rate_limits(self) -> None:
        self.controller.handler.look_again()

    reset_time_limits = reset_rate_limits

    @property
    def pid(self) -> int:
        return os.getpid()

    @property
    def queues(self) -> list[Any]:
        return [self.app.amqp.queues[name] for name in self.controller.queue_names]
