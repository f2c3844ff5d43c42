"""Tasks that can be asked to stop: they look, now and then, whether they were."""

from __future__ import annotations

from typing import Any

from .. import Task
from ..result import AsyncResult

ABORTED = "ABORTED"


class AbortableAsyncResult(AsyncResult):
    """The result of such a task."""

    def is_aborted(self) -> bool:
        return bool(self.state == ABORTED)

    def abort(self) -> Any:
        """Ask the task to stop; whether it does is up to the task."""
        return self.backend.store_result(self.id, result=None, state=ABORTED, traceback=None)


class AbortableTask(Task):
    """Base for tasks that call ``is_aborted()`` from time to time."""

    abstract = True

    def AsyncResult(self, task_id: str, **kwargs: Any) -> AbortableAsyncResult:
        return AbortableAsyncResult(task_id, backend=self.backend)

    def is_aborted(self, **kwargs: Any) -> bool:
        """Whether it should stop; asks the result backend each time."""
        result = self.AsyncResult(kwargs.get("task_id", self.request.id))
        return isinstance(result, AbortableAsyncResult) and result.is_aborted()
