"""Background jobs for Pyramid: at once, at a date, at an interval, on a cron schedule.

``config.include("pyramid_scheduler")`` puts a Scheduler on the registry; README.md shows the rest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid.config import Configurator

    from .core.settings import Settings, parse_settings
    from .crew import supervise
    from .schedule.triggers import register_trigger
    from .scheduler import Scheduler
    from .web.decorators import cron_job, interval_job, scheduler_task

__all__ = [
    "Scheduler",
    "Settings",
    "cron_job",
    "includeme",
    "interval_job",
    "parse_settings",
    "register_trigger",
    "scheduler_task",
    "supervise",
]

_HOMES = {
    "Scheduler": ".scheduler",
    "Settings": ".core.settings",
    "parse_settings": ".core.settings",
    "register_trigger": ".schedule.triggers",
    "supervise": ".crew",
    "cron_job": ".web.decorators",
    "interval_job": ".web.decorators",
    "scheduler_task": ".web.decorators",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: a supervisor must not pay for what only its workers need."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)


def includeme(config: Configurator) -> None:
    """Configure the scheduler from the ``scheduler.*`` settings; starts no thread, opens no connection."""
    from .web.include import include

    include(config)
