"""The options every job may be given, checked at the call."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from .errors import InvalidJob
from .reference import import_function
from .retry import RetryPolicy

#: Trigger fields: what people pass to the wrong method.
INTERVAL_FIELDS = frozenset({"weeks", "days", "hours", "minutes", "seconds"})
CRON_FIELDS = frozenset({"year", "month", "day", "week", "day_of_week", "hour", "minute", "second"})

HIGHEST_PRIORITY = 255  # an octet on RabbitMQ


@dataclass(frozen=True)
class JobOptions:
    """One job's options. Durations are seconds; ``expires`` is seconds from now, or a datetime: a naive one is in
    ``timezone``, or in that of the settings."""

    id: str | None = None
    replace_existing: bool = False
    name: str = ""
    priority: int = 0
    expires: float | datetime | None = None
    misfire_grace_time: float | None = None
    coalesce: bool = True
    max_instances: int | None = None
    end_date: Any = None
    jitter: float | None = None
    timezone: str | None = None
    max_retries: int = 0
    retry_backoff: float = 1.0
    retry_on: Any = (Exception,)
    soft_time_limit: float | None = None
    time_limit: float | None = None

    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(self.max_retries, _backoff_seconds(self.retry_backoff), _exception_names(self.retry_on))


NO_OPTIONS = JobOptions()
KNOWN = tuple(field.name for field in fields(JobOptions))


def parse_options(given: Mapping[str, Any], method: str) -> JobOptions:
    """Read ``given``; raises InvalidJob for an unknown option (with the nearest known one) or a bad value."""
    for name in given:
        if name not in KNOWN:
            raise InvalidJob(f"{method}() has no option {name!r}{_remedy(name)}")
    values = {name: _seconds(value) for name, value in given.items()}
    options = JobOptions(**values)
    _check(options)
    return options


def _remedy(name: str) -> str:
    if name in INTERVAL_FIELDS:
        return f": a job that repeats is made with add_interval_job(func, {name}=…)"
    if name in CRON_FIELDS:
        return f": cron fields belong to add_cron_job(func, {name}=…)"
    near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; the options are {', '.join(KNOWN)}"


def _seconds(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _check(options: JobOptions) -> None:
    if options.id is not None and not (isinstance(options.id, str) and 0 < len(options.id) <= 120):
        raise InvalidJob(f"id must be a text of 1 to 120 characters, not {options.id!r}")
    for name in ("soft_time_limit", "time_limit", "misfire_grace_time", "jitter", "retry_backoff"):
        _check_positive(name, getattr(options, name))
    if options.misfire_grace_time == 0:
        raise InvalidJob("misfire_grace_time must be more than 0: every run is a little late; None means however late")
    _check_counts(options)
    hard, soft = options.time_limit, options.soft_time_limit
    if hard is not None and soft is not None and soft > hard:
        raise InvalidJob(f"soft_time_limit ({soft:g} s) must not be longer than time_limit ({hard:g} s)")


def _check_positive(name: str, value: Any) -> None:
    if value is None or (isinstance(value, bool) and name == "retry_backoff"):
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
        raise InvalidJob(f"{name} must be a number of seconds, or a timedelta, not {value!r}")


def _check_counts(options: JobOptions) -> None:
    if not isinstance(options.max_retries, int) or options.max_retries < 0:
        raise InvalidJob(f"max_retries must be a whole number from 0 up, not {options.max_retries!r}")
    if options.max_instances is not None and (not isinstance(options.max_instances, int) or options.max_instances < 1):
        raise InvalidJob(f"max_instances must be a whole number from 1 up, not {options.max_instances!r}")
    if not isinstance(options.priority, int) or not 0 <= options.priority <= HIGHEST_PRIORITY:
        raise InvalidJob(f"priority must be a whole number from 0 to {HIGHEST_PRIORITY}, not {options.priority!r}")
    if options.expires is not None and not isinstance(options.expires, (int, float, datetime)):
        raise InvalidJob(f"expires must be seconds from now, a timedelta or a datetime, not {options.expires!r}")
    options.retry_policy()


def _backoff_seconds(value: Any) -> float:
    return 1.0 if value is True else 0.0 if value is False else float(value)


def _exception_names(given: Any) -> tuple[str, ...]:
    items: Iterable[Any] = given if isinstance(given, (tuple, list, set, frozenset)) else (given,)
    return tuple(_exception_name(item) for item in items)


def _exception_name(item: Any) -> str:
    cls = import_function(item) if isinstance(item, str) else item
    if not (isinstance(cls, type) and issubclass(cls, BaseException)):
        raise InvalidJob(f"retry_on names exception classes (or their dotted names), not {item!r}")
    return f"{cls.__module__}.{cls.__qualname__}"
