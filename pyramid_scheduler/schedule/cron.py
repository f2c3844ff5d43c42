"""APScheduler's cron trigger, exact on the days when the clock is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from apscheduler.triggers.cron import CronTrigger


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
