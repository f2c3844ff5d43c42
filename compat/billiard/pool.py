"""Billiard's worker process, for those who wrap it."""

from __future__ import annotations

from typing import Any

EX_OK = 0


class Worker:
    """Runs nothing. Who wraps a method to do something at the end of a worker process has it done then."""

    def workloop(self, debug: Any = None, now: Any = None, pid: int | None = None) -> int:
        """Called once, after the last task, as compat's worker processes end."""
        return EX_OK

    def _do_exit(self, pid: int, exitcode: int, shutdown: Any = None) -> None:
        """Called after that; the process ends by itself."""
