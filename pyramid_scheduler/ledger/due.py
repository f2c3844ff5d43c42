"""Due schedules in the hands of one timekeeper, and the claims of their fires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..core.clock import Clock
from ..core.schedule import Advance, Fire, Schedule, ScheduleState
from ..database import Database
from .statements import chunks, insert_new
from .tables import TOKEN_LENGTH, run, schedule
from .text import key

_ADVANCE = sa.text("UPDATE ps_schedule SET next_fire_at = :next, due_at = :due, last_fire_at = :last WHERE id = :id")
_ADVANCE_STATE = sa.text(
    "UPDATE ps_schedule SET next_fire_at = :next, due_at = :due, last_fire_at = :last, state = :state WHERE id = :id"
)


class SqlDueBatch:
    """Rows locked in an open transaction."""

    def __init__(self, connection: Connection, schedules: Sequence[Schedule], clock: Clock) -> None:
        self.connection = connection
        self.schedules = schedules
        self._clock = clock

    def open_runs(self, schedule_ids: Sequence[str]) -> Mapping[str, int]:
        """How many runs of each of these schedules were fired and are not settled."""
        counts: dict[str, int] = {}
        for some in chunks([key(one) for one in schedule_ids]):
            query = sa.select(run.c.schedule_id, sa.func.count()).where(run.c.schedule_id.in_(some))
            rows = self.connection.execute(query.where(run.c.settled_at.is_(None)).group_by(run.c.schedule_id))
            counts.update((row[0], row[1]) for row in rows)
        return counts

    def write(self, advances: Sequence[Advance], fires: Sequence[Fire], removals: Sequence[str]) -> None:
        """Advance rows, remember the fires, delete rows. An advance to None ends its schedule."""
        going = [one for one in advances if one.next_fire_at is not None and one.state is None]
        if going:
            self.connection.execute(_ADVANCE, [self._parameters(one) for one in going])
        others = [one for one in advances if one.next_fire_at is None or one.state is not None]
        if others:
            self.connection.execute(_ADVANCE_STATE, [self._with_state(one) for one in others])
        now = self._clock.time()
        rows = [{"run_id": key(f.run_id), "schedule_id": key(f.schedule_id), "fired_at": now} for f in fires]
        insert_new(self.connection, run, rows)
        for some in chunks([key(one) for one in removals]):
            self.connection.execute(schedule.delete().where(schedule.c.id.in_(some)))

    def forget_runs(self, schedule_ids: Sequence[str], since: float) -> None:
        for some in chunks([key(one) for one in schedule_ids]):
            settled = sa.and_(run.c.schedule_id.in_(some), run.c.settled_at.is_not(None))
            self.connection.execute(run.delete().where(settled, run.c.fired_at > since))

    @staticmethod
    def _parameters(advance: Advance) -> dict[str, Any]:
        return {
            "id": key(advance.schedule_id),
            "next": advance.next_fire_at,
            "due": advance.due_at,
            "last": advance.last_fire_at,
        }

    def _with_state(self, advance: Advance) -> dict[str, Any]:
        next_fire_at = self._clock.time() if advance.next_fire_at is None else advance.next_fire_at
        state = str(advance.state or ScheduleState.ENDED)
        return {**self._parameters(advance), "next": next_fire_at, "state": state}


class SqlRuns:
    """The Runs port: of several publications of one fire, the first to be taken runs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def claim(self, fires: Sequence[tuple[str, str]]) -> set[str]:
        """Given (run id, token) pairs, return the tokens that may run; a token that may, may again."""
        return self._database.write(lambda connection: self._claim(connection, fires)) if fires else set()

    def _claim(self, connection: Connection, fires: Sequence[tuple[str, str]]) -> set[str]:
        wanted = {key(run_id): _token(token) for run_id, token in sorted(fires, reverse=True)}
        now = self._clock.time()
        insert_new(connection, run, [{"run_id": r, "token": t, "fired_at": now} for r, t in sorted(wanted.items())])
        take = run.update().where(run.c.run_id == sa.bindparam("r"), run.c.token.is_(None))
        connection.execute(take.values(token=sa.bindparam("t")), [{"r": r, "t": t} for r, t in sorted(wanted.items())])
        holders: dict[str, str] = {}
        for some in chunks(list(wanted)):
            query = sa.select(run.c.run_id, run.c.token).where(run.c.run_id.in_(some))
            holders.update((row[0], row[1]) for row in connection.execute(query))
        return {token for run_id, token in fires if holders.get(key(run_id)) == _token(token)}


def _token(text: str) -> str:
    """As its column has it."""
    return key(text, TOKEN_LENGTH)
