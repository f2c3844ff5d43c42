"""Exceptions that other threads raise in a job's thread, which may come at any step, its last ones included."""

from __future__ import annotations

from collections.abc import Callable

from ..core.errors import JobTerminated, SoftTimeLimitExceeded, TimeLimitExceeded

INTERRUPTIONS = (JobTerminated, SoftTimeLimitExceeded, TimeLimitExceeded)


def finish(cleanup: Callable[[], object]) -> None:
    """Call ``cleanup``, which may be called again, until it has run to its end; then raise what came in between."""
    late: BaseException | None = None
    while True:
        try:
            cleanup()
            break
        except INTERRUPTIONS as raised:
            late = raised
    if late is not None:
        raise late
