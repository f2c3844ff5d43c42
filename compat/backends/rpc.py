"""Results as messages to whoever sent the task: ``rpc://``. Each can be had once, by that thread."""

from __future__ import annotations

import builtins
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from kombu.common import maybe_declare
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer

from .. import states
from .._state import current_task, task_join_will_block
from ..exceptions import TimeoutError
from ..result import ResultSet
from ..utils.log import get_logger
from .backend import Backend

__all__ = ("RPCBackend",)
logger = get_logger("celery.backends.rpc")

_BUFFERED = 8192
_TICK_SECONDS = 1.0


class RPCBackend(Backend):
    """One reply queue per thread and app, named ``app.thread_oid``; it lives as long as its connection is needed."""

    persistent = False
    supports_autoexpire = True
    supports_native_join = True
    is_async = True

    def __init__(
        self,
        app: Any,
        connection: Any = None,
        exchange: Any = None,
        exchange_type: Any = None,
        persistent: bool | None = None,
        serializer: str | None = None,
        auto_delete: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(app, serializer=serializer, **kwargs)
        self.persistent = self.prepare_persistent(persistent)
        self.delivery_mode = 2 if self.persistent else 1
        self._lock = threading.RLock()
        self._connection: Any = None
        self._metas: OrderedDict[str, Any] = OrderedDict()
        self._waiting: dict[str, list[Any]] = {}

    # The queue

    @cached_property
    def oid(self) -> Any:
        return self.app.thread_oid

    @property
    def binding(self) -> Any:
        return Queue(self.oid, Exchange(None), self.oid, durable=True, auto_delete=True, expires=self.expires)

    def on_task_call(self, producer: Any, task_id: Any) -> dict[str, Any]:
        """The queue must be there before the answer; a worker, which may not wait, has none."""
        if not task_join_will_block():
            self._declare()
        return {}

    def _declare(self) -> None:
        with self._lock:
            if self._connection is None:
                self._consume()

    def _consume(self) -> None:
        self._connection = self.app.connection_for_write()
        channel = self._connection.default_channel
        maybe_declare(self.binding(channel), retry=True)
        consumer = Consumer(
            channel, [self.binding], on_message=self._on_message, no_ack=True, accept=self.accept, auto_declare=False
        )
        consumer.consume()

    def _on_message(self, message: Any) -> None:
        meta = message.payload
        task_id = meta.get("task_id") or message.properties.get("correlation_id")
        meta = self.meta_from_decoded(meta)
        self._metas[task_id] = meta
        self._metas.move_to_end(task_id)
        while len(self._metas) > _BUFFERED:
            self._metas.popitem(last=False)
        if meta["status"] in states.READY_STATES:
            for result in self._waiting.pop(task_id, ()):
                result._maybe_set_cache(dict(meta))

    def _drain(self, seconds: float) -> None:
        """Take what comes in within that time, or what is there; whoever waits in another thread takes turns."""
        with self._lock:
            try:
                self._declare()
                self._connection.drain_events(timeout=seconds or 0.001)
            except builtins.TimeoutError:
                pass
            except (*self._errors(), OSError) as error:
                logger.warning("the reply queue cannot be reached (%r); connecting again", error)
                self._close()
                time.sleep(min(seconds, _TICK_SECONDS))

    def _errors(self) -> tuple[Any, ...]:
        connection = self._connection
        return (*connection.connection_errors, *connection.channel_errors) if connection is not None else ()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.collect()

    # Writing

    def store_result(
        self, task_id: Any, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> Any:
        """Send the document to the caller's queue; nobody hears of it where there is no caller."""
        routing_key, correlation_id = self.destination_for(task_id, request)
        if not routing_key:
            return None
        encoded = self.encode_result(result, state)
        meta = self._get_result_meta(result=encoded, state=state, traceback=traceback, request=request)
        meta["task_id"] = task_id
        with self.app.pool.acquire(block=True) as connection, connection.Producer() as producer:
            producer.publish(
                meta,
                exchange="",
                routing_key=routing_key,
                correlation_id=correlation_id,
                serializer=self.serializer,
                retry=True,
                retry_policy=self.retry_policy,
                delivery_mode=self.delivery_mode,
            )
        return result

    def destination_for(self, task_id: Any, request: Any) -> tuple[Any, Any]:
        """(queue, correlation id) of the caller."""
        request = request or getattr(current_task, "request", None)
        if request is None:
            raise RuntimeError(f"RPC backend missing task request for {task_id!r}")
        return request.reply_to, request.correlation_id or task_id

    # Reading

    def get_task_meta(self, task_id: Any, cache: bool = True) -> Any:
        self._take_all()
        return self._metas.get(task_id) or {"status": states.PENDING, "result": None}

    def _take_all(self) -> None:
        before = -1
        while before != len(self._metas):
            before = len(self._metas)
            self._drain(0)

    def wait_for_pending(
        self,
        result: Any,
        callback: Any = None,
        propagate: bool = True,
        timeout: float | None = None,
        on_interval: Any = None,
        on_message: Any = None,
        **kwargs: Any,
    ) -> Any:
        meta = next(self._ready([result.id], timeout, on_interval, on_message))[1]
        result._maybe_set_cache(meta)
        return result.maybe_throw(callback=callback, propagate=propagate)

    def iter_native(
        self,
        result: Any,
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_message: Any = None,
        on_interval: Any = None,
    ) -> Iterator[tuple[Any, Any]]:
        """(id, meta) of each member as it comes in; for a group within, its results."""
        for member in result.results:
            if isinstance(member, ResultSet):
                yield member.id, member.results  # type: ignore[attr-defined]
        members = {member.id: member for member in result.results if not isinstance(member, ResultSet)}
        for task_id, meta in self._ready(list(members), timeout, on_interval, on_message):
            members[task_id]._maybe_set_cache(meta)
            yield task_id, members[task_id]._cache

    def _ready(
        self, task_ids: list[str], timeout: float | None, on_interval: Any, on_message: Any
    ) -> Iterator[tuple[str, Any]]:
        deadline = None if timeout is None else time.monotonic() + timeout
        missing = list(task_ids)
        while missing:
            for task_id in [id_ for id_ in missing if self._is_ready(id_)]:
                missing.remove(task_id)
                if on_message is not None:
                    on_message(self._metas[task_id])
                yield task_id, dict(self._metas[task_id])
            if not missing:
                return
            left = _TICK_SECONDS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("The operation timed out.")
            self._drain(min(left, _TICK_SECONDS))
            if on_interval:
                on_interval()

    def _is_ready(self, task_id: str) -> bool:
        meta = self._metas.get(task_id)
        return meta is not None and meta["status"] in states.READY_STATES

    def add_pending_result(self, result: Any, weak: bool = False) -> Any:
        """Fulfil the result's promise when its message is taken."""
        if result._promise is not None and not result._cache:
            self._waiting.setdefault(result.id, []).append(result)
        return result

    def remove_pending_result(self, result: Any) -> Any:
        return result

    def _forget(self, task_id: Any) -> None:
        self._metas.pop(task_id, None)

    # What messages cannot do

    def ensure_chords_allowed(self) -> None:
        raise NotImplementedError(
            'The "rpc" result backend does not support chords! A group chained with a task is a chord, too. '
            "Use redis:// "
            "or db+… instead."
        )

    def _unsupported(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("rpc:// keeps no groups and cannot reload results: use redis:// or db+… for that.")

    reload_task_result = reload_group_result = save_group = restore_group = delete_group = _unsupported

    def as_uri(self, include_password: bool = True) -> str:
        return "rpc://"

    def __reduce__(self, args: Any = (), kwargs: Any = None) -> Any:
        more = {"persistent": self.persistent, "serializer": self.serializer, "expires": self.expires}
        return super().__reduce__(args, {**(kwargs or {}), **more})
