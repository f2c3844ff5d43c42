"""What is current: the app, the task; and who wants to hear of new apps."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

from .local import Proxy
from .utils.threads import LocalStack

#: The app of threads that have none of their own.
default_app: Any = None
#: The one of them that nobody has made.
implicit_app: Any = None
_apps: weakref.WeakSet[Any] = weakref.WeakSet()
_on_app_finalizers: set[Callable[[Any], Any]] = set()
_task_join_will_block = False
_task_stack: LocalStack[Any] = LocalStack()
push_current_task = _task_stack.push
pop_current_task = _task_stack.pop


class _TLS(threading.local):
    current_app: Any = None


_tls = _TLS()


def connect_on_app_finalize(callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Call ``callback(app)`` for every app that is finalized from now on."""
    _on_app_finalizers.add(callback)
    return callback


def _announce_app_finalized(app: Any) -> None:
    for callback in set(_on_app_finalizers):
        callback(app)


def _set_task_join_will_block(blocks: bool) -> None:
    global _task_join_will_block
    _task_join_will_block = blocks


def task_join_will_block() -> bool:
    """Whether waiting for a result now would hold up a worker."""
    return _task_join_will_block


def set_default_app(app: Any) -> None:
    """Make ``app`` the app of all threads that have no current one."""
    global default_app
    default_app = app


def get_current_app() -> Any:
    """This thread's app, or the default one, which is made where there is none."""
    if _tls.current_app is not None:
        return _tls.current_app
    global implicit_app
    if default_app is None:
        from .app.base import Celery

        loader = os.environ.get("CELERY_LOADER") or "default"
        implicit_app = Celery("default", fixups=[], set_as_current=False, loader=loader)
        set_default_app(implicit_app)
    return default_app


_get_current_app = get_current_app


def _set_current_app(app: Any) -> None:
    _tls.current_app = app


def get_current_task() -> Any:
    """The task this thread runs, or None."""
    return _task_stack.top


def get_current_worker_task() -> Any:
    """The task a worker runs in this thread; not one that it calls directly."""
    for task in reversed(_task_stack.stack):
        if not task.request.called_directly:
            return task
    return None


current_app = Proxy(get_current_app)
current_task = Proxy(get_current_task)


def _register_app(app: Any) -> None:
    _apps.add(app)


def _deregister_app(app: Any) -> None:
    _apps.discard(app)


def _get_active_apps() -> weakref.WeakSet[Any]:
    return _apps


def app_or_default(app: Any = None) -> Any:
    """``app``, or the current one."""
    return get_current_app() if app is None else app


def enable_trace() -> None:
    """Tracing which app is used is not needed here."""


disable_trace = enable_trace
