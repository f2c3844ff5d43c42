"""Beat as Celery has it: for subclasses of its Scheduler, and tests. ``celery beat`` runs a timekeeper instead."""

from ..exceptions import reraise as reraise
from ..schedules import crontab as crontab
from ..schedules import maybe_schedule as maybe_schedule
from ..utils.log import get_logger
from .answering import BeatPidbox, beat_nodename
from .entry import BeatLazyFunc, ScheduleEntry, event_t
from .entry import evaluate_args as _evaluate_entry_args  # noqa: F401  (scheduler classes that send by themselves)
from .entry import evaluate_kwargs as _evaluate_entry_kwargs  # noqa: F401
from .foreground import Beat
from .persistent import PersistentScheduler
from .scheduler import DEFAULT_MAX_INTERVAL, Scheduler, SchedulingError
from .service import EmbeddedService, Service

__all__ = (
    "DEFAULT_MAX_INTERVAL",
    "Beat",
    "BeatLazyFunc",
    "BeatPidbox",
    "EmbeddedService",
    "PersistentScheduler",
    "ScheduleEntry",
    "Scheduler",
    "SchedulingError",
    "Service",
    "beat_nodename",
    "event_t",
)

logger = get_logger("celery.beat")
debug, info, warning, error = logger.debug, logger.info, logger.warning, logger.error
