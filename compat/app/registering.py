"""The part of an app that makes and keeps tasks."""

from __future__ import annotations

import inspect
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from vine import starpromise

from .. import signals
from .._state import _announce_app_finalized, connect_on_app_finalize
from ..exceptions import DuplicateTaskNameWarning
from ..local import PromiseProxy, maybe_evaluate
from ..utils.functional import head_from_fun
from ..utils.imports import gen_task_name, qualname
from .autoretry import add_autoretry_behaviour


class Registering:
    """Tasks are made when they are first used, or when the app is finalized."""

    autofinalize: bool
    finalized: bool
    on_after_finalize: Any
    Task: Any
    _tasks: Any
    _fixups: list[Any]

    def _init_registration(self) -> None:
        self.finalized = False
        self._finalize_mutex = threading.RLock()
        self._pending: deque[Any] = deque()
        self._duplicate_task_names_warned: set[str] = set()

    def task(self, *args: Any, **opts: Any) -> Any:
        """Make a task of a function: ``@app.task``, or ``@app.task(bind=True, …)`` with attributes of the task."""
        if not args:
            return self._task_decorator(**opts)
        if len(args) > 1:
            raise TypeError(f"@task() takes exactly 1 argument ({len(args) + len(opts)} given)")
        if not callable(args[0]):
            raise TypeError("argument 1 to @task() must be a callable")
        return self._task_decorator(**opts)(args[0])

    def _task_decorator(
        self, shared: bool = True, filter: Callable[[Any], Any] | None = None, lazy: bool = True, **opts: Any
    ) -> Callable[[Callable[..., Any]], Any]:
        def decorate(fun: Callable[..., Any]) -> Any:
            if shared:
                connect_on_app_finalize(lambda app: app._task_from_fun(fun, **opts))
            if lazy and not self.finalized:
                task: Any = PromiseProxy(self._task_from_fun, (fun,), opts, __doc__=fun.__doc__)
                self._pending.append(task)
            else:
                task = self._task_from_fun(fun, **opts)
            return filter(task) if filter else task

        return decorate

    def type_checker(self, fun: Callable[..., Any], bound: bool = False) -> Any:
        return staticmethod(head_from_fun(fun, bound=bound))

    def gen_task_name(self, name: str, module: str | None) -> str:
        """The name of a task from its function's name and module."""
        return gen_task_name(self, name, module)

    def _task_from_fun(
        self,
        fun: Callable[..., Any],
        name: str | None = None,
        base: Any = None,
        bind: bool = False,
        pydantic: bool = False,
        pydantic_strict: bool = False,
        pydantic_context: dict[str, Any] | None = None,
        pydantic_dump_kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        if not self.finalized and not self.autofinalize:
            raise RuntimeError("Contract breach: app not finalized")
        name = name or self.gen_task_name(fun.__name__, fun.__module__)
        if name in self._tasks:
            self._warn_if_other_callable(self._tasks[name], fun, name)
            return self._tasks[name]
        attributes: dict[str, Any] = {"_decorated_fun": staticmethod(fun), "_dump_pydantic_arguments": None}
        if pydantic is True:
            from .pydantic_arguments import pydantic_wrapper

            fun = pydantic_wrapper(self, fun, name, pydantic_strict, pydantic_context, pydantic_dump_kwargs)
            dump = partial(fun.dump_arguments, bound=bind)  # type: ignore[attr-defined]
            attributes["_dump_pydantic_arguments"] = staticmethod(dump)
        task = self._instance_of(fun, base or self.Task, name, bind, {**attributes, **options})
        self._tasks[task.name] = task
        task.bind(self)
        add_autoretry_behaviour(task, **options)
        return task

    def _instance_of(
        self, fun: Callable[..., Any], base: Any, name: str, bind: bool, attributes: dict[str, Any]
    ) -> Any:
        run = fun if bind else staticmethod(fun)
        members = {
            "app": self,
            "name": name,
            "run": run,
            "_decorated": True,
            "__doc__": fun.__doc__,
            "__module__": fun.__module__,
            "__annotations__": getattr(fun, "__annotations__", {}),
            "__header__": self.type_checker(fun, bound=bind),
            "__wrapped__": run,
            **attributes,
        }
        task = type(fun.__name__, (base,), members)()
        try:
            task.__qualname__ = fun.__qualname__
        except AttributeError:
            pass
        return task

    def register_task(self, task: Any, **options: Any) -> Any:
        """Add an instance, or a class, of a task; one of the same name is replaced. Returns the instance."""
        task = task() if inspect.isclass(task) else task
        if not task.name:
            task.name = self.gen_task_name(type(task).__name__, type(task).__module__)
        existing = self.tasks.get(task.name)
        if existing is not None and existing is not task:
            self._warn_of_duplicate(
                task.name, _callable_name(existing), _callable_name(task), "the new one replaced it"
            )
        add_autoretry_behaviour(task, **options)
        self.tasks[task.name] = task
        task._app = self
        task.bind(self)
        return task

    def _warn_if_other_callable(self, task: Any, fun: Callable[..., Any], name: str) -> None:
        registered = getattr(task, "_decorated_fun", None)
        if registered is not None and registered is not fun:
            self._warn_of_duplicate(name, qualname(registered), qualname(fun), "the first one stays")

    def _warn_of_duplicate(self, name: str, existing: str, new: str, consequence: str) -> None:
        if name in self._duplicate_task_names_warned:
            return
        self._duplicate_task_names_warned.add(name)
        text = (
            f"Task name {name!r} is already registered to a different callable: {existing}; new: {new};"
            f" {consequence}. Every task needs a name of its own: pass name= to the decorator."
        )
        warnings.warn(DuplicateTaskNameWarning(text), stacklevel=_level_of_user())

    def finalize(self, auto: bool = False) -> None:
        """Make all tasks: the built-in ones, the shared ones, and those whose making was put off."""
        with self._finalize_mutex:
            if self.finalized:
                return
            if auto and not self.autofinalize:
                raise RuntimeError("Contract breach: app not finalized")
            self.finalized = True
            _announce_app_finalized(self)
            while self._pending:
                maybe_evaluate(self._pending.popleft())
            for task in self._tasks.values():
                task.bind(self)
            self.on_after_finalize.send(sender=self)

    @cached_property
    def tasks(self) -> Any:
        """All tasks by name; asking for them finalizes the app."""
        self.finalize(auto=True)
        return self._tasks

    def autodiscover_tasks(self, packages: Any = None, related_name: str | None = "tasks", force: bool = False) -> Any:
        """Import ``package.tasks`` of each package (or of those a callable returns): now, or when a worker starts.

        Without packages, of those that the fixups know: in a Django project, of its installed applications.
        """
        if force:
            return self._autodiscover_tasks(packages, related_name)
        discover = starpromise(self._autodiscover_tasks, packages, related_name)
        signals.import_modules.connect(discover, weak=False, sender=self)
        return None

    def _autodiscover_tasks(self, packages: Any, related_name: str | None, **kwargs: Any) -> Any:
        names = packages() if callable(packages) else packages or self._packages_of_fixups()
        return self.loader.autodiscover_tasks(() if names is None else names, related_name)  # type: ignore[attr-defined]

    def _packages_of_fixups(self) -> list[str]:
        able = (fixup for fixup in self._fixups if hasattr(fixup, "autodiscover_tasks"))
        return [package for fixup in able for package in fixup.autodiscover_tasks()]


def _callable_name(task: Any) -> str:
    return qualname(getattr(task, "_decorated_fun", None) or type(task))


def _level_of_user() -> int:
    """How far up the first frame outside of this package is."""
    frame: Any = sys._getframe(1)
    level = 1
    while frame is not None and str(frame.f_globals.get("__name__", "")).split(".")[0] == "compat":
        frame, level = frame.f_back, level + 1
    return level
