"""A step forward to given fields of a date."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Any

from kombu.utils.functional import dictfilter, reprcall

FIELDS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


class ffwd:
    """``date + ffwd(day=31, hour=2)``: fields replaced (days cut to the month), then weeks and a weekday added."""

    year: int | None
    month: int | None
    day: int | None
    hour: int | None
    minute: int | None
    second: int | None
    microsecond: int | None

    def __init__(self, weeks: int = 0, weekday: int | None = None, **fields: Any) -> None:
        for name in FIELDS:
            setattr(self, name, fields.get(name))
        self.weeks = weeks
        self.weekday = weekday
        self.days = weeks * 7
        self._has_time = self.hour is not None or self.minute is not None

    def __radd__(self, other: Any) -> Any:
        if not isinstance(other, date):
            return NotImplemented
        year, month = self.year or other.year, self.month or other.month
        day = min(monthrange(year, month)[1], self.day or other.day)
        moved = other.replace(**{**self._fields(), "year": year, "month": month, "day": day})
        if self.weekday is not None:
            moved += timedelta(days=(7 - moved.weekday() + self.weekday) % 7)
        return moved + timedelta(days=self.days)

    def _fields(self, **extra: Any) -> dict[str, Any]:
        return dictfilter({name: getattr(self, name) for name in FIELDS}, **extra)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return str(reprcall("ffwd", (), self._fields(weeks=self.weeks, weekday=self.weekday)))
