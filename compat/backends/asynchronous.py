"""Waiting for results that a backend announces."""

from __future__ import annotations

import queue
import time
import weakref
from collections.abc import Iterator
from typing import Any

from .. import states
from ..exceptions import TimeoutError
from ..result import ResultSet
from .listening import Listener

_TICK_SECONDS = 1.0


class AsyncBackendMixin:
    """For backends with a ``listener``."""

    is_async = True
    listener: Listener

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
        self._ensure_not_eager()  # type: ignore[attr-defined]
        meta = self.get_task_meta(result.id)  # type: ignore[attr-defined]
        if meta["status"] not in states.READY_STATES:
            meta = next(self._heard([result.id], timeout, on_interval, on_message))[1]
            if on_interval and meta["status"] in states.PROPAGATE_STATES:
                on_interval()  # where a parent failed, too, it is the parent's exception that is raised
        elif on_message is not None:
            on_message(meta)
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
        """(id, meta) of each member as it becomes ready; for a group within, its results."""
        self._ensure_not_eager()  # type: ignore[attr-defined]
        missing: dict[str, list[Any]] = {}
        for member in result.results:
            if isinstance(member, ResultSet):
                yield member.id, member.results  # type: ignore[attr-defined]
            elif member._cache:
                yield member.id, member._cache
            else:
                missing.setdefault(member.id, []).append(member)
        if not missing:
            return
        for task_id, meta in self._heard(list(missing), timeout, on_interval, on_message):
            for member in missing[task_id]:
                member._maybe_set_cache(meta)
            yield task_id, missing[task_id][0]._cache

    def _heard(
        self, task_ids: list[str], timeout: float | None, on_interval: Any, on_message: Any
    ) -> Iterator[tuple[str, Any]]:
        """(id, meta) of each id once it is ready; raises TimeoutError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        waiting = set(task_ids)
        with self.listener.listening(task_ids) as inbox:
            while waiting:
                left = _TICK_SECONDS if deadline is None else min(_TICK_SECONDS, deadline - time.monotonic())
                try:
                    meta = inbox.get(timeout=max(left, 0))
                except queue.Empty:
                    if deadline is not None and time.monotonic() >= deadline:
                        raise TimeoutError("The operation timed out.") from None
                    if on_interval:
                        on_interval()
                    continue
                if on_message is not None:
                    on_message(meta)
                if meta["task_id"] in waiting and meta["status"] in states.READY_STATES:
                    waiting.discard(meta["task_id"])
                    yield meta["task_id"], meta

    # Results with callbacks

    def add_pending_result(self, result: Any, weak: bool = False) -> Any:
        """Fulfil the result's promise when it is ready. Whoever only waits in ``get`` made none."""
        if result._promise is None or result._cache or getattr(result, "_deliver", None) is not None:
            return result
        found: Any = weakref.ref(result) if weak else lambda: result

        def deliver(meta: dict[str, Any]) -> None:
            waiting = found()
            if waiting is None or meta["status"] in states.READY_STATES:
                self.listener.ignore(meta["task_id"], deliver)
            if waiting is not None:
                waiting._maybe_set_cache(meta)

        result._deliver = deliver
        self.listener.listen([result.id], deliver)
        return result

    def remove_pending_result(self, result: Any) -> Any:
        deliver = result.__dict__.pop("_deliver", None)
        if deliver is not None:
            self.listener.ignore(result.id, deliver)
        return result
