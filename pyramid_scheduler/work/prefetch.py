"""How much work to hold: enough that short jobs never wait for the broker, little enough that long ones wait for us."""

from __future__ import annotations

BUFFERED_SECONDS = 0.1
MOST = 1000


class Prefetch:
    """Follows the measured run time: what is buffered should keep the threads busy for a tenth of a second."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._mean_seconds = BUFFERED_SECONDS

    def observe(self, seconds: float) -> None:
        """One more run; the mean forgets the old ones by and by, and long ones at once."""
        if seconds > BUFFERED_SECONDS:
            self._mean_seconds = seconds
        else:
            self._mean_seconds += (seconds - self._mean_seconds) * 0.1

    @property
    def extra(self) -> int:
        """How many runs to hold beyond those that the threads are busy with."""
        if self._mean_seconds >= BUFFERED_SECONDS * 2:
            return 0
        return min(MOST, int(self._threads * BUFFERED_SECONDS / max(self._mean_seconds, 1e-6)))
