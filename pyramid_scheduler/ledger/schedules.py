"""Stored schedules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..core.clock import Clock
from ..core.kind import JobKind
from ..core.schedule import Addition, Schedule, ScheduleState
from ..core.waking import WakePipe
from ..database import Database, Watcher, watch
from .due import SqlDueBatch
from .rows import schedule_of, schedule_row
from .statements import chunks, insert_new
from .tables import cancellation, run, schedule
from .text import key

CHANNEL = "ps_ledger"
#: Rows that are read at once where all are wanted, some 6 kB each.
PAGE = 2000


class SqlSchedules:
    """The Schedules port. Changes are announced, so that sleeping timekeepers look again."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._pipe = WakePipe()
        self._watcher: Watcher | None = None

    def add(self, schedules: Sequence[Schedule]) -> list[Addition]:
        """Store all, in one transaction; see Addition for what may become of each."""
        return self._database.write(lambda connection: self.add_within(connection, schedules))

    def add_within(self, connection: Connection, schedules: Sequence[Schedule]) -> list[Addition]:
        ids = [key(one.id) for one in schedules]
        stored, canceled = self._stored(connection, ids), self._canceled(connection, ids)
        additions = [self._add(connection, one, stored, canceled) for one in schedules]
        announce(connection)
        return additions

    def _stored(self, connection: Connection, ids: Sequence[str]) -> dict[str, Schedule]:
        found: dict[str, Schedule] = {}
        for some in chunks(ids):
            rows = connection.execute(sa.select(schedule).where(schedule.c.id.in_(some)).with_for_update())
            found.update((row.id, schedule_of(row)) for row in rows)
        return found

    def _canceled(self, connection: Connection, ids: Sequence[str]) -> dict[str, float]:
        found: dict[str, float] = {}
        for some in chunks(ids):
            query = sa.select(cancellation.c.job_id, sa.func.max(cancellation.c.canceled_at))
            where = cancellation.c.job_id.in_(some)
            found.update(
                (row[0], row[1]) for row in connection.execute(query.where(where).group_by(cancellation.c.job_id))
            )
        return found

    def _add(
        self, connection: Connection, new: Schedule, stored: dict[str, Schedule], canceled: dict[str, float]
    ) -> Addition:
        id_ = key(new.id)
        if canceled.get(id_, float("-inf")) >= new.created_at:
            return Addition.CANCELED
        old = stored.get(id_)
        if old is None or old.state in (ScheduleState.CANCELED, ScheduleState.ENDED):
            if old is not None:
                connection.execute(schedule.delete().where(schedule.c.id == id_))
            if insert_new(connection, schedule, [schedule_row(new)]):
                stored[id_] = new
                return Addition.CREATED
            # Others start at the same time, and one of them was faster: there was no row yet to be locked.
            return self._add(connection, new, self._stored(connection, [id_]), canceled)
        if _is_another_call(old, new):
            other = replace(new, id=f"{new.id}@{new.message.headers['eta']}")
            return self._add(connection, other, self._stored(connection, [key(other.id)]), canceled)
        if not new.replace_existing:
            return Addition.EXISTS
        row = schedule_row(_merged(old, new))
        connection.execute(schedule.update().where(schedule.c.id == id_), row)
        return Addition.REPLACED

    def get(self, schedule_id: str) -> Schedule | None:
        query = sa.select(schedule).where(schedule.c.id == key(schedule_id))
        row = self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else schedule_of(row)

    def find(self, queue: str | None = None, declared: bool | None = None, limit: int | None = None) -> list[Schedule]:
        query = sa.select(schedule).order_by(schedule.c.next_fire_at, schedule.c.id).limit(limit)
        if queue is not None:
            query = query.where(schedule.c.queue == queue)
        if declared is not None:
            query = query.where(schedule.c.declared == declared)
        return self._read(query)

    def each(self, queue: str | None = None) -> Iterator[Schedule]:
        last: Schedule | None = None
        while True:
            page = self._page(queue, last)
            yield from page
            if len(page) < PAGE:
                break
            last = page[-1]

    def _page(self, queue: str | None, last: Schedule | None) -> list[Schedule]:
        """The next ones after ``last``. Those that fire at no time come in the end: engines sort them differently."""
        at, id_ = schedule.c.next_fire_at, schedule.c.id
        keys = sa.select(id_) if queue is None else sa.select(id_).where(schedule.c.queue == queue)
        timed, paused = keys.where(at.is_not(None)), keys.where(at.is_(None))
        if last is not None and last.next_fire_at is not None:
            timed = timed.where(at >= last.next_fire_at, sa.or_(at > last.next_fire_at, id_ > key(last.id)))
        elif last is not None:
            return self._those(paused.where(id_ > key(last.id)), PAGE)
        found = self._those(timed, PAGE)
        return found + self._those(paused, PAGE - len(found))

    def _those(self, keys: Any, limit: int) -> list[Schedule]:
        """The first of them. Only keys are sorted, as many may have one time, and most of a row is its message."""
        at, id_ = schedule.c.next_fire_at, schedule.c.id
        found = keys.order_by(at, id_).limit(limit).subquery()
        return self._read(sa.select(schedule).join(found, found.c.id == id_).order_by(at, id_)) if limit else []

    def _read(self, query: Any) -> list[Schedule]:
        return [schedule_of(row) for row in self._database.read(lambda connection: connection.execute(query).all())]

    def pause(self, schedule_id: str) -> bool:
        """A paused row has no next fire, so the index of due rows does not hold it."""
        return self._change(schedule_id, ScheduleState.ACTIVE, ScheduleState.PAUSED, None)

    def resume(self, schedule_id: str, next_fire_at: float | None) -> bool:
        if next_fire_at is None:  # a timekeeper is to look at it now, and to remove it
            return self._change(schedule_id, ScheduleState.PAUSED, ScheduleState.ENDED, self._clock.time())
        return self._change(schedule_id, ScheduleState.PAUSED, ScheduleState.ACTIVE, next_fire_at)

    def _change(self, schedule_id: str, from_: ScheduleState, to: ScheduleState, next_fire_at: float | None) -> bool:
        """Returns whether the row is there, and in one of the two states; in the second it stays as it is."""
        row = schedule.c.id == key(schedule_id)
        change = schedule.update().where(row, schedule.c.state == str(from_))
        change = change.values(state=str(to), next_fire_at=next_fire_at, due_at=next_fire_at)

        def work(connection: Connection) -> bool:
            announce(connection)
            if connection.execute(change).rowcount:
                return True
            return connection.scalar(sa.select(schedule.c.state).where(row)) == str(to)

        return self._database.write(work)

    def remove(self, schedule_ids: Sequence[str]) -> int:
        """Delete rows at once, whatever their state."""
        where = schedule.c.id.in_([key(one) for one in schedule_ids])
        return self._database.write(lambda connection: connection.execute(schedule.delete().where(where)).rowcount)

    @contextmanager
    def due(self, now: float, limit: int) -> Iterator[SqlDueBatch]:
        """Due rows, locked until the context ends: commit at its end, rollback if it raises."""
        query = sa.select(schedule).where(schedule.c.next_fire_at <= now).order_by(schedule.c.next_fire_at).limit(limit)
        with self._database.transaction() as connection:
            rows = connection.execute(query.with_for_update(skip_locked=True)).all()
            yield SqlDueBatch(connection, [schedule_of(row) for row in rows], self._clock)

    def seconds_ahead(self, now: float) -> float:
        query = sa.select(sa.func.max(run.c.fired_at))
        last: float | None = self._database.read(lambda connection: connection.execute(query).scalar())
        return 0.0 if last is None else max(last - now, 0.0)

    @contextmanager
    def ahead(self, now: float, after: str, limit: int) -> Iterator[SqlDueBatch]:
        at = sa.func.coalesce(schedule.c.last_fire_at, schedule.c.created_at)
        recurring = schedule.c.kind.in_((str(JobKind.INTERVAL), str(JobKind.CRON)))
        query = sa.select(schedule).where(at > now, recurring, schedule.c.state == str(ScheduleState.ACTIVE))
        query = query.where(schedule.c.id > key(after)).order_by(schedule.c.id).limit(limit)
        with self._database.transaction() as connection:
            rows = connection.execute(query.with_for_update()).all()
            yield SqlDueBatch(connection, [schedule_of(row) for row in rows], self._clock)

    def hasten(self, now: float) -> None:
        over = schedule.c.state.in_((str(ScheduleState.CANCELED), str(ScheduleState.ENDED)))
        change = schedule.update().where(over, schedule.c.next_fire_at > now).values(next_fire_at=now)
        self._database.write(lambda connection: connection.execute(change))

    def next_fire_at(self) -> float | None:
        query = sa.select(sa.func.min(schedule.c.next_fire_at))
        found: float | None = self._database.read(lambda connection: connection.execute(query).scalar())
        return found

    def count(self) -> dict[str, int]:
        """How many schedules are stored, by state."""
        query = sa.select(schedule.c.state, sa.func.count()).group_by(schedule.c.state)
        return {row[0]: row[1] for row in self._database.read(lambda c: c.execute(query).all())}

    def tasks(self) -> dict[str, tuple[int, str]]:
        query = sa.select(schedule.c.task, sa.func.count(), sa.func.min(schedule.c.id)).group_by(schedule.c.task)
        return {row[0]: (row[1], row[2]) for row in self._database.read(lambda c: c.execute(query).all())}

    def wait(self, seconds: float) -> None:
        if self._watcher is None:
            self._watcher = watch(self._database, CHANNEL)
        self._watcher.wait(seconds, self._pipe.fd)
        self._pipe.drain()

    def wake(self) -> None:
        self._pipe.wake()

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None


def announce(connection: Connection) -> None:
    """Tell the sleeping timekeepers of this database, when the transaction commits."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"NOTIFY {CHANNEL}")


def _merged(old: Schedule, new: Schedule) -> Schedule:
    """The new definition in the old one's place in time, where its times did not change."""
    state = old.state if old.state is ScheduleState.PAUSED else ScheduleState.ACTIVE
    same_times = dict(old.trigger) == dict(new.trigger)
    times = old if same_times else new
    next_fire_at: Any = None if state is ScheduleState.PAUSED else times.next_fire_at
    kept: dict[str, Any] = {"due_at": times.due_at, "last_fire_at": old.last_fire_at, "created_at": old.created_at}
    return replace(new, state=state, next_fire_at=next_fire_at, **kept)


def _is_another_call(old: Schedule, new: Schedule) -> bool:
    """Of a task, for another time, whose caller has chosen the same id: not the same one that comes twice, and not the
    retry of a run that was repeated. Ids of date jobs are taken once they are there; those of calls never are."""
    eta = new.message.headers.get("eta")
    is_call = new.kind is JobKind.ASYNC and bool(eta) and not new.message.headers.get("retries")
    return is_call and not new.replace_existing and eta != old.message.headers.get("eta")
