"""Tasks that are sent when the transaction has been committed."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...app.task import Task

__all__ = ("DjangoTask",)


class DjangoTask(Task):
    """The base of an app's tasks in a Django project; a base class of your own inherits from it."""

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """``delay``, after the commit: at once outside of a transaction, never after a rollback."""
        _on_commit(partial(self.delay, *args, **kwargs))

    def apply_async_on_commit(self, *args: Any, **kwargs: Any) -> None:
        """``apply_async``, after the commit."""
        _on_commit(partial(self.apply_async, *args, **kwargs))


def _on_commit(send: partial[Any]) -> None:
    from django.db import transaction

    transaction.on_commit(send)
