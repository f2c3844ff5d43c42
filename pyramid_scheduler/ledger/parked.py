"""The dead letters: kept and shown until somebody decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from ..core.run import Parked
from ..database import Database
from .rows import parked_of
from .statements import chunks
from .tables import outcome, parked, restart, run
from .text import key


class SqlParkedMessages:
    """The ParkedMessages port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, limit: int = 100, queue: str | None = None) -> list[Parked]:
        """The newest first."""
        query = sa.select(parked).order_by(parked.c.parked_at.desc(), parked.c.id).limit(limit)
        if queue is not None:
            query = query.where(parked.c.queue == queue)
        return [parked_of(row) for row in self._database.read(lambda c: c.execute(query).all())]

    def ids(self, queue: str | None = None) -> list[str]:
        """Of all, or all of that queue, the newest first."""
        query = sa.select(parked.c.id).order_by(parked.c.parked_at.desc(), parked.c.id)
        if queue is not None:
            query = query.where(parked.c.queue == queue)
        return [row[0] for row in self._database.read(lambda c: c.execute(query).all())]

    def get(self, parked_id: str) -> Parked | None:
        query = sa.select(parked).where(parked.c.id == key(parked_id))
        row = self._database.read(lambda c: c.execute(query).first())
        return None if row is None else parked_of(row)

    @contextmanager
    def take(self, parked_id: str) -> Iterator[tuple[Parked, Any] | None]:
        """Yield (message, connection), or None; at the context's good end it is no longer kept, and its run is open
        again: its outcome and its count of restarts are forgotten, so that it may run as if for the first time."""
        id_ = key(parked_id)
        with self._database.transaction() as connection:
            row = connection.execute(sa.select(parked).where(parked.c.id == id_).with_for_update()).first()
            if row is None:
                yield None
                return
            yield parked_of(row), connection
            connection.execute(parked.delete().where(parked.c.id == id_))
            connection.execute(outcome.delete().where(outcome.c.run_id == id_))
            connection.execute(restart.delete().where(restart.c.run_id == id_))
            connection.execute(run.update().where(run.c.run_id == id_).values(settled_at=None))

    def delete(self, ids: Iterable[str]) -> int:
        statements = [parked.delete().where(parked.c.id.in_(some)) for some in chunks([key(one) for one in ids])]
        return self._database.write(lambda c: sum(int(c.execute(statement).rowcount) for statement in statements))
