"""The four kinds of jobs."""

from __future__ import annotations

from enum import StrEnum


class JobKind(StrEnum):
    """How a job's times are decided."""

    ASYNC = "async"
    DATE = "date"
    INTERVAL = "interval"
    CRON = "cron"
