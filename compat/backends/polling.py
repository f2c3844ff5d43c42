"""Waiting by looking again, where a backend tells nobody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from .. import states
from ..exceptions import ImproperlyConfigured, TimeoutError
from ..result import ResultSet

FIRST_NAP_SECONDS = 0.01


class SyncBackendMixin:
    """For backends that must be asked."""

    is_async = False

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
        members = list(result.results)
        for member in members:
            if isinstance(member, ResultSet):
                yield member.id, member.results  # type: ignore[attr-defined]
        ids = {member.id for member in members if not isinstance(member, ResultSet)}
        if ids:
            yield from self.get_many(  # type: ignore[attr-defined]
                ids, timeout=timeout, interval=interval, no_ack=no_ack, on_message=on_message, on_interval=on_interval
            )

    def wait_for_pending(
        self,
        result: Any,
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_message: Any = None,
        on_interval: Any = None,
        callback: Any = None,
        propagate: bool = True,
    ) -> Any:
        self._ensure_not_eager()  # type: ignore[attr-defined]
        if on_message is not None:
            raise ImproperlyConfigured("Backend does not support on_message callback")
        meta = self.wait_for(result.id, timeout=timeout, interval=interval, on_interval=on_interval, no_ack=no_ack)
        if not meta:
            return None
        result._maybe_set_cache(meta)
        return result.maybe_throw(propagate=propagate, callback=callback)

    def wait_for(
        self,
        task_id: Any,
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_interval: Any = None,
    ) -> Any:
        """The task's meta once it is ready; raises TimeoutError. A timeout of 0 looks once."""
        self._ensure_not_eager()  # type: ignore[attr-defined]
        naps = Naps(timeout, interval, "The operation timed out.")
        while True:
            meta = self.get_task_meta(task_id)  # type: ignore[attr-defined]
            if meta["status"] in states.READY_STATES:
                return meta
            if on_interval:
                on_interval()
            naps.take()

    def add_pending_result(self, result: Any, weak: bool = False) -> Any:
        return result

    def remove_pending_result(self, result: Any) -> Any:
        return result


class Naps:
    """Between one look and the next: short at first, as most tasks are, then of ``interval`` seconds."""

    def __init__(self, timeout: float | None, interval: float, message: str) -> None:
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._interval, self._message = interval, message
        self._next = FIRST_NAP_SECONDS

    def take(self) -> None:
        """Not beyond the deadline; raises TimeoutError at it."""
        seconds, self._next = min(self._next, self._interval), self._next * 2
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(self._message)
            seconds = min(seconds, left)
        time.sleep(seconds)
