"""The classes that are an app's own: their ``app`` is that app."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from .._state import get_current_app
from ..utils.imports import symbol_by_name


def _unpickle_appattr(reverse_name: str, args: Any) -> Any:
    return get_current_app()._rgetattr(reverse_name)(*args)


class Subclassing:
    """A part of the app."""

    task_cls: Any

    def create_task_cls(self) -> Any:
        return self.subclass_with_self(self.task_cls, name="Task", attribute="_app", keep_reduce=True, abstract=True)

    def subclass_with_self(
        self,
        Class: Any,
        name: str | None = None,
        attribute: str = "app",
        reverse: str | None = None,
        keep_reduce: bool = False,
        **kw: Any,
    ) -> Any:
        """A subclass whose ``attribute`` is this app, and whose instances find the app again after pickling."""
        base = symbol_by_name(Class)
        path = reverse or base.__name__
        members = {attribute: self, "__module__": base.__module__, "__doc__": base.__doc__, **kw}
        if not keep_reduce:
            members["__reduce__"] = lambda obj: (_unpickle_appattr, (path, obj.__reduce_args__()))
        return type(name or base.__name__, (base,), members)

    @cached_property
    def Task(self) -> Any:
        """The base of this app's tasks; may be replaced."""
        return self.create_task_cls()

    @cached_property
    def AsyncResult(self) -> Any:
        return self.subclass_with_self("compat.result:AsyncResult")

    @cached_property
    def ResultSet(self) -> Any:
        return self.subclass_with_self("compat.result:ResultSet")

    @cached_property
    def GroupResult(self) -> Any:
        return self.subclass_with_self("compat.result:GroupResult")

    @cached_property
    def Worker(self) -> Any:
        return self.subclass_with_self("compat.worker:WorkController", name="Worker", reverse="Worker")

    @cached_property
    def WorkController(self) -> Any:
        return self.subclass_with_self("compat.worker:WorkController")

    @cached_property
    def Beat(self) -> Any:
        return self.subclass_with_self("compat.beat:Beat")
