"""APScheduler's cron trigger, exact on the days when the clock is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from apscheduler.triggers.cron import CronTrigger

_HOUR = CronTrigger.FIELD_NAMES.index("hour")


class LocalCronTrigger(CronTrigger):  # type: ignore[misc]
    """A local time that names its hour fires once on every local day.

    Where the clock goes back, the hour that comes twice counts once: its first pass. Where the clock goes forward, a
    time in the hour that is left out fires right after, as far into the next hour as it was into the one left out.
    A trigger for every hour (``hour='*'``) follows elapsed time instead, and fires in both passes.
    """

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        found = super().get_next_fire_time(previous_fire_time, now)
        while found is not None and not self._every_hour and _is_second_pass(found):
            # In UTC: within one zone, Python's arithmetic forgets which of the two passes it was in.
            found = super().get_next_fire_time(None, found.astimezone(UTC) + timedelta(microseconds=1))
        return cast("datetime | None", found)

    def _increment_field_value(self, dateval: datetime, fieldnum: int) -> tuple[datetime, int]:
        """Where a day (or month, or year) is over, on to the start of the next by the clock on the wall.

        APScheduler adds the elapsed time of a day without a change of the clock: where the clock went forward that is
        an hour into the next day, and what is due in this hour would be passed over.
        """
        moved, incremented = super()._increment_field_value(dateval, fieldnum)
        if incremented >= _HOUR:
            return moved, incremented
        before, after = dateval.astimezone(UTC), moved.astimezone(UTC)
        start = (dateval.replace(tzinfo=None) + (after - before)).replace(tzinfo=self.timezone)
        return (start if before < start.astimezone(UTC) <= after else moved), incremented

    @property
    def _every_hour(self) -> bool:
        return any(field.name == "hour" and str(field) == "*" for field in self.fields)


def _is_second_pass(moment: datetime) -> bool:
    """Whether the same wall time was an hour (or so) ago already."""
    return moment.fold == 1 and moment.utcoffset() != moment.replace(fold=0).utcoffset() and _exists_twice(moment)


def _exists_twice(moment: datetime) -> bool:
    first: Any = moment.replace(fold=0).utcoffset()
    second: Any = moment.replace(fold=1).utcoffset()
    return bool(first > second)
