"""The directives as decorators, found by ``config.scan()``. The decorated function stays a plain function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import venusian

F = TypeVar("F", bound=Callable[..., Any])


def scheduler_task(name: str | None = None) -> Callable[[F], F]:
    """``config.add_scheduler_task`` for the function below."""
    return _attach("add_scheduler_task", {"name": name})


def interval_job(*, id: str, **options: Any) -> Callable[[F], F]:
    """``config.add_interval_job`` for the function below: ``@interval_job(id="sweep", minutes=10)``."""
    return _attach("add_interval_job", {"id": id, **options})


def cron_job(*, id: str, **options: Any) -> Callable[[F], F]:
    """``config.add_cron_job`` for the function below: ``@cron_job(id="report", hour=3)``."""
    return _attach("add_cron_job", {"id": id, **options})


def _attach(directive: str, arguments: dict[str, Any]) -> Callable[[F], F]:
    def decorate(func: F) -> F:
        def found(scanner: Any, name: str, func: F) -> None:
            getattr(scanner.config, directive)(func, **arguments)

        venusian.attach(func, found, category="pyramid")
        return func

    return decorate
