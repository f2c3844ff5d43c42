"""Triggers: checked when a job is added, stored as plain JSON, and asked when the job is due."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from ..core.duration import format_duration
from ..core.errors import InvalidJob
from .cron import LocalCronTrigger
from .dates import iso, parse_date, zone, zone_name

__all__ = [
    "cron_trigger",
    "date_trigger",
    "describe",
    "interval_trigger",
    "load",
    "next_fire",
    "parse_date",
    "register_trigger",
]

Trigger = Mapping[str, Any]
SHORTEST_INTERVAL_SECONDS = 0.001


def date_trigger(date: Any, timezone: str | None = None) -> Trigger:
    """Once, at ``date``."""
    return {"type": "date", "at": iso(date, timezone)}


def interval_trigger(
    *,
    start_date: Any = None,
    end_date: Any = None,
    jitter: float | None = None,
    timezone: str | None = None,
    **fields: float,
) -> Trigger:
    """Every ``weeks + days + hours + minutes + seconds``; raises InvalidJob where that is nothing."""
    try:
        seconds = timedelta(**fields).total_seconds()
    except (TypeError, OverflowError) as error:
        raise InvalidJob(f"the interval {fields} cannot be read: {error}") from error
    trigger = _common("interval", start_date, end_date, jitter, timezone, {"seconds": seconds})
    _period(trigger)
    return trigger


def cron_trigger(
    *,
    start_date: Any = None,
    end_date: Any = None,
    jitter: float | None = None,
    timezone: str | None = None,
    **fields: Any,
) -> Trigger:
    """When all ``fields`` match; raises InvalidJob for what no calendar has.

    Without ``timezone`` it is this machine's, wherever the timekeepers run.
    """
    given = {name: str(value) for name, value in fields.items() if value is not None}
    if not given:
        raise InvalidJob("a cron job needs at least one of year, month, day, week, day_of_week, hour, minute, second")
    trigger = _common("cron", start_date, end_date, jitter, zone_name(timezone), {"fields": given})
    load(trigger)
    return trigger


def _common(
    type_: str, start: Any, end: Any, jitter: float | None, timezone: str | None, more: Mapping[str, Any]
) -> Trigger:
    zone(timezone)
    return {
        "type": type_,
        **more,
        "start": iso(start, timezone),
        "end": iso(end, timezone),
        "timezone": timezone,
        "jitter": jitter,
    }


def load(trigger: Trigger) -> BaseTrigger:
    """APScheduler's trigger for a stored one; raises InvalidJob for one that cannot be read."""
    return _load(json.dumps(dict(trigger), sort_keys=True))


@lru_cache(maxsize=4096)
def _load(text: str) -> BaseTrigger:
    trigger = json.loads(text)
    try:
        return _MAKERS[trigger["type"]](trigger)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidJob(f"these times cannot be read: {error}") from error


def _date(trigger: Trigger) -> BaseTrigger:
    return DateTrigger(run_date=datetime.fromisoformat(trigger["at"]))


def _interval(trigger: Trigger) -> BaseTrigger:
    return IntervalTrigger(seconds=_period(trigger), **_bounds(trigger))


def _period(trigger: Trigger) -> float:
    """An interval's seconds; raises InvalidJob where its times would not go on, or not be known."""
    seconds = float(trigger["seconds"])
    if not SHORTEST_INTERVAL_SECONDS <= seconds < math.inf:
        raise InvalidJob("an interval job needs a positive interval: minutes=10, or hours=1, or …")
    return seconds


def _cron(trigger: Trigger) -> BaseTrigger:
    return LocalCronTrigger(**trigger["fields"], **_bounds(trigger))


def _bounds(trigger: Trigger) -> dict[str, Any]:
    bounds = {"start_date": trigger.get("start"), "end_date": trigger.get("end")}
    dates = {name: datetime.fromisoformat(text) if text else None for name, text in bounds.items()}
    return {**dates, "timezone": zone(trigger.get("timezone"))}


_MAKERS: dict[str, Callable[[Trigger], Any]] = {"date": _date, "interval": _interval, "cron": _cron}


def register_trigger(type_: str, make: Callable[[Trigger], Any]) -> None:
    """Let stored triggers of another type be read: ``make(trigger)`` returns what has APScheduler's
    ``get_next_fire_time(previous, now)``. To be called in every process that stores or fires such jobs. Where it says
    that it ``follows_elapsed_time``, its times come again when the clock was put back.

    The trigger may say what it is, for people, under ``words``.
    """
    _MAKERS[type_] = make


def next_fire(trigger: Trigger, previous: float | None, now: float) -> float | None:
    """When the trigger is due next (epoch seconds): after ``previous``, its last due time, or else from ``now`` on."""
    if trigger.get("type") == "interval":
        return _next_interval(trigger, previous, now)
    before = None if previous is None else datetime.fromtimestamp(previous, UTC)
    reference = datetime.fromtimestamp(now if previous is None else previous, UTC)
    if before is not None:
        reference += timedelta(microseconds=1)
    found = load(trigger).get_next_fire_time(before, reference)
    return None if found is None else found.timestamp()


def _next_interval(trigger: Trigger, previous: float | None, now: float) -> float | None:
    """Arithmetic alone: APScheduler anchors an interval without a start at the moment its object was made."""
    period, start = _period(trigger), trigger.get("start")
    if previous is not None:
        due = previous + period
    elif start is None:
        due = now + period
    else:
        first = datetime.fromisoformat(start).timestamp()
        due = first + max(0, math.ceil((now - first) / period)) * period
    end = trigger.get("end")
    return None if end is not None and due > datetime.fromisoformat(end).timestamp() else due


def in_step(trigger: Trigger, due: float, now: float) -> float:
    """For an interval: the first of its times after ``now``, though ``due`` be the next after its last one."""
    period, start = _period(trigger), trigger.get("start")
    first = float("-inf") if start is None else datetime.fromisoformat(start).timestamp()
    steps = math.floor((due - max(now, first)) / period)
    return due - max(steps, 0) * period


def follows_elapsed_time(trigger: Trigger) -> bool:
    """Whether its times are so many that none of them counts by itself; as in the hour that comes twice."""
    return bool(getattr(load(trigger), "follows_elapsed_time", False))


def fires_until(trigger: Trigger, due: float, now: float, limit: int) -> tuple[list[float], float | None]:
    """The due times from ``due`` to ``now``, the last ``limit`` of them, and the first after ``now``.

    An interval that was missed a million times is not walked through.
    """
    if trigger.get("type") == "interval":
        period = _period(trigger)
        due += max(0, math.floor((now - due) / period) - limit) * period
    fires: list[float] = []
    following: float | None = due
    while following is not None and following <= now:
        fires.append(following)
        following = next_fire(trigger, following, now)
    return fires[-limit:], following


def describe(trigger: Trigger) -> str:
    """In words, for people."""
    said_zone = f" ({trigger['timezone']})" if trigger.get("timezone") else ""
    if trigger.get("type") == "interval":
        return f"every {format_duration(float(trigger['seconds']))}"
    if trigger.get("type") == "cron":
        fields = " ".join(f"{name}={value}" for name, value in trigger["fields"].items())
        return f"cron {fields}{said_zone}"
    return str(trigger["words"]) if "words" in trigger else f"at {trigger.get('at')}"
