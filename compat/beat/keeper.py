"""Who keeps the times of an app: the ledger, for any number of timekeepers, or a scheduler class, in one beat."""

from __future__ import annotations

from typing import Any

from pyramid_scheduler.api import SchedulerError

from ..exceptions import ImproperlyConfigured
from ..utils.imports import qualname
from ..utils.log import get_logger
from .persistent import PersistentScheduler
from .scheduler import Scheduler

logger = get_logger("celery.beat")
#: Of the ids of the entries of beat_schedule, in the ledger.
PREFIX = "beat:"
#: Celery's own: what they would do the ledger does.
_BUILT_IN = tuple(
    f"{home}.beat.{cls.__name__}" for home in ("celery", "compat") for cls in (PersistentScheduler, Scheduler)
)


def is_the_ledger(scheduler: Any) -> bool:
    """Whether that class, or its name, is Celery's own. Imports nothing: Django may not be set up yet."""
    if isinstance(scheduler, str):
        return scheduler.replace(":", ".") in _BUILT_IN
    return scheduler in (PersistentScheduler, Scheduler)


def own_scheduler(app: Any, said: Any = None) -> Any:
    """The scheduler class that beat is to run, or None where the ledger keeps the times.

    All processes of an app must know, and the setting tells them: raises ImproperlyConfigured where it does not, and
    the entries of ``beat_schedule`` would be sent by workers, too.
    """
    scheduler = said or app.conf.beat_scheduler
    if not is_the_ledger(app.conf.beat_scheduler):
        return scheduler
    if is_the_ledger(scheduler):
        return None
    app.loader.import_default_modules()  # they may add to the schedule
    app.finalize()
    if app.conf.beat_schedule:
        name = scheduler if isinstance(scheduler, str) else qualname(scheduler)
        raise ImproperlyConfigured(
            f"{name} would send the entries of beat_schedule, and so would the workers, who are not told: say"
            f" beat_scheduler = {name!r} in the app's settings"
        )
    return scheduler


def take_out_beat_schedule(app: Any) -> None:
    """Let the timekeepers that run now, of workers that are not told yet, send none of the entries."""
    try:
        schedules = app.pipeline.scheduler.ledger.schedules
        declared = [schedule.id for schedule in schedules.find(declared=True) if schedule.id.startswith(PREFIX)]
        if declared:
            schedules.remove(declared)
    except SchedulerError as error:  # beat needs no ledger otherwise
        logger.warning("beat_schedule may be in the ledger still, for workers that were not restarted: %s", error)
