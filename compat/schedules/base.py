"""What every schedule has: an app, its zone, and a clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import cached_property
from typing import Any, NamedTuple

from .._state import current_app
from ..utils.time import maybe_make_aware, timezone


class schedstate(NamedTuple):
    """Whether the task is due now, and in how many seconds to look again."""

    is_due: bool
    next: float


class BaseSchedule:
    """``is_due(last_run_at)`` says whether it is time; ``nowfun`` stands in for ``app.now``."""

    def __init__(self, nowfun: Callable[[], datetime] | None = None, app: Any = None) -> None:
        self.nowfun = nowfun
        self._app = app

    def now(self) -> datetime:
        return (self.nowfun or self.app.now)()

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        """Time until the run after ``last_run_at``; negative when it is late."""
        raise NotImplementedError

    def is_due(self, last_run_at: datetime) -> schedstate:
        raise NotImplementedError

    def maybe_make_aware(self, dt: datetime, naive_as_utc: bool = True) -> datetime:
        return maybe_make_aware(dt, self.tz, naive_as_utc=naive_as_utc)

    @property
    def app(self) -> Any:
        return self._app or current_app._get_current_object()

    @app.setter
    def app(self, app: Any) -> None:
        self._app = app

    @cached_property
    def tz(self) -> tzinfo:
        return self.app.timezone  # type: ignore[no-any-return]

    @cached_property
    def utc_enabled(self) -> bool:
        return self.app.conf.enable_utc  # type: ignore[no-any-return]

    def to_local(self, dt: datetime) -> datetime:
        return dt if self.utc_enabled else timezone.to_local_fallback(dt)

    def _seconds_left(self, last_run_at: datetime) -> float:
        return max(self.remaining_estimate(last_run_at).total_seconds(), 0)

    def __eq__(self, other: object) -> bool:
        return other.nowfun == self.nowfun if isinstance(other, BaseSchedule) else NotImplemented

    __hash__ = None  # type: ignore[assignment]
