"""APScheduler's cron trigger, exact on the days when the clock is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from apscheduler.triggers.cron import CronTrigger
from apscheduler.util import datetime_ceil


class LocalCronTrigger(CronTrigger):  # type: ignore[misc]
    """A local time that names its hour fires once on every local day.

    Where the clock goes back, the hour that comes twice counts once: its first pass. Where the clock goes forward, a
    time in the hour that is left out fires right after, as far into the next hour as it was into the one left out.
    A trigger for every hour (``hour='*'``) follows elapsed time instead, and fires in both passes.
    """

    def __init__(self, *, start_date: datetime | None = None, **given: Any) -> None:
        super().__init__(**given)
        self._start = start_date

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        if self._start is not None:
            now = max(now, self._start)
        found = super().get_next_fire_time(previous_fire_time, now)
        if self.follows_elapsed_time:
            return cast("datetime | None", found)
        while found is not None and _is_second_pass(found):
            # In UTC: within one zone, Python's arithmetic forgets which of the two passes it was in.
            found = super().get_next_fire_time(None, found.astimezone(UTC) + timedelta(microseconds=1))
        candidates = (found, self._next_shown(found), self._next_left_out(now))
        return min((moment for moment in candidates if moment is not None), key=datetime.timestamp, default=None)

    def _next_shown(self, found: datetime | None) -> datetime | None:
        """The next of the times that the clock does show. Where it goes forward within an hour, this one may be due
        before those of that hour that are left out."""
        while found is not None and _is_left_out(found):
            found = super().get_next_fire_time(None, found + timedelta(seconds=1))
        return found

    def _next_left_out(self, now: datetime) -> datetime | None:
        """The next of the times that the clock left out when it last went forward: ``now`` may lie between them."""
        local = datetime_ceil(now).astimezone(self.timezone)
        wall = local - _step_forward(local)
        if not _is_left_out(wall):
            return None
        found = super().get_next_fire_time(None, wall)
        return found if found is not None and _is_left_out(found) else None

    def _increment_field_value(self, dateval: datetime, fieldnum: int) -> tuple[datetime, int]:
        """On to the start of the next minute, hour, day, … by the clock on the wall, through what it leaves out, too.

        APScheduler adds the elapsed time of a day without a change of the clock: where the clock went forward that is
        an hour further, and what is due in this hour would be passed over.
        """
        moved, incremented = super()._increment_field_value(dateval, fieldnum)
        before, after = dateval.astimezone(UTC), moved.astimezone(UTC)
        start = (dateval.replace(tzinfo=None) + (after - before)).replace(tzinfo=self.timezone)
        by_the_wall = _is_left_out(dateval) or before < start.astimezone(UTC) <= after
        return (start if by_the_wall else moved), incremented

    @property
    def follows_elapsed_time(self) -> bool:
        """Every hour is as good as another."""
        return any(field.name == "hour" and str(field) == "*" for field in self.fields)


def _is_second_pass(moment: datetime) -> bool:
    """Whether the same wall time was an hour (or so) ago already."""
    return moment.fold == 1 and moment.utcoffset() != moment.replace(fold=0).utcoffset() and _exists_twice(moment)


def _exists_twice(moment: datetime) -> bool:
    first, second = _both_offsets(moment)
    return first > second


def _is_left_out(moment: datetime) -> bool:
    """Whether the clock on the wall never shows that time."""
    first, second = _both_offsets(moment)
    return first < second


def _both_offsets(moment: datetime) -> tuple[timedelta, timedelta]:
    return _offset(moment.replace(fold=0)), _offset(moment.replace(fold=1))


def _step_forward(moment: datetime) -> timedelta:
    """How much the clock went forward within the day before."""
    before = (moment.astimezone(UTC) - timedelta(days=1)).astimezone(moment.tzinfo)
    return max(_offset(moment) - _offset(before), timedelta())


def _offset(moment: datetime) -> timedelta:
    return cast("timedelta", moment.utcoffset())
