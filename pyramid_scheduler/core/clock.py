"""Time, injected: wall time to say when, monotonic time to say how long."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where every part of the project reads the time."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""

    def time(self) -> float:
        """The wall time in seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that only grow; for durations and deadlines."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    # Without a method around them: every job asks half a dozen times.
    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
