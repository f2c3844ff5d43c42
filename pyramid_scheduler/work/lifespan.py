"""How long a worker process is kept before it is replaced by a fresh one."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from .memory import resident_bytes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lifespan:
    """Zero: without end."""

    jobs: int = 0
    memory_bytes: int = 0

    def begin(self) -> None:
        """Before its first job."""
        if self._is_grown:
            log.warning(
                "a worker process takes more memory before its first job (%d MiB) than scheduler.worker.max_memory"
                " allows (%d MiB), so that each is replaced after one job: allow more",
                resident_bytes() >> 20,
                self.memory_bytes >> 20,
            )

    def is_over(self, jobs_done: int) -> bool:
        """Whether it has done its share, or grown too large. Its successor would be no smaller than it was at first."""
        if not jobs_done:
            return False
        return (bool(self.jobs) and jobs_done >= self.jobs) or self._is_grown

    @property
    def _is_grown(self) -> bool:
        return bool(self.memory_bytes) and resident_bytes() > self.memory_bytes


ENDLESS = Lifespan()
