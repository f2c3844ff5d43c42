"""The result of a task that was run here."""

from __future__ import annotations

from typing import Any

from vine import Thenable, promise

from .. import states
from ..exceptions import TaskRevokedError
from .async_result import AsyncResult
from .blocking import assert_will_not_block


@Thenable.register
class EagerResult(AsyncResult):
    """A result that is there already; no backend is asked."""

    def __init__(self, id: Any, ret_value: Any, state: str, traceback: Any = None, name: str | None = None) -> None:
        self.id = id
        self._result = ret_value
        self._state = state
        self._traceback = traceback
        self._name = name

    @property  # type: ignore[misc]
    def on_ready(self) -> Any:
        if self._promise is None:
            self._promise = promise()
            self._promise(self)
        return self._promise

    def then(self, callback: Any, on_error: Any = None, weak: bool = False) -> Any:
        return self.on_ready.then(callback, on_error)

    @property
    def _cache(self) -> Any:  # type: ignore[override]
        return {
            "task_id": self.id,
            "result": self._result,
            "status": self._state,
            "traceback": self._traceback,
            "name": self._name,
        }

    def _get_task_meta(self) -> Any:
        return self._cache

    def ready(self) -> bool:
        return True

    def get(  # type: ignore[override]
        self, timeout: float | None = None, propagate: bool = True, disable_sync_subtasks: bool = True, **kwargs: Any
    ) -> Any:
        """What the task returned; raises what it raised, unless ``propagate`` is false."""
        if disable_sync_subtasks:
            assert_will_not_block()
        if self.successful():
            return self.result
        if self.state not in states.PROPAGATE_STATES:
            return None
        if propagate:
            raise self.result if isinstance(self.result, Exception) else Exception(self.result)
        return self.result

    wait = get  # type: ignore[assignment]

    def forget(self) -> None:
        """Nothing is stored."""

    def revoke(self, *args: Any, **kwargs: Any) -> None:
        """Too late for the task; the result becomes that of a revoked one."""
        self._state = states.REVOKED
        self._result = TaskRevokedError("revoked")
        self._traceback = None

    @property
    def result(self) -> Any:
        return self._result

    info = result

    @property
    def state(self) -> Any:
        return self._state

    status = state

    @property
    def traceback(self) -> Any:
        return self._traceback

    @property
    def supports_native_join(self) -> Any:
        return False

    def __copy__(self) -> Any:
        return type(self)(*self.__reduce_args__())

    def __reduce_args__(self) -> Any:
        return self.id, self._result, self._state, self._traceback, self._name

    def __repr__(self) -> str:
        return f"<EagerResult: {self.id}>"
