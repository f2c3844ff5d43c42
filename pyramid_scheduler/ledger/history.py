"""What came of runs: written behind, in batches, before the acks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..core.clock import Clock
from ..core.interfaces import Stored
from ..core.run import TERMINAL, Parked, Record
from ..core.schedule import Schedule
from ..database import Database
from .rows import parked_row, record_of, record_row
from .schedules import SqlSchedules
from .statements import chunks, upsert
from .tables import outcome, restart, run
from .tables import parked as parked_table
from .text import key

_TERMINAL = [str(state) for state in TERMINAL]


class SqlHistory:
    """The History port."""

    def __init__(self, database: Database, schedules: SqlSchedules, clock: Clock) -> None:
        self._database = database
        self._schedules = schedules
        self._clock = clock

    def settle(
        self,
        records: Sequence[Record],
        parked: Sequence[Parked],
        later: Sequence[Schedule],
        stored: Stored = lambda schedule, addition: None,
    ) -> None:
        """Write all of it in one transaction. Of runs with one id, as an id may be used again, the last counts."""

        def work(connection: Connection) -> None:
            self._settle(connection, records, parked)
            if later:
                for schedule, addition in zip(later, self._schedules.add_within(connection, later), strict=True):
                    stored(schedule, addition)

        if records or parked or later:
            self._database.write(work)

    def _settle(self, connection: Connection, records: Sequence[Record], parked: Sequence[Parked]) -> None:
        upsert(connection, parked_table, [parked_row(one) for one in parked])
        upsert(connection, outcome, [record_row(record) for record in records])
        timed = [record.run_id for record in records if record.state in _TERMINAL and record.due_at is not None]
        self._close_runs(connection, [*timed, *(one.id for one in parked)])  # what cannot be trusted leaves no record

    def _close_runs(self, connection: Connection, run_ids: Sequence[str]) -> None:
        for some in chunks([key(run_id) for run_id in run_ids]):
            connection.execute(run.update().where(run.c.run_id.in_(some)).values(settled_at=self._clock.time()))

    def outcome(self, run_id: str) -> Record | None:
        """The terminal outcome of a run, if it has one; of several runs that had this id, of the last."""
        query = sa.select(outcome).where(outcome.c.run_id == key(run_id), outcome.c.state.in_(_TERMINAL))
        row = self._database.read(lambda c: c.execute(query.order_by(outcome.c.started_at.desc())).first())
        return None if row is None else record_of(row)

    def is_done(self, run_id: str, retries: int, since: float) -> bool:
        where = outcome.c.run_id == key(run_id), outcome.c.retries >= retries, outcome.c.started_at >= since
        return self._database.read(lambda c: c.execute(sa.select(outcome.c.run_id).where(*where)).first()) is not None

    def find(self, job_id: str | None = None, state: str | None = None, limit: int = 100) -> list[Record]:
        """Outcomes, newest first."""
        query = sa.select(outcome).order_by(outcome.c.started_at.desc()).limit(limit)
        if job_id is not None:
            query = query.where(outcome.c.job_id == key(job_id))
        if state is not None:
            query = query.where(outcome.c.state == state)
        return [record_of(row) for row in self._database.read(lambda c: c.execute(query).all())]

    def counts(self) -> Mapping[str, int]:
        query = sa.select(outcome.c.state, sa.func.count()).group_by(outcome.c.state)
        return {row[0]: row[1] for row in self._database.read(lambda c: c.execute(query).all())}

    def begin_again(self, run_id: str, since: float) -> int:
        """Count one more start of a redelivered run; returns how many were counted before."""

        def work(connection: Connection) -> int:
            where = restart.c.run_id == key(run_id), restart.c.at >= since
            before = connection.execute(sa.select(restart.c.starts).where(*where).with_for_update()).scalar() or 0
            row = {"run_id": key(run_id), "starts": before + 1, "at": self._clock.time()}
            upsert(connection, restart, [row])
            return int(before)

        return self._database.write(work)
