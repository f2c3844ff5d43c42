"""Celery's crontab: Sunday is 0, and day of month *and* day of week must both match."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ..utils.time import ffwd, remaining, timezone
from .base import BaseSchedule, schedstate
from .cron_field import cronfield, expand

_LONGEST_MONTHS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIELDS = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")


class crontab(BaseSchedule):
    """At the minutes whose every field matches.

    A field is an int, an iterable of ints, or a text as in crontab(5) with names of days and months. Raises ValueError
    for values out of range and for days that no month has.
    """

    def __init__(
        self,
        minute: Any = "*",
        hour: Any = "*",
        day_of_week: Any = "*",
        day_of_month: Any = "*",
        month_of_year: Any = "*",
        **kwargs: Any,
    ) -> None:
        self._orig_minute = cronfield(minute)
        self._orig_hour = cronfield(hour)
        self._orig_day_of_week = cronfield(day_of_week)
        self._orig_day_of_month = cronfield(day_of_month)
        self._orig_month_of_year = cronfield(month_of_year)
        self._orig_kwargs = kwargs
        self.minute = self._expand_cronspec(minute, 60)
        self.hour = self._expand_cronspec(hour, 24)
        self.day_of_week = self._expand_cronspec(day_of_week, 7)
        self.day_of_month = self._expand_cronspec(day_of_month, 31, 1)
        self.month_of_year = self._expand_cronspec(month_of_year, 12, 1)
        self._check_dates()
        super().__init__(**kwargs)

    _expand_cronspec = staticmethod(expand)

    def _check_dates(self) -> None:
        if not any(day <= _LONGEST_MONTHS[month] for month in self.month_of_year for day in self.day_of_month):
            days, months = self._orig_day_of_month, self._orig_month_of_year
            raise ValueError(f"Invalid crontab: day_of_month {days!r} never occurs in month_of_year {months!r}.")

    @classmethod
    def from_string(cls, crontab: str) -> crontab:
        """From the five fields as crontab(5) orders them: minute, hour, day of month, month, day of week."""
        minute, hour, day_of_month, month_of_year, day_of_week = crontab.split(" ")
        return cls(minute, hour, day_of_week, day_of_month, month_of_year)

    def remaining_delta(
        self, last_run_at: datetime, tz: Any = None, ffwd: Any = ffwd
    ) -> tuple[datetime, Any, datetime]:
        """The last run, the step from it to the next, and now; both dates in the schedule's zone."""
        zone = timezone.get_timezone(tz or self.tz)
        last = self.maybe_make_aware(last_run_at).astimezone(zone)
        now = self.maybe_make_aware(self.now()).astimezone(zone)
        return last, ffwd(**self._next_fields(last), second=0, microsecond=0), now

    def _next_fields(self, last: datetime) -> dict[str, int]:
        """What to change in ``last`` to get to the next matching minute; by the wall clock."""
        if self._matches(last.date()):
            minutes = [minute for minute in self.minute if minute > last.minute]
            if minutes and last.hour in self.hour:
                return {"minute": min(minutes)}
            hours = [hour for hour in self.hour if hour > last.hour]
            if hours:
                return {"hour": min(hours), "minute": min(self.minute)}
        day = self._date_after(last.date())
        hour, minute = min(self.hour), min(self.minute)
        return {"year": day.year, "month": day.month, "day": day.day, "hour": hour, "minute": minute}

    def _matches(self, day: date) -> bool:
        return (
            day.month in self.month_of_year
            and day.day in self.day_of_month
            and day.isoweekday() % 7 in self.day_of_week
        )

    def _date_after(self, day: date) -> date:
        for candidate in self._dates(day.year, day.month):
            if candidate > day and candidate.isoweekday() % 7 in self.day_of_week:
                return candidate
        raise RuntimeError(f"no date matches {self!r}")

    def _dates(self, year: int, month: int) -> Iterator[date]:
        """Dates of matching day and month for 400 years: after that the calendar repeats itself."""
        days = sorted(self.day_of_month)
        for months in range(year * 12 + month - 1, min(year + 401, 10000) * 12):
            if months % 12 + 1 not in self.month_of_year:
                continue
            for number in days:
                try:
                    yield date(months // 12, months % 12 + 1, number)
                except ValueError:
                    break

    def remaining_estimate(self, last_run_at: datetime, ffwd: Any = ffwd) -> timedelta:
        return remaining(*self.remaining_delta(last_run_at, ffwd=ffwd))

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Due when the minute after ``last_run_at`` has come, unless ``beat_cron_starting_deadline`` has passed."""
        left = self.remaining_estimate(last_run_at).total_seconds()
        if left > 0:
            return schedstate(False, left)
        is_due = not (left < 0 and self._has_passed_deadline())
        return schedstate(is_due, self._seconds_left(self.now()))

    def _has_passed_deadline(self) -> bool:
        """Whether no run was due within the deadline before now; exactly at the deadline is within."""
        seconds = self.app.conf.beat_cron_starting_deadline
        if seconds is None:
            return False
        now = self.maybe_make_aware(self.now())
        since = now.astimezone(UTC) - timedelta(seconds=seconds, microseconds=1)
        return self.remaining_estimate(since.astimezone(now.tzinfo)).total_seconds() > 0

    def __repr__(self) -> str:
        fields = f"{self._orig_minute} {self._orig_hour} {self._orig_day_of_month} {self._orig_month_of_year}"
        return f"<crontab: {fields} {self._orig_day_of_week} (m/h/dM/MY/d)>"

    def __reduce__(self) -> Any:
        return type(self), tuple(getattr(self, f"_orig_{field}") for field in _FIELDS), self._orig_kwargs

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__init__(**state)
        self._orig_kwargs = dict(state)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, crontab):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _FIELDS) and super().__eq__(other)

    __hash__ = None
