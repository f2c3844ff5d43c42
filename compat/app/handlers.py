"""What a task is told about its own run; for subclasses to override."""

from __future__ import annotations

from typing import Any

from ..exceptions import Ignore


class Handlers:
    """Called in the worker, in this order as far as they apply; by default they do nothing."""

    request: Any

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """The run begins."""

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """It returned; the result is stored."""

    def on_retry(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """It will run again."""

    def on_failure(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """It raised."""

    def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """It is over, well or not; not called for retried, ignored and rejected runs."""

    def on_replace(self, sig: Any) -> Any:
        """``sig`` takes this task's place. Overriding methods return ``super().on_replace(sig)``."""
        if self.request.is_eager:
            return sig.apply().get(disable_sync_subtasks=False)  # it is there: nothing blocks
        sig.delay()
        raise Ignore("Replaced by new task")
