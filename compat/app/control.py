"""``app.control``: telling and asking workers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from multiprocessing.util import register_after_fork
from typing import Any

from kombu.pidbox import Mailbox
from kombu.utils import functional

from ..exceptions import ImproperlyConfigured
from ..utils.log import get_logger
from .inspecting import Inspect, flatten_reply

__all__ = ("Control", "Inspect", "flatten_reply")
logger = get_logger("celery.app.control")
TERM_SIGNAME = "SIGTERM"
_later: Any = functional.lazy


def _after_fork(control: Any) -> None:
    try:
        control._after_fork()
    except Exception as error:
        logger.info("after the fork remote control could not be tidied up: %r", error, exc_info=True)


class Control:
    """Commands to all workers, or to those of ``destination``; with ``reply=True`` they return the answers.

    On brokers without fanout (databases) only ``revoke`` and ``purge`` work: those need no worker's ear.
    """

    Mailbox = Mailbox

    def __init__(self, app: Any = None) -> None:
        self.app = app
        conf = app.conf
        if conf.control_queue_durable and conf.control_queue_exclusive:
            raise ImproperlyConfigured(
                "control_queue_durable and control_queue_exclusive cannot both be True: an exclusive queue goes with"
                " its connection"
            )
        self.mailbox = self.Mailbox(  # type: ignore[no-untyped-call]
            conf.control_exchange,
            type="fanout",
            accept=conf.accept_content,
            serializer=conf.task_serializer,
            producer_pool=_later(lambda: self.app.amqp.producer_pool),
            queue_ttl=conf.control_queue_ttl,
            reply_queue_ttl=conf.control_queue_ttl,
            queue_expires=conf.control_queue_expires,
            queue_exclusive=conf.control_queue_exclusive,
            queue_durable=conf.control_queue_durable,
            reply_queue_expires=conf.control_queue_expires,
        )
        register_after_fork(self, _after_fork)

    def _after_fork(self) -> None:
        del self.mailbox.producer_pool

    @cached_property
    def inspect(self) -> Any:
        """The class of questions: ``control.inspect(destination=…, timeout=1.0).active()``."""
        return self.app.subclass_with_self(Inspect, reverse="control.inspect")

    def broadcast(
        self,
        command: str,
        arguments: Any = None,
        destination: Any = None,
        connection: Any = None,
        reply: bool = False,
        timeout: float = 1.0,
        limit: int | None = None,
        callback: Callable[[Any], Any] | None = None,
        channel: Any = None,
        pattern: str | None = None,
        matcher: str | None = None,
        **extra_kwargs: Any,
    ) -> Any:
        """Send a command; returns the answers that come within ``timeout`` seconds, if ``reply``."""
        if connection is None and not self._is_heard():
            logger.warning("this broker carries no remote control; %s is not sent", command)
            return [] if reply else None
        said = {**(arguments or {}), **extra_kwargs}
        matching = {"pattern": pattern, "matcher": matcher} if pattern and matcher else {}
        with self.app.connection_or_acquire(connection) as conn:
            return self.mailbox(conn)._broadcast(
                command, said, destination, reply, timeout, limit, callback, channel=channel, **matching
            )

    def _is_heard(self) -> bool:
        from ..pipeline import speaks_kombu

        return speaks_kombu(self.app)

    # Tasks

    def purge(self, connection: Any = None) -> int:
        """Drop all messages that wait in this app's queues; returns how many."""
        if connection is None and not self._is_heard():
            broker = self.app.pipeline.scheduler.broker
            return sum(broker.purge(name) for name in self.app.amqp.queues.consume_from)
        with self.app.connection_or_acquire(connection) as conn:
            return int(self.app.amqp.TaskConsumer(conn).purge() or 0)

    discard_all = purge

    def revoke(
        self,
        task_id: Any,
        destination: Any = None,
        terminate: bool = False,
        signal: str = TERM_SIGNAME,
        **kwargs: Any,
    ) -> Any:
        """Do not run that task, or those. It is written down, too, where pyramid_scheduler's workers look."""
        self._write_down([task_id] if isinstance(task_id, str) else list(task_id))
        arguments = {"task_id": task_id, "terminate": terminate, "signal": signal}
        return self.broadcast("revoke", destination=destination, arguments=arguments, **kwargs)

    def _write_down(self, ids: list[str]) -> None:
        try:
            for id_ in ids:
                self.app.pipeline.scheduler.cancel_job(id_)
        except Exception as error:
            logger.warning("the revocation is told to the workers that live, but could not be stored: %s", error)

    def revoke_by_stamped_headers(
        self,
        headers: dict[str, Any],
        destination: Any = None,
        terminate: bool = False,
        signal: str = TERM_SIGNAME,
        **kwargs: Any,
    ) -> Any:
        """Do not run tasks with those stamps."""
        arguments = {"headers": headers, "terminate": terminate, "signal": signal}
        result = self.broadcast("revoke_by_stamped_headers", destination=destination, arguments=arguments, **kwargs)
        answers = [answer["ok"] for host in result or () for answer in host.values() if "ok" in answer]
        ids = {id_ for answer in answers if isinstance(answer, set) for id_ in answer}
        if ids:
            return self.revoke(list(ids), destination=destination, terminate=terminate, signal=signal, **kwargs)
        return result

    def terminate(self, task_id: Any, destination: Any = None, signal: str = TERM_SIGNAME, **kwargs: Any) -> Any:
        """``revoke``, and end it where it runs."""
        return self.revoke(task_id, destination=destination, terminate=True, signal=signal, **kwargs)

    def rate_limit(self, task_name: str, rate_limit: Any, destination: Any = None, **kwargs: Any) -> Any:
        arguments = {"task_name": task_name, "rate_limit": rate_limit}
        return self.broadcast("rate_limit", destination=destination, arguments=arguments, **kwargs)

    def time_limit(
        self, task_name: str, soft: Any = None, hard: Any = None, destination: Any = None, **kwargs: Any
    ) -> Any:
        arguments = {"task_name": task_name, "hard": hard, "soft": soft}
        return self.broadcast("time_limit", arguments=arguments, destination=destination, **kwargs)

    def election(self, id: str, topic: str, action: Any = None, connection: Any = None) -> None:
        arguments = {"id": id, "topic": topic, "action": action}
        self.broadcast("election", connection=connection, destination=None, arguments=arguments)

    # Workers

    def ping(self, destination: Any = None, timeout: float = 1.0, **kwargs: Any) -> Any:
        """``[{"celery@host": {"ok": "pong"}}, …]``"""
        return self.broadcast("ping", reply=True, arguments={}, destination=destination, timeout=timeout, **kwargs)

    def add_consumer(
        self,
        queue: str,
        exchange: Any = None,
        exchange_type: str = "direct",
        routing_key: Any = None,
        options: Any = None,
        destination: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Take from ``queue``, too."""
        arguments = {
            "queue": queue,
            "exchange": exchange,
            "exchange_type": exchange_type,
            "routing_key": routing_key,
        }
        said = {**arguments, **(options or {})}
        return self.broadcast("add_consumer", destination=destination, arguments=said, **kwargs)

    def cancel_consumer(self, queue: str, destination: Any = None, **kwargs: Any) -> Any:
        """Take from ``queue`` no more."""
        return self.broadcast("cancel_consumer", destination=destination, arguments={"queue": queue}, **kwargs)

    def enable_events(self, destination: Any = None, **kwargs: Any) -> Any:
        return self.broadcast("enable_events", arguments={}, destination=destination, **kwargs)

    def disable_events(self, destination: Any = None, **kwargs: Any) -> Any:
        return self.broadcast("disable_events", arguments={}, destination=destination, **kwargs)

    def pool_grow(self, n: int = 1, destination: Any = None, **kwargs: Any) -> Any:
        return self.broadcast("pool_grow", arguments={"n": n}, destination=destination, **kwargs)

    def pool_shrink(self, n: int = 1, destination: Any = None, **kwargs: Any) -> Any:
        return self.broadcast("pool_shrink", arguments={"n": n}, destination=destination, **kwargs)

    def autoscale(self, max: int, min: int, destination: Any = None, **kwargs: Any) -> Any:
        return self.broadcast("autoscale", arguments={"max": max, "min": min}, destination=destination, **kwargs)

    def shutdown(self, destination: Any = None, **kwargs: Any) -> Any:
        return self.broadcast("shutdown", arguments={}, destination=destination, **kwargs)

    def pool_restart(
        self,
        modules: Any = None,
        reload: bool = False,
        reloader: Any = None,
        destination: Any = None,
        **kwargs: Any,
    ) -> Any:
        arguments = {"modules": modules, "reload": reload, "reloader": reloader}
        return self.broadcast("pool_restart", arguments=arguments, destination=destination, **kwargs)

    def heartbeat(self, destination: Any = None, **kwargs: Any) -> Any:
        return self.broadcast("heartbeat", arguments={}, destination=destination, **kwargs)
