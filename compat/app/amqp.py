"""``app.amqp``: queues, routes, messages and what sends them."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Any

from kombu import pools
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer, Producer
from kombu.utils.objects import cached_property as settable_property

from . import routes as _routes
from .messages import ARGSREPR_MAXSIZE, as_task_v1, as_task_v2, task_message
from .queues import Queues
from .sending import TaskSender

__all__ = ("AMQP", "Queues", "task_message")


class AMQP:
    """The app's side of the broker."""

    Connection = Connection
    Consumer = Consumer
    Producer = Producer
    BrokerConnection = Connection
    queues_cls = Queues
    autoexchange: Any = None
    argsrepr_maxsize = ARGSREPR_MAXSIZE
    kwargsrepr_maxsize = ARGSREPR_MAXSIZE

    def __init__(self, app: Any) -> None:
        self.app = app
        self._rtable: Any = None
        self._producer_pool: Any = None
        self.as_task_v1 = partial(as_task_v1, app)
        self.as_task_v2 = partial(as_task_v2, app)
        self.task_protocols = {1: self.as_task_v1, 2: self.as_task_v2}
        app._conf.bind_to(self._handle_conf_update)

    @cached_property
    def create_task_message(self) -> Any:
        return self.task_protocols[self.app.conf.task_protocol]

    @cached_property
    def send_task_message(self) -> Any:
        return TaskSender(self)

    def _retry_publish(self, publish: Any, *args: Any, **kwargs: Any) -> Any:
        """Publish a follow-up of a run; it is retried as its own policy says."""
        return publish(*args, **kwargs)

    def Queues(
        self,
        queues: Any,
        create_missing: bool | None = None,
        create_missing_queue_type: str | None = None,
        create_missing_queue_exchange_type: str | None = None,
        autoexchange: Any = None,
        max_priority: int | None = None,
    ) -> Any:
        """Queues with the defaults of this app's settings."""
        conf = self.app.conf

        def said(value: Any, setting: str) -> Any:
            return conf[setting] if value is None else value

        return self.queues_cls(
            queues or self._default_queues(),
            default_exchange=self.default_exchange,
            create_missing=said(create_missing, "task_create_missing_queues"),
            create_missing_queue_type=said(create_missing_queue_type, "task_create_missing_queue_type"),
            create_missing_queue_exchange_type=said(
                create_missing_queue_exchange_type, "task_create_missing_queue_exchange_type"
            ),
            autoexchange=self.autoexchange if autoexchange is None else autoexchange,
            max_priority=said(max_priority, "task_queue_max_priority"),
            default_routing_key=conf.task_default_routing_key,
        )

    def _default_queues(self) -> Any:
        conf = self.app.conf
        if not conf.task_default_queue:
            return None
        arguments = {"x-queue-type": "quorum"} if conf.task_default_queue_type == "quorum" else None
        return (
            Queue(
                conf.task_default_queue,
                exchange=self.default_exchange,
                routing_key=conf.task_default_routing_key,
                queue_arguments=arguments,
            ),
        )

    @settable_property
    def queues(self) -> Any:
        return self.Queues(self.app.conf.task_queues)

    @queues.setter  # type: ignore[no-redef]
    def queues(self, queues: Any) -> Any:
        return self.Queues(queues)

    @cached_property
    def default_queue(self) -> Any:
        return self.queues[self.app.conf.task_default_queue]

    @cached_property
    def default_exchange(self) -> Any:
        return Exchange(self.app.conf.task_default_exchange, self.app.conf.task_default_exchange_type)

    @property
    def routes(self) -> Any:
        if self._rtable is None:
            self.flush_routes()
        return self._rtable

    def flush_routes(self) -> None:
        self._rtable = _routes.prepare(self.app.conf.task_routes)

    def Router(self, queues: Any = None, create_missing: bool | None = None) -> Any:
        missing = self.app.either("task_create_missing_queues", create_missing)
        return _routes.Router(self.routes, queues or self.queues, missing, app=self.app)

    @cached_property
    def router(self) -> Any:
        return self.Router()

    def TaskConsumer(self, channel: Any, queues: Any = None, accept: Any = None, **kw: Any) -> Any:
        """A kombu Consumer of this app's queues."""
        accept = self.app.conf.accept_content if accept is None else accept
        return self.Consumer(channel, accept=accept, queues=queues or list(self.queues.consume_from.values()), **kw)  # type: ignore[no-untyped-call]

    @property
    def producer_pool(self) -> Any:
        """Kombu's own producers, for what does not go through the pipeline: events, exchanges."""
        if self._producer_pool is None:
            every: Any = pools.producers
            self._producer_pool = every[self.app.connection_for_write()]
            self._producer_pool.limit = self.app.pool.limit
        return self._producer_pool

    publisher_pool = producer_pool

    @cached_property
    def utc(self) -> Any:
        return self.app.conf.enable_utc

    @cached_property
    def _event_dispatcher(self) -> Any:
        return self.app.events.Dispatcher(enabled=False)  # used to publish with, never to connect

    def _handle_conf_update(self, *args: Any, **kwargs: Any) -> None:
        changed = {**(args[0] if args else {}), **kwargs}
        if any(key in changed for key in self.app.conf._to_keys("task_routes")):
            self.flush_routes()
            self.__dict__["router"] = self.Router()
