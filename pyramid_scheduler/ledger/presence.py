"""Which workers live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from ..core.clock import Clock
from ..core.run import LiveWorker
from ..database import Database
from .statements import upsert
from .tables import worker
from .text import key, plain

LIVE_SECONDS = 30.0


class SqlPresence:
    """The Presence port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def beat(self, workers: Sequence[LiveWorker]) -> None:
        now = self._clock.time()
        rows = [
            {"name": key(w.name), "role": w.role, "queues": plain(" ".join(w.queues)), "since": w.since, "beat_at": now}
            for w in sorted(workers, key=lambda w: w.name)
        ]
        if rows:
            self._database.write(lambda connection: upsert(connection, worker, rows))

    def leave(self, names: Iterable[str]) -> None:
        where = worker.c.name.in_([key(name) for name in names])
        self._database.write(lambda connection: connection.execute(worker.delete().where(where)))

    def find(self) -> list[LiveWorker]:
        query = sa.select(worker).where(worker.c.beat_at > self._clock.time() - LIVE_SECONDS).order_by(worker.c.name)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [LiveWorker(row.name, tuple(row.queues.split()), row.role, row.since) for row in rows]
