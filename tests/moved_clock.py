"""The time as a test wants it."""

from __future__ import annotations

from pyramid_scheduler.core.clock import SystemClock


class MovedClock(SystemClock):
    """Ahead of the machine's by so many seconds."""

    def __init__(self, ahead_seconds: float = 0.0) -> None:
        self.ahead_seconds = ahead_seconds

    def time(self) -> float:
        return SystemClock.time() + self.ahead_seconds

    def monotonic(self) -> float:
        return SystemClock.monotonic() + self.ahead_seconds
