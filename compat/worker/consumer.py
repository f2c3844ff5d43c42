"""What signals, remote control and steps call the consumer: the part of a worker that takes from queues."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import Any, NoReturn

from ..bootsteps import Blueprint
from ..exceptions import ImproperlyConfigured
from .consuming import Consuming

STOP_SECONDS = 5.0


class Consumer:
    """One worker's."""

    gossip: Any = None
    event_dispatcher: Any = None
    #: Of the steps; tasks come another way.
    connection: Any = None
    _consuming: Consuming | None = None

    def __init__(self, controller: Any) -> None:
        self.controller = controller
        self.app = controller.app
        self.hostname = controller.hostname
        self.pool = controller.pool
        self.steps: list[Any] = []
        self.blueprint = Blueprint(self.app.steps["consumer"], name="Consumer")

    # Steps

    def boot(self, **options: Any) -> None:
        """Make the steps of the app."""
        check(self.app)
        self.blueprint.apply(self, **options)

    def start(self) -> None:
        if self.steps:
            self._consuming = Consuming(self)
            self._consuming.start()

    def stop(self) -> None:
        """Safe to call twice."""
        if self._consuming is not None:
            self._consuming.stop(STOP_SECONDS)

    @cached_property
    def timer(self) -> Any:
        return self.controller.timer

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(missing("consumer", name), name=name, obj=self)

    # Tasks

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


def check(app: Any) -> None:
    """Raises ImproperlyConfigured for steps that no worker of this app can run."""
    for kind in ("worker", "consumer"):
        blueprint = Blueprint(app.steps[kind])
        blueprint.in_order(list(blueprint.claim_steps().values()))
    if app.steps["consumer"] and not app.pipeline.is_open_to_kombu:
        raise ImproperlyConfigured(
            'app.steps["consumer"]: kombu does not reach this broker, so that there is no connection to consume with;'
            " take Redis or RabbitMQ, or a program of its own (kombu.mixins.ConsumerMixin) with a broker of its own"
        )


def missing(part: str, name: str) -> str:
    """What to say of an attribute that Celery's worker has."""
    return (
        f"a {part} has no {name!r} here, where pyramid_scheduler takes the tasks and runs them:"
        " see the bootsteps in MIGRATING.md"
    )
