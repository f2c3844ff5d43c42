"""Every so often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ..utils.time import humanize_seconds, maybe_timedelta, remaining
from .base import BaseSchedule, schedstate


class schedule(BaseSchedule):
    """Every ``run_every`` (seconds or a timedelta) after the last run; ``relative``: at round times of the clock."""

    relative = False

    def __init__(
        self,
        run_every: Any = None,
        relative: bool = False,
        nowfun: Callable[[], datetime] | None = None,
        app: Any = None,
    ) -> None:
        self.run_every: timedelta = maybe_timedelta(run_every)
        self.relative = relative
        super().__init__(nowfun=nowfun, app=app)

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        start, now = self.maybe_make_aware(last_run_at), self.maybe_make_aware(self.now())
        return remaining(start, self.run_every, now, self.relative)

    def is_due(self, last_run_at: datetime) -> schedstate:
        """``(True, 20.0)``: run now and look again in 20 s; ``(False, 12.3)``: look again in 12.3 s."""
        last_run_at = self.maybe_make_aware(last_run_at)
        seconds = self._seconds_left(last_run_at)
        if seconds > 0:
            return schedstate(False, seconds)
        return schedstate(True, self._seconds_to_round_time(last_run_at) if self.relative else self.seconds)

    def _seconds_to_round_time(self, last_run_at: datetime) -> float:
        """A late run or a change of clocks moves the next round time: it is not always one interval away."""
        now = self.maybe_make_aware(self.now()).astimezone(last_run_at.tzinfo)
        return self._seconds_left(now) or self.seconds

    def __repr__(self) -> str:
        return f"<freq: {self.human_seconds}>"

    def __eq__(self, other: object) -> bool:
        return self.run_every == (other.run_every if isinstance(other, schedule) else other)

    __hash__ = None

    def __reduce__(self) -> Any:
        return type(self), (self.run_every, self.relative, self.nowfun)

    @property
    def seconds(self) -> float:
        return max(self.run_every.total_seconds(), 0)

    @property
    def human_seconds(self) -> str:
        return humanize_seconds(self.seconds)


def maybe_schedule(s: Any, relative: bool = False, app: Any = None) -> Any:
    """Seconds and timedeltas as a ``schedule``; schedules as they are, bound to ``app``; None as None."""
    if s is None:
        return None
    if isinstance(s, (int, float, timedelta)):
        return schedule(maybe_timedelta(s), relative, app=app)
    s.app = app
    return s
