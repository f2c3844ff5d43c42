"""Apps, and tasks that belong to whatever app is current."""

from __future__ import annotations

from typing import Any

from .. import _state
from .._state import (
    app_or_default,
    connect_on_app_finalize,
    disable_trace,
    enable_trace,
    pop_current_task,
    push_current_task,
)
from ..local import Proxy
from .base import Celery
from .utils import AppPickler

__all__ = (
    "AppPickler",
    "Celery",
    "app_or_default",
    "bugreport",
    "default_app",
    "disable_trace",
    "enable_trace",
    "pop_current_task",
    "push_current_task",
    "shared_task",
)

default_app = Proxy(lambda: _state.default_app)


def bugreport(app: Any = None) -> str:
    """Versions and settings of ``app``, or of the current one, as text."""
    return (app or _state.get_current_app()).bugreport()  # type: ignore[no-any-return]


def shared_task(*args: Any, **options: Any) -> Any:
    """Make a task of a function, for every app there is and will be.

    What it returns stands for the current app's task. Raises TypeError where it is applied twice.
    """

    def decorate(fun: Any) -> Any:
        if type(fun) is Proxy:
            raise TypeError("@shared_task was applied more than once to the same function: remove one")
        connect_on_app_finalize(lambda app: app._task_from_fun(fun, **options))
        for app in list(_state._get_active_apps()):
            if app.finalized:
                with app._finalize_mutex:
                    app._task_from_fun(fun, **options)

        def current() -> Any:
            app = _state.get_current_app()
            return app.tasks[options.get("name") or app.gen_task_name(fun.__name__, fun.__module__)]

        return Proxy(current)

    if len(args) == 1 and callable(args[0]):
        return decorate(args[0])
    return decorate
