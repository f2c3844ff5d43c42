"""What remote control calls the pool."""

from __future__ import annotations

import os
from typing import Any


class BasePool:
    """How many tasks may run at a time."""

    def __init__(self, limit: int | None = None, **options: Any) -> None:
        self.limit = limit
        self.options = options

    def grow(self, n: int = 1) -> None:
        self.limit = (self.limit or 0) + n

    def shrink(self, n: int = 1) -> None:
        self.limit = max(1, (self.limit or 1) - n)

    @property
    def num_processes(self) -> int | None:
        return self.limit

    @property
    def info(self) -> dict[str, Any]:
        return {
            "implementation": "pyramid_scheduler",
            "max-concurrency": self.limit,
            "processes": [os.getpid()],
            "max-tasks-per-child": "N/A",
            "put-guarded-by-semaphore": False,
            "timeouts": [],
            "writes": "N/A",
        }
