"""Rate limits: when the runs of a task may start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from pyramid_scheduler.api import Outcome, Run, RunState, Schedule

from ..utils.time import rate

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
        per_second = rate(task.rate_limit)
        if not per_second or self._app.conf.worker_disable_rate_limits:
            return None
        return lambda run: None if TURN in run.headers else self._wait(run, 1 / per_second)

    def _wait(self, run: Run, seconds: float) -> Outcome | None:
        scheduler = self._app.pipeline.scheduler
        now = scheduler.clock.time()
        at = self._take(run.task, seconds, now)
        if at - now > NEAR_SECONDS:
            message = scheduler.sealer.reseal(run.delivery.message(), **{"id": run.id, TURN: at})
            return Outcome(RunState.IGNORED, later=(Schedule.once(message, at, now),))
        time.sleep(max(at - now, 0))
        return None

    def _take(self, name: str, seconds: float, now: float) -> float:
        with self._lock:
            at = max(self._free_at.get(name, now), now)
            self._free_at[name] = at + seconds
            return at
