"""Configuration directives: tasks by name, and jobs that belong to configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError

from ..core.errors import SchedulerError
from ..core.kind import JobKind
from ..core.reference import AnyFunction, name_of
from ..core.task import Task

#: After the application's own directives, so that settings and tasks are all there.
ORDER = 30


def add_scheduler_task(config: Configurator, func: AnyFunction | str, name: str | None = None) -> None:
    """Register ``func`` as a task called ``name`` (default: its dotted name), so that messages may name it."""
    function: AnyFunction = config.maybe_dotted(func)
    task_name = name or _at_configuration(lambda: name_of(function))
    intr = config.introspectable("scheduler tasks", task_name, task_name, "task")
    intr.update(name=task_name, func=function)
    scheduler = config.registry.scheduler
    config.action(
        ("pyramid_scheduler.task", task_name),
        lambda: scheduler.tasks.add(Task(task_name, function)),
        introspectables=(intr,),
        order=ORDER - 1,
    )


def add_interval_job(config: Configurator, func: AnyFunction | str, *, id: str, **options: Any) -> None:
    """Declare a job that repeats: ``config.add_interval_job(func, id="sweep", minutes=10)``.

    Takes what ``Scheduler.add_interval_job`` takes. The store is made to agree when a timekeeper starts.
    """
    _declare(config, JobKind.INTERVAL, func, id, options)


def add_cron_job(config: Configurator, func: AnyFunction | str, *, id: str, **options: Any) -> None:
    """Declare a cron job: ``config.add_cron_job(func, id="report", hour=3)``; otherwise as ``add_interval_job``."""
    _declare(config, JobKind.CRON, func, id, options)


def _declare(config: Configurator, kind: JobKind, func: AnyFunction | str, id: str, options: Mapping[str, Any]) -> None:
    function: AnyFunction = config.maybe_dotted(func)
    intr = config.introspectable("scheduler jobs", id, id, f"{kind} job")
    intr.update(id=id, kind=str(kind), func=function, options=dict(options))
    scheduler = config.registry.scheduler
    config.action(
        ("pyramid_scheduler.job", id),
        lambda: _at_configuration(lambda: scheduler.declare(kind, function, id=id, **options)),
        introspectables=(intr,),
        order=ORDER,
    )


def _at_configuration(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except SchedulerError as error:
        raise ConfigurationError(str(error)) from error
