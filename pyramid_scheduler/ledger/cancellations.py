"""Cancelled jobs: rows, so they outlive restarts; remembered here, so that asking is cheap."""

from __future__ import annotations

import threading

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..core.clock import Clock
from ..core.schedule import ScheduleState
from ..database import Database, Prepared
from .schedules import announce
from .tables import cancellation, schedule
from .text import key

FRESH_SECONDS = 0.05
LIFETIME_SECONDS = 7 * 86400.0
#: Rows are numbered when inserted and seen when committed: so many of the last are read again each time.
OVERLAP = 200

_COLUMNS = (cancellation.c.job_id, cancellation.c.canceled_at, cancellation.c.seq)
_SINCE = sa.select(*_COLUMNS).where(cancellation.c.seq > sa.bindparam("seen"))


class SqlCancellations:
    """The Cancellations port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._canceled: dict[str, float] = {}
        self._seen = 0
        self._read_at = float("-inf")
        self._since = Prepared(database, _SINCE)

    def add(self, job_id: str, until: float | None = None) -> bool:
        """Cancel the job; a stored schedule of that id becomes ``canceled`` at once. Returns whether there was one."""
        now = self._clock.time()
        row = {"job_id": key(job_id), "canceled_at": now, "until": until or now + LIFETIME_SECONDS}
        alive = [str(ScheduleState.ACTIVE), str(ScheduleState.PAUSED)]
        end = schedule.update().where(schedule.c.id == key(job_id), schedule.c.state.in_(alive))

        def work(connection: Connection) -> bool:
            connection.execute(cancellation.insert(), row)
            announce(connection)
            values = {"state": str(ScheduleState.CANCELED), "next_fire_at": now}
            return connection.execute(end.values(**values)).rowcount > 0

        return self._database.write(work)

    def covers(self, job_id: str, created_at: float = 0.0) -> bool:
        if self._clock.monotonic() - self._read_at > FRESH_SECONDS:
            self._read()
        canceled_at = self._canceled.get(job_id)
        return canceled_at is not None and canceled_at >= created_at

    def _read(self) -> None:
        with self._lock:
            started, seen = self._clock.monotonic(), {"seen": self._seen - OVERLAP}
            for job_id, canceled_at, seq in self._since.rows(seen):
                self._canceled[job_id] = max(canceled_at, self._canceled.get(job_id, 0.0))
                self._seen = max(self._seen, seq)
            self._read_at = started
