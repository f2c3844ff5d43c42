"""How long to wait before something is tried again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Backoff:
    """Twice as long after each failure as after the one before, between two bounds in seconds."""

    first: float
    longest: float
    failures: int = 0  # in a row

    def fail(self) -> float:
        """One more failure; returns how long to wait."""
        seconds = min(self.first * 2.0 ** min(self.failures, 64), self.longest)
        self.failures += 1
        return seconds

    def reset(self) -> None:
        """It went well."""
        self.failures = 0
