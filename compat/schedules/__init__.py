"""When periodic tasks run."""

from __future__ import annotations

from datetime import datetime as datetime
from datetime import timedelta as timedelta

from ..utils.time import ffwd
from .base import BaseSchedule, schedstate
from .cron import crontab
from .cron_field import Cronspec, ParseException, cronfield, crontab_parser
from .interval import maybe_schedule, schedule
from .sun import solar

__all__ = (
    "BaseSchedule",
    "Cronspec",
    "ParseException",
    "cronfield",
    "crontab",
    "crontab_parser",
    "ffwd",
    "maybe_schedule",
    "schedstate",
    "schedule",
    "solar",
)
# Schedules are pickled under the name that application code knows, whichever file they live in.
for _public in (BaseSchedule, ParseException, crontab, crontab_parser, schedstate, schedule, solar):
    _public.__module__ = __name__
