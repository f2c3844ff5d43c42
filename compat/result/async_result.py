"""The result of a task that runs, or ran, elsewhere."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from vine import Thenable, promise

from .. import states
from .._state import app_or_default
from ..exceptions import TimeoutError
from .blocking import assert_will_not_block
from .descent import Descent
from .meta import KnownMeta


class ResultBase:
    """The root of the results."""

    #: The result of the task before, in a chain.
    parent: Any = None


@Thenable.register
class AsyncResult(KnownMeta, Descent, ResultBase):
    """What is known of the task with that id; an id nobody has heard of is PENDING. Raises ValueError for None."""

    app: Any = None
    TimeoutError = TimeoutError
    id: Any = None
    backend: Any = None
    _ignored = False
    _promise: Any = None

    def __init__(
        self, id: Any, backend: Any = None, task_name: str | None = None, app: Any = None, parent: Any = None
    ) -> None:
        if id is None:
            raise ValueError(f"AsyncResult requires valid id, not {type(id)}")
        self.app = app_or_default(app or self.app)
        self.id = id
        self.backend = backend or self.app.backend
        self.parent = parent

    @property
    def ignored(self) -> bool:
        """The task keeps no result: ``get`` returns None at once."""
        return self._ignored

    @ignored.setter
    def ignored(self, value: bool) -> None:
        self._ignored = value

    # Hearing of it

    @property
    def on_ready(self) -> Any:
        """A promise of the result; made when somebody asks, since most results are never waited for."""
        if self._promise is None:
            self._promise = promise(self._on_fulfilled, weak=True)
            if self._cache:
                self._promise(self)
        return self._promise

    @on_ready.setter
    def on_ready(self, value: Any) -> None:
        self._promise = value

    def then(self, callback: Any, on_error: Any = None, weak: bool = False) -> Any:
        """Call ``callback(result)`` when it is ready."""
        fulfilled = self.on_ready.then(callback, on_error)
        self.backend.add_pending_result(self, weak=weak)
        return fulfilled

    def _on_fulfilled(self, result: Any) -> Any:
        self.backend.remove_pending_result(self)
        return result

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = 0.5,
        no_ack: bool = True,
        follow_parents: bool = True,
        callback: Any = None,
        on_message: Any = None,
        on_interval: Any = None,
        disable_sync_subtasks: bool = True,
        EXCEPTION_STATES: Any = states.EXCEPTION_STATES,
        PROPAGATE_STATES: Any = states.PROPAGATE_STATES,
    ) -> Any:
        """Wait until it is ready; returns what the task returned, and raises what it (or a parent) raised.

        ``timeout`` is in seconds, 0 only looks; raises ``celery.exceptions.TimeoutError``. With ``propagate=False``
        the exception is returned. ``interval`` is that of looking again, where a backend must, but for the first looks,
        which follow each other sooner. Raises RuntimeError within a task, unless ``disable_sync_subtasks`` is false.
        """
        if self.ignored:
            return None
        if disable_sync_subtasks:
            assert_will_not_block()
        tick = promise()
        if follow_parents and propagate and self.parent:
            tick = promise(self._maybe_reraise_parent_error, weak=True)
            self._maybe_reraise_parent_error()
        if on_interval:
            tick.then(on_interval)
        if self._cache:
            if propagate:
                self.maybe_throw(callback=callback)
            return self.result
        self.backend.add_pending_result(self)
        return self.backend.wait_for_pending(
            self,
            timeout=timeout,
            interval=interval,
            on_interval=tick,
            no_ack=no_ack,
            propagate=propagate,
            callback=callback,
            on_message=on_message,
        )

    wait = get

    def _maybe_reraise_parent_error(self) -> None:
        for node in reversed(list(self._parents())):
            node.maybe_throw()

    def _parents(self) -> Iterator[Any]:
        node = self.parent
        while node:
            yield node
            node = node.parent

    def throw(self, *args: Any, **kwargs: Any) -> Any:
        return self.on_ready.throw(*args, **kwargs)

    def maybe_throw(self, propagate: bool = True, callback: Any = None) -> Any:
        """Raise what the task raised, if it failed; otherwise return its result as it is now."""
        meta = self._get_task_meta() if self._cache is None else self._cache
        value = meta["result"]
        if propagate and meta["status"] in states.PROPAGATE_STATES:
            self.throw(value, self._to_remote_traceback(meta.get("traceback")))
        if callback is not None:
            callback(self.id, value)
        return value

    maybe_reraise = maybe_throw

    def _to_remote_traceback(self, text: str | None) -> Any:
        # An eager result belongs to no app.
        if not text or self.app is None or not self.app.conf.task_remote_tracebacks:
            return None
        try:
            import tblib
        except ImportError:
            return None
        return tblib.Traceback.from_string(text).as_traceback()

    # What can be done about it

    def forget(self) -> None:
        """Remove it, and its parents', from the backend."""
        self._cache = None
        if self.parent:
            self.parent.forget()
        self.backend.remove_pending_result(self)
        self.backend.forget(self.id)

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: Any = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Ask that the task not run; ``terminate``: nor go on running. ``wait`` for the workers' answers."""
        self.app.control.revoke(
            self.id, connection=connection, terminate=terminate, signal=signal, reply=wait, timeout=timeout
        )

    def revoke_by_stamped_headers(
        self,
        headers: Any,
        connection: Any = None,
        terminate: bool = False,
        signal: Any = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Revoke all tasks that carry these stamps."""
        self.app.control.revoke_by_stamped_headers(
            headers, connection=connection, terminate=terminate, signal=signal, reply=wait, timeout=timeout
        )

    # As a value

    def as_tuple(self) -> Any:
        """``((id, parent), None)``: how results are stored."""
        return (self.id, self.parent and self.parent.as_tuple()), None

    def as_list(self) -> list[Any]:
        """Its id, and those of its parents."""
        return [self.id, *(self.parent.as_list() if self.parent is not None else [])]

    __class_getitem__ = classmethod(types.GenericAlias)  # type: ignore[var-annotated]

    def __str__(self) -> str:
        return str(self.id)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.id}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AsyncResult):
            return bool(other.id == self.id)
        return bool(other == self.id) if isinstance(other, str) else NotImplemented

    def __copy__(self) -> Any:
        return type(self)(self.id, self.backend, None, self.app, self.parent)

    def __reduce__(self) -> Any:
        return type(self), self.__reduce_args__()

    def __reduce_args__(self) -> Any:
        return self.id, self.backend, None, None, self.parent

    def __del__(self) -> None:
        if self.backend is not None:
            self.backend.remove_pending_result(self)
