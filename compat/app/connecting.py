"""The part of an app that connects to the broker and sends."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from kombu import pools
from kombu.common import oid_from
from kombu.exceptions import LimitExceeded, OperationalError

from pyramid_scheduler.api import new_id

from .._state import _task_stack, get_current_worker_task
from ..exceptions import AlwaysEagerIgnored
from ..producing import PipelineProducer
from ..utils.functional import maybe_list
from ..utils.log import get_logger
from ..utils.objects import FallbackContext
from ..utils.time import maybe_iso8601, subtract_datetimes

logger = get_logger("celery.app.base")
_OMITTED: Any = object()


class Connecting:
    """Connections, producers, and ``send_task``."""

    conf: Any
    amqp: Any
    backend: Any
    timezone: Any
    _local: Any
    _pool: Any = None

    # Connections

    def connection_for_read(self, url: str | None = None, **kwargs: Any) -> Any:
        """A kombu connection to consume with; it connects when it is used."""
        return self._connection(url or self.conf.broker_read_url, **kwargs)

    def connection_for_write(self, url: str | None = None, **kwargs: Any) -> Any:
        """A kombu connection to publish with."""
        return self._connection(url or self.conf.broker_write_url, **kwargs)

    def connection(self, hostname: str | None = None, **kwargs: Any) -> Any:
        """A kombu connection, to this broker or another; options as of ``kombu.Connection``."""
        return self.connection_for_write(hostname or self.conf.broker_write_url, **kwargs)

    broker_connection = connection

    def _connection(
        self,
        url: str | None,
        userid: str | None = None,
        password: str | None = None,
        virtual_host: str | None = None,
        port: int | None = None,
        ssl: Any = None,
        connect_timeout: float | None = None,
        transport: Any = None,
        transport_options: Any = None,
        heartbeat: float | None = None,
        login_method: str | None = None,
        failover_strategy: Any = None,
        **kwargs: Any,
    ) -> Any:
        conf = self.conf
        return self.amqp.Connection(
            url,
            userid or conf.broker_user,
            password or conf.broker_password,
            virtual_host or conf.broker_vhost,
            port or conf.broker_port,
            transport=transport or conf.broker_transport,
            ssl=conf.broker_use_ssl if ssl is None else ssl,
            heartbeat=heartbeat,
            login_method=login_method or conf.broker_login_method,
            failover_strategy=failover_strategy or conf.broker_failover_strategy,
            transport_options={**conf.broker_transport_options, **(transport_options or {})},
            connect_timeout=conf.broker_connection_timeout if connect_timeout is None else connect_timeout,
        )

    @property
    def pool(self) -> Any:
        """The pool of kombu connections."""
        if self._pool is None:
            pools.set_limit(self.conf.broker_pool_limit)
            self._pool = pools.connections[self.connection_for_write()]
        return self._pool

    @property
    def producer_pool(self) -> Any:
        return self.amqp.producer_pool

    def connection_or_acquire(self, connection: Any = None, pool: bool = True, *_: Any, **__: Any) -> Any:
        """A context: ``connection``, or one from the pool for the time being."""
        return FallbackContext(connection, self._acquire_connection, pool=pool)

    default_connection = connection_or_acquire

    def _acquire_connection(self, pool: bool = True) -> Any:
        if not pool:
            return self.connection_for_write()
        seconds = self.conf.broker_pool_acquire_timeout
        try:
            return self.pool.acquire(block=True, timeout=seconds)
        except LimitExceeded as error:
            limit = self.conf.broker_pool_limit
            raise OperationalError(
                f"no broker connection became free within {seconds} s: all {limit} are in use;"
                f" raise broker_pool_limit ({limit}) or broker_pool_acquire_timeout ({seconds} s)"
            ) from error

    def producer_or_acquire(self, producer: Any = None) -> Any:
        """A context: ``producer``, or one that publishes through the pipeline."""
        return FallbackContext(producer, self._acquire_producer)

    default_producer = producer_or_acquire

    def _acquire_producer(self) -> Any:
        return self.pipeline.producer

    @cached_property
    def pipeline(self) -> Any:
        """The pyramid_scheduler Scheduler behind this app."""
        from ..pipeline import Pipeline

        return Pipeline(self)

    # Sending

    def send_task(
        self,
        name: str,
        args: Any = None,
        kwargs: Any = None,
        countdown: Any = None,
        eta: Any = None,
        task_id: str | None = None,
        producer: Any = None,
        connection: Any = None,
        router: Any = None,
        result_cls: Any = None,
        expires: Any = _OMITTED,
        publisher: Any = None,
        link: Any = None,
        link_error: Any = None,
        add_to_parent: bool = True,
        group_id: Any = None,
        group_index: Any = None,
        retries: int = 0,
        chord: Any = None,
        reply_to: Any = None,
        time_limit: Any = _OMITTED,
        soft_time_limit: Any = _OMITTED,
        root_id: Any = None,
        parent_id: Any = None,
        route_name: str | None = None,
        shadow: Any = None,
        chain: Any = None,
        task_type: Any = None,
        replaced_task_nesting: int = 0,
        **options: Any,
    ) -> Any:
        """Send a task by name, known here or not; returns its AsyncResult. Options as of ``Task.apply_async``."""
        conf = self.conf
        task_id = task_id or new_id()
        if conf.task_always_eager:
            warnings.warn(AlwaysEagerIgnored("task_always_eager has no effect on send_task"), stacklevel=2)
        if task_type is None:
            task_type, options = self._registered(name, options)
        said = {"time_limit": time_limit, "soft_time_limit": soft_time_limit, "expires": expires}
        limits = {key: _said_or(value, options.pop(key, None)) for key, value in said.items()}
        expires = limits["expires"]
        ignore_result = options.pop("ignore_result", None)
        options = (router or self.amqp.router).route(options, route_name or name, args, kwargs, task_type)
        if expires is not None:
            options["expiration"] = self._seconds_left(expires, task_id)
        parent = self.current_worker_task
        if parent:
            root_id = root_id or parent.request.root_id or parent.request.id
            parent_id = parent_id or parent.request.id
            if conf.task_inherit_parent_priority:
                options.setdefault("priority", (parent.request.delivery_info or {}).get("priority"))
        message = self.amqp.create_task_message(
            task_id,
            name,
            args,
            kwargs,
            countdown,
            eta,
            group_id,
            group_index,
            expires,
            retries,
            chord,
            maybe_list(link),
            maybe_list(link_error),
            reply_to or self.thread_oid,
            limits["time_limit"],
            limits["soft_time_limit"],
            conf.task_send_sent_event,
            root_id,
            parent_id,
            shadow,
            chain,
            ignore_result=ignore_result,
            replaced_task_nesting=replaced_task_nesting,
            **options,
        )
        for stamp in options.pop("stamped_headers", None) or ():
            options.pop(stamp, None)
        if connection:
            producer = self.amqp.Producer(connection, auto_declare=False)
        with self.producer_or_acquire(producer or publisher) as acquired, _library_errors(acquired):
            if not ignore_result:
                self.backend.on_task_call(acquired, task_id)
            self.amqp.send_task_message(acquired, name, message, **options)
        result = (result_cls or self.AsyncResult)(task_id)  # type: ignore[attr-defined]
        result.ignored = ignore_result
        if add_to_parent and parent:
            parent.add_trail(result)
        return result

    def _registered(self, name: str, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The task of that name, if there is one here, and its options under the given ones; finalizes nothing."""
        task = self._tasks.get(name)  # type: ignore[attr-defined]
        if task is None or not hasattr(task, "_get_exec_options"):
            return task, options
        own = {key: value for key, value in task._get_exec_options().items() if value is not None}
        return task, {**own, **options}

    def _seconds_left(self, expires: Any, task_id: str) -> Any:
        moment = maybe_iso8601(expires) if not isinstance(expires, (int, float)) else None
        seconds = expires if moment is None else subtract_datetimes(moment, self.now()).total_seconds()
        if seconds < 0:
            logger.warning("%s expired %s s ago; it is sent all the same, and will not run", task_id, -seconds)
            return 0
        return seconds

    def now(self) -> datetime:
        """The time, in the app's zone."""
        return datetime.now(UTC).astimezone(self.timezone)

    @property
    def current_task(self) -> Any:
        """The task being run, or None."""
        return _task_stack.top

    @property
    def current_worker_task(self) -> Any:
        """The task a worker runs; not one that it calls."""
        return get_current_worker_task()

    @cached_property
    def oid(self) -> Any:
        """The id of this app in this process."""
        return oid_from(self, threads=False)

    @property
    def thread_oid(self) -> Any:
        """The id of this app in this thread: where ``rpc://`` results go."""
        try:
            return self._local.oid
        except AttributeError:
            self._local.oid = oid_from(self, threads=True)
            return self._local.oid


def _said_or(value: Any, default: Any) -> Any:
    return default if value is _OMITTED else value


def _library_errors(producer: Any) -> Any:
    if isinstance(producer, PipelineProducer):
        return producer.library_errors()
    return producer.connection._reraise_as_library_errors()
