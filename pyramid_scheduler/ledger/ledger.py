"""The ledger wing's door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ..core.clock import Clock
from ..core.errors import LedgerUnavailable
from ..core.interfaces import Cancellations, History, ParkedMessages, Presence, Runs, Schedules
from ..core.run import RunState
from ..database import Database
from . import schema
from .cancellations import SqlCancellations
from .due import SqlRuns
from .history import SqlHistory
from .parked import SqlParkedMessages
from .presence import SqlPresence
from .schedules import SqlSchedules
from .statements import delete_old
from .tables import cancellation, outcome, parked, restart, run, worker

#: Failures outlive successes by this factor; what could not be read is never pruned.
FAILURES_KEPT_LONGER = 30
#: A run that is not settled is open for so long at least. Its message may have been purged, or run by somebody who
#: writes nothing here: counted for ever, it would keep a job with ``max_instances`` from running again.
OPEN_RUN_SECONDS = 86400.0


def open_ledger(url: str, clock: Clock, *, embedded: bool) -> SqlLedger:
    """The ledger in the database at ``url``. ``embedded``: it makes and upgrades its tables by itself.

    On a server the tables are made by ``pscheduler db upgrade``, once, by somebody who may; until then ``open``
    raises SchemaMismatch, which says so.
    """
    return SqlLedger(Database(url, LedgerUnavailable), url, clock, embedded=embedded)


class SqlLedger:
    """Schedules, runs, outcomes, cancellations, parked messages and live workers, in one database."""

    def __init__(self, database: Database, url: str, clock: Clock, *, embedded: bool) -> None:
        self.database_url = url
        self.url = database.display
        self._database = database
        self._clock = clock
        self._embedded = embedded
        self._schedules = SqlSchedules(database, clock)
        self.schedules: Schedules = self._schedules
        self.runs: Runs = SqlRuns(database, clock)
        self.history: History = SqlHistory(database, self._schedules, clock)
        self._cancellations = SqlCancellations(database, clock)
        self.cancellations: Cancellations = self._cancellations
        self.parked: ParkedMessages = SqlParkedMessages(database)
        self.presence: Presence = SqlPresence(database, clock)

    def open(self) -> None:
        """Raises LedgerUnavailable, or SchemaMismatch where the tables are not ours."""
        if self._embedded and schema.current(self._database) in (None, *schema.KNOWN[:-1]):
            schema.upgrade(self._database)
        schema.check(self._database)

    def upgrade(self) -> str:
        return schema.upgrade(self._database)

    def version(self) -> str | None:
        return schema.current(self._database)

    def prune(self, history_seconds: float) -> Mapping[str, int]:
        """Drop what is outdated, in bounded batches; returns how many rows, by table."""
        now = self._clock.time()
        old = now - history_seconds
        failures = sa.and_(
            parked.c.parked_at < now - history_seconds * FAILURES_KEPT_LONGER, parked.c.state == str(RunState.FAILED)
        )
        settled = sa.and_(run.c.fired_at < old, sa.or_(run.c.settled_at < old, run.c.schedule_id.is_(None)))
        lost = run.c.fired_at < min(old, now - OPEN_RUN_SECONDS)
        outdated: list[tuple[sa.Table, Any]] = [
            (outcome, outcome.c.started_at + outcome.c.runtime_seconds < old),
            (run, sa.or_(settled, sa.and_(lost, run.c.settled_at.is_(None)))),
            (restart, restart.c.at < old),
            (cancellation, cancellation.c.until < now),
            (worker, worker.c.beat_at < old),
            (parked, failures),
        ]
        return {table.name: self._prune(table, condition) for table, condition in outdated}

    def _prune(self, table: sa.Table, condition: Any) -> int:
        total = 0
        while count := self._database.write(lambda connection: delete_old(connection, table, condition)):
            total += count
        return total

    def close(self) -> None:
        self._schedules.close()
        self._database.close()
