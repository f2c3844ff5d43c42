"""Rate limits: when the runs of a task may start."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from pyramid_scheduler.api import Outcome, Run, RunState, Schedule

from ..exceptions import ImproperlyConfigured
from ..utils.log import get_logger
from ..utils.time import rate

logger = get_logger("celery.worker.strategy")

#: Header of a message that has a turn of its own: at this time (epoch seconds).
TURN = "ps-turn"
#: A turn as near as this is waited for; any other in the ledger, so that nobody waits behind it.
NEAR_SECONDS = 0.1


class Turns:
    """Of one process: each run that comes is given the next free moment of its task, and keeps it wherever it runs."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._free_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def gate(self, task: Any) -> Callable[[Run], Outcome | None] | None:
        """What lets the runs of that task through, as its ``rate_limit`` is now; None where it has none."""
        if self._app.conf.worker_disable_rate_limits:
            return None
        try:
            seconds = _seconds_between(task)
        except ImproperlyConfigured as error:  # set since the worker started; its messages are as good as ever
            logger.error("%s; it runs without", error)
            return None
        return (lambda run: None if TURN in run.headers else self._wait(run, seconds)) if seconds else None

    def _wait(self, run: Run, seconds: float) -> Outcome | None:
        scheduler = self._app.pipeline.scheduler
        left = self._take(run.task, seconds, scheduler.clock.monotonic())
        if left > NEAR_SECONDS:
            now = scheduler.clock.time()
            at = now + left
            message = scheduler.sealer.reseal(run.delivery.message(), **{"id": run.id, TURN: at})
            return Outcome(RunState.IGNORED, later=(Schedule.once(message, at, now),))
        time.sleep(left)
        return None

    def _take(self, name: str, seconds: float, now: float) -> float:
        """In how many seconds; of the steady clock, as the other may be put back."""
        with self._lock:
            at = max(self._free_at.get(name, now), now)
            self._free_at[name] = at + seconds
            return at - now


def check_rates(app: Any) -> None:
    """Raises ImproperlyConfigured for a limit that cannot be read, as each message of its task would otherwise."""
    if not app.conf.worker_disable_rate_limits:
        for task in list(app.tasks.values()):
            _seconds_between(task)


def _seconds_between(task: Any) -> float:
    """Between the starts of two runs; 0 where there is no limit."""
    limit = task.rate_limit
    try:
        per_second = float(rate(limit))
        if math.isnan(per_second):
            raise ValueError("it is no number")
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ImproperlyConfigured(
            f"the rate_limit of task {task.name} (its own, or task_default_rate_limit, or task_annotations) cannot be"
            f" read: {limit!r}; write it as '5/s', '100/m' or '2/h'"
        ) from error
    return 1 / per_second if per_second > 0 else 0.0
