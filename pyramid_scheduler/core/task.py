"""Callables by name, and who may call what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .errors import UnknownTask, UntrustedMessage
from .reference import AnyFunction, resolve
from .run import NO_LIMITS, Outcome, Run, TimeLimits

#: Runs one opened message and says what came of it; raising counts as a failure of the job.
Handler = Callable[[Run], Outcome]
#: Asked before a run is acked and called: an outcome stands in its place. Must not raise.
Gate = Callable[[Run], Outcome | None]
#: Told of a run that was refused before it was called: cancelled, expired, missed. Must not raise.
Refusal = Callable[[Run, Outcome], None]


@dataclass(frozen=True)
class Task:
    """A callable under a name. ``handler``, where given, runs the whole call (it is how compat speaks Celery)."""

    name: str
    func: AnyFunction
    handler: Handler | None = None
    ack_early: bool = False
    with_context: bool = True  # run inside a prepared Pyramid request
    gate: Gate | None = None
    limits: TimeLimits | None = None  # of its runs whose messages say none
    refused: Refusal | None = None
    ended: Refusal | None = None  # told, maybe in another process, of a run that was ended or lost while it ran

    def limits_of(self, run: Run) -> TimeLimits:
        """Those of the run's message, and the task's own in their place."""
        (hard, soft), (own_hard, own_soft) = run.limits, self.limits or NO_LIMITS
        return hard or own_hard, soft or own_soft


class TaskRegistry:
    """The tasks of one application: registered ones by name, and functions under the allowed packages."""

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._tasks: dict[str, Task] = {}
        self._imported: dict[str, Task] = {}
        self._allowed: dict[str, Task] = {}  # of those, what an unsigned message may name
        self._names: dict[AnyFunction, str] = {}
        self._allow = frozenset(allow)
        self._beneath = tuple(f"{prefix}." for prefix in self._allow)
        self.fallback: Callable[[str], Task | None] | None = None

    def add(self, task: Task) -> None:
        self._tasks[task.name] = task
        self._names[task.func] = task.name

    def name_for(self, func: AnyFunction | str) -> str | None:
        """The name under which ``func`` (or that very name) is registered, or None."""
        if isinstance(func, str):
            return func if func in self._tasks else None
        return self._names.get(func)

    def get(self, name: str, *, trusted: bool) -> Task:
        """The task called ``name``.

        Raises UnknownTask where there is none, and UntrustedMessage where it is neither registered nor defined under
        ``scheduler.allow`` and the message that names it is not ``trusted``.
        """
        task = self._tasks.get(name)
        if task is None and self.fallback is not None:
            task = self.fallback(name)
        if task is not None:
            return task
        return self._import(name) if trusted else self._allowed.get(name) or self._import_allowed(name)

    def allows(self, name: str) -> bool:
        return name in self._allow or name.startswith(self._beneath)

    @property
    def open_to_all(self) -> str:
        """What a message may name that is not trusted, in words."""
        packages = f" and functions of {', '.join(sorted(self._allow))}" if self._allow else ""
        return f"registered tasks{packages}"

    def _import(self, name: str) -> Task:
        task = self._imported.get(name)
        if task is None:
            task = self._imported[name] = Task(name, _plain_function(name))
        return task

    def _import_allowed(self, name: str) -> Task:
        """What a module has of others is theirs: to import ``subprocess.run`` somewhere offers it to nobody."""
        if not self.allows(name):
            raise _untrusted(name)
        task = self._import(name)
        home = getattr(task.func, "__module__", None) or ""
        if not self.allows(home):
            raise _untrusted(f"{name}, which {home or 'none of our modules'} defines")
        self._allowed[name] = task
        return task

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())


def _untrusted(what: str) -> UntrustedMessage:
    return UntrustedMessage(
        f"an unsigned message may not name {what}: register it with config.add_scheduler_task,"
        " add its package to scheduler.allow, or set scheduler.secret on both sides"
    )


def _plain_function(name: str) -> AnyFunction:
    func: Any = resolve(name)
    if isinstance(func, type):
        raise UnknownTask(f"{name} is a class, not a function")
    return func  # type: ignore[no-any-return]
