"""How long a worker process is kept before it is replaced by a fresh one."""

from __future__ import annotations

from dataclasses import dataclass

from .memory import resident_bytes


@dataclass(frozen=True)
class Lifespan:
    """Zero: without end."""

    jobs: int = 0
    memory_bytes: int = 0

    def is_over(self, jobs_done: int) -> bool:
        """Whether it has done its share, or grown too large."""
        if self.jobs and jobs_done >= self.jobs:
            return True
        return bool(self.memory_bytes) and resident_bytes() > self.memory_bytes


ENDLESS = Lifespan()
