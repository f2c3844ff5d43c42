"""Several results together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from weakref import proxy

from vine import Thenable, barrier, promise

from .. import states
from .._state import current_app
from ..exceptions import ImproperlyConfigured
from .async_result import ResultBase
from .blocking import assert_will_not_block


@Thenable.register
class ResultSet(ResultBase):
    """A list of results that can be waited for as one."""

    _app: Any = None
    results: Any = None
    _promise: Any = None
    _barrier: Any = None

    def __init__(self, results: Any, app: Any = None, ready_barrier: Any = None, **kwargs: Any) -> None:
        self._app = app
        self.results = results
        self._barrier = ready_barrier

    # Hearing of them

    @property
    def on_ready(self) -> Any:
        """A promise of all of them; made when somebody asks, since each of them must then be listened for."""
        if self._promise is None:
            self._promise = promise(args=(proxy(self),))
            self._barrier = self._barrier or barrier(self.results)
            self._barrier.then(promise(self._on_ready, weak=True))
        return self._promise

    def _on_ready(self) -> None:
        if self.backend.is_async:
            self.on_ready()

    def then(self, callback: Any, on_error: Any = None, weak: bool = False) -> Any:
        """Call ``callback(result set)`` when all are ready."""
        return self.on_ready.then(callback, on_error)

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = 0.5,
        callback: Any = None,
        no_ack: bool = True,
        on_message: Any = None,
        disable_sync_subtasks: bool = True,
        on_interval: Any = None,
    ) -> Any:
        """``join``, or the backend's own way of it."""
        return (self.join_native if self.supports_native_join else self.join)(
            timeout=timeout,
            propagate=propagate,
            interval=interval,
            callback=callback,
            no_ack=no_ack,
            on_message=on_message,
            disable_sync_subtasks=disable_sync_subtasks,
            on_interval=on_interval,
        )

    def join(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = 0.5,
        callback: Any = None,
        no_ack: bool = True,
        on_message: Any = None,
        disable_sync_subtasks: bool = True,
        on_interval: Any = None,
    ) -> list[Any]:
        """The values, in order; raises the first error met, TimeoutError after ``timeout`` seconds for all.

        With a ``callback(id, value)`` the values go there and the list is empty.
        """
        if disable_sync_subtasks:
            assert_will_not_block()
        if on_message is not None:
            raise ImproperlyConfigured("Backend does not support on_message callback")
        deadline = None if timeout is None else time.monotonic() + timeout
        values = []
        for result in self.results:
            value = result.get(
                timeout=None if deadline is None else max(deadline - time.monotonic(), 0.0),
                propagate=propagate,
                interval=interval,
                no_ack=no_ack,
                on_interval=on_interval,
                disable_sync_subtasks=disable_sync_subtasks,
            )
            if callback:
                callback(result.id, value)
            else:
                values.append(value)
        return values

    def iter_native(
        self,
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_message: Any = None,
        on_interval: Any = None,
    ) -> Any:
        """(id, meta) as they come in."""
        return self.backend.iter_native(
            self, timeout=timeout, interval=interval, no_ack=no_ack, on_message=on_message, on_interval=on_interval
        )

    def join_native(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = 0.5,
        callback: Any = None,
        no_ack: bool = True,
        on_message: Any = None,
        on_interval: Any = None,
        disable_sync_subtasks: bool = True,
    ) -> Any:
        """As ``join``, all at once: raises the first error that comes in. With a ``callback`` returns None."""
        if disable_sync_subtasks:
            assert_will_not_block()
        places: dict[Any, list[int]] = {}
        for place, result in enumerate(self.results):
            places.setdefault(result.id, []).append(place)
        values = [None] * len(self)
        for task_id, meta in self.iter_native(timeout, interval, no_ack, on_message, on_interval):
            value = self._value(meta, propagate, disable_sync_subtasks)
            if callback:
                callback(task_id, value)
                continue
            for place in places[task_id]:
                values[place] = value
        return None if callback else values

    def _value(self, meta: Any, propagate: bool, disable_sync_subtasks: bool) -> Any:
        if isinstance(meta, list):  # a group within
            return [part.get(propagate=propagate, disable_sync_subtasks=disable_sync_subtasks) for part in meta]
        if propagate and meta["status"] in states.PROPAGATE_STATES:
            raise meta["result"]
        return meta["result"]

    def maybe_throw(self, callback: Any = None, propagate: bool = True) -> None:
        for result in self.results:
            result.maybe_throw(callback=callback, propagate=propagate)

    maybe_reraise = maybe_throw

    # The list

    def add(self, result: Any) -> None:
        """Append it, once."""
        if result in self.results:
            return
        self.results.append(result)
        if self._promise is None:
            return
        if self._barrier.p.ready:
            # All were ready: whoever asks from now on waits for this one.
            self._promise, self._barrier = None, barrier([result])
        else:
            self._barrier.add(result)

    def remove(self, result: Any) -> None:
        """Take it out; raises KeyError where it is not in."""
        if isinstance(result, str):
            result = self.app.AsyncResult(result)
        try:
            self.results.remove(result)
        except ValueError:
            raise KeyError(result) from None

    def discard(self, result: Any) -> None:
        try:
            self.remove(result)
        except KeyError:
            pass

    def update(self, results: Any) -> None:
        self.results.extend(result for result in results if result not in self.results)

    def clear(self) -> None:
        self.results[:] = []

    def __iter__(self) -> Iterator[Any]:
        return iter(self.results)

    def __getitem__(self, index: Any) -> Any:
        return self.results[index]

    def __len__(self) -> int:
        return len(self.results)

    # What is known

    def successful(self) -> bool:
        return all(result.successful() for result in self.results)

    def failed(self) -> bool:
        """Whether any failed."""
        return any(result.failed() for result in self.results)

    def waiting(self) -> bool:
        """Whether any is not ready."""
        return any(not result.ready() for result in self.results)

    def ready(self) -> bool:
        return all(result.ready() for result in self.results)

    def completed_count(self) -> int:
        """How many succeeded."""
        return sum(bool(result.successful()) for result in self.results)

    def forget(self) -> None:
        for result in self.results:
            result.forget()

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: Any = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> None:
        ids = [result.id for result in self.results]
        self.app.control.revoke(
            ids, connection=connection, timeout=timeout, terminate=terminate, signal=signal, reply=wait
        )

    def _iter_meta(self, **kwargs: Any) -> Iterator[Any]:
        ids = {result.id for result in self.results}
        return (meta for _, meta in self.backend.get_many(ids, max_iterations=1, **kwargs))

    def _failed_join_report(self) -> Iterator[Any]:
        return (
            result
            for result in self.results
            if result.backend.is_cached(result.id) and result.state in states.PROPAGATE_STATES
        )

    @property
    def supports_native_join(self) -> Any:
        return self.results[0].supports_native_join if self.results else None

    @property
    def app(self) -> Any:
        if self._app is None:
            self._app = self.results[0].app if self.results else current_app._get_current_object()
        return self._app

    @app.setter
    def app(self, app: Any) -> None:
        self._app = app

    @property
    def backend(self) -> Any:
        return self.app.backend if self.app else self.results[0].backend

    def __eq__(self, other: object) -> bool:
        return bool(other.results == self.results) if isinstance(other, ResultSet) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: [{', '.join(result.id for result in self.results)}]>"
