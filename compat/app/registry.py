"""The tasks of one app, by name."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from .._state import get_current_app
from ..exceptions import InvalidTaskError, NotRegistered
from .autoretry import add_autoretry_behaviour


class TaskRegistry(dict[str, Any]):
    """Name to task; asking for another raises NotRegistered, which is a KeyError."""

    NotRegistered = NotRegistered

    def __missing__(self, key: str) -> Any:
        raise self.NotRegistered(key)

    def register(self, task: Any) -> None:
        """Add a task, or an instance of a class of one; raises InvalidTaskError where it has no name."""
        if task.name is None:
            cls = task if inspect.isclass(task) else type(task)
            raise InvalidTaskError(f"Task class {cls.__name__!r} must specify .name attribute")
        task = task() if inspect.isclass(task) else task
        add_autoretry_behaviour(task)
        self[task.name] = task

    def unregister(self, name: Any) -> None:
        """Remove a task, given it or its name; raises NotRegistered."""
        try:
            self.pop(getattr(name, "name", name))
        except KeyError:
            raise self.NotRegistered(name) from None

    def regular(self) -> dict[str, Any]:
        return self.filter_types("regular")

    def periodic(self) -> dict[str, Any]:
        return self.filter_types("periodic")

    def filter_types(self, type: str) -> dict[str, Any]:
        return {name: task for name, task in self.items() if getattr(task, "type", "regular") == type}


def _unpickle_task(name: str) -> Any:
    return get_current_app().tasks[name]


def _unpickle_task_v2(name: str, module: str | None = None) -> Any:
    if module:
        import_module(module)
    return get_current_app().tasks[name]
