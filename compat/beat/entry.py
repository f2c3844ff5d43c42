"""One line of the beat schedule."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from functools import total_ordering
from typing import Any

from kombu.utils.functional import reprcall

from ..schedules import maybe_schedule

event_t = namedtuple("event_t", ("time", "priority", "entry"))
EDITABLE = ("task", "args", "kwargs", "options", "schedule")


class BeatLazyFunc:
    """An argument that is computed each time the task is sent."""

    def __init__(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._func = func
        self._func_params = {"args": args, "kwargs": kwargs}

    def __call__(self) -> Any:
        return self.delay()

    def delay(self) -> Any:
        return self._func(*self._func_params["args"], **self._func_params["kwargs"])  # type: ignore[arg-type]


def evaluate(value: Any) -> Any:
    """The value of a lazy argument; others as they are."""
    return value() if isinstance(value, BeatLazyFunc) else value


def evaluate_args(args: Any) -> list[Any]:
    """The positional arguments of an entry as they are sent now."""
    return [evaluate(value) for value in args or ()]


def evaluate_kwargs(kwargs: Any) -> dict[str, Any]:
    """The named arguments of an entry as they are sent now."""
    return {name: evaluate(value) for name, value in (kwargs or {}).items()}


@total_ordering
class ScheduleEntry:
    """What is sent when, and when it last was."""

    name: Any = None
    schedule: Any = None
    args: Any = None
    kwargs: Any = None
    options: Any = None
    last_run_at: Any = None
    total_run_count = 0

    def __init__(
        self,
        name: str | None = None,
        task: str | None = None,
        last_run_at: Any = None,
        total_run_count: int | None = None,
        schedule: Any = None,
        args: Any = (),
        kwargs: Any = None,
        options: Any = None,
        relative: bool = False,
        app: Any = None,
    ) -> None:
        self.app = app
        self.name = name
        self.task = task
        self.args = args
        self.kwargs = kwargs or {}
        self.options = options or {}
        self.schedule = maybe_schedule(schedule, relative, app=app)
        self.last_run_at = last_run_at or self.default_now()
        self.total_run_count = total_run_count or 0

    def default_now(self) -> Any:
        return self.schedule.now() if self.schedule else self.app.now()

    _default_now = default_now

    def _next_instance(self, last_run_at: Any = None) -> ScheduleEntry:
        """The entry after one more run."""
        said = {"last_run_at": last_run_at or self.default_now(), "total_run_count": self.total_run_count + 1}
        fields: dict[str, Any] = dict(iter(self))
        return type(self)(**{**fields, **said})

    __next__ = next = _next_instance

    def update(self, other: ScheduleEntry) -> None:
        """Become what ``other`` says, but remember when it last ran."""
        self.__dict__.update({name: getattr(other, name) for name in EDITABLE})

    def is_due(self) -> Any:
        """(whether it is due, seconds until to look again)"""
        return self.schedule.is_due(self.last_run_at)

    def editable_fields_equal(self, other: Any) -> bool:
        return all(getattr(self, name) == getattr(other, name) for name in EDITABLE)

    def __eq__(self, other: object) -> bool:
        return self.editable_fields_equal(other)

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: object) -> bool:
        return id(self) < id(other) if isinstance(other, ScheduleEntry) else NotImplemented

    def __iter__(self) -> Iterator[Any]:
        return iter(vars(self).items())

    def __reduce__(self) -> Any:
        names = ("name", "task", "last_run_at", "total_run_count", "schedule", "args", "kwargs", "options")
        return type(self), tuple(getattr(self, name) for name in names)

    def __repr__(self) -> str:
        call = reprcall(self.task, self.args or (), self.kwargs or {})
        return f"<{type(self).__name__}: {self.name} {call} {self.schedule}"
