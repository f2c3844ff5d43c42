"""Queues in a SQL database: claimed in batches under row locks, deleted on ack, given back when a consumer dies."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url

from ...core.errors import BrokerUnavailable
from ...database import Database, Prepared, Watcher, same_database, watch
from .sql_tables import NOW, ensure_tables
from .store import Claimed, Put

_INSERT = "INSERT INTO ps_message (queue, rank, payload, redelivered) VALUES (:queue, :rank, :payload, 0)"
#: Many rows and the bell, in one statement and so in one round trip.
_INSERT_AND_NOTIFY = sa.text("""
    WITH put AS (
        INSERT INTO ps_message (queue, rank, payload, redelivered)
        SELECT item ->> 0, (item ->> 1)::integer, item ->> 2, 0
        FROM json_array_elements(CAST(:items AS json)) WITH ORDINALITY AS items (item, place) ORDER BY place)
    SELECT pg_notify('ps_message', '')""")
_CLAIM_POSTGRESQL = sa.text("""
    UPDATE ps_message SET owner = :consumer WHERE id IN (
        SELECT id FROM ps_message WHERE queue = :queue AND owner IS NULL
        ORDER BY rank, id LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id, rank, payload, redelivered""")
_CLAIM_SQLITE = sa.text("""
    UPDATE ps_message SET owner = :consumer WHERE id IN (
        SELECT id FROM ps_message WHERE queue = :queue AND owner IS NULL ORDER BY rank, id LIMIT :limit)
    RETURNING id, rank, payload, redelivered""")
_SELECT_FREE = sa.text("""
    SELECT id, `rank`, payload, redelivered FROM ps_message WHERE queue = :queue AND owner IS NULL
    ORDER BY `rank`, id LIMIT :limit FOR UPDATE SKIP LOCKED""")
_ACK_ONE = sa.text("DELETE FROM ps_message WHERE id = :id AND owner = :consumer RETURNING id")
_GIVE_BACK = "UPDATE ps_message SET owner = NULL WHERE id IN :ids AND owner = :consumer"
#: The ids of one statement; SQLite and PostgreSQL allow tens of thousands of parameters.
CHUNK = 500


def open_sql_store(url: str, *, options: Mapping[str, Any] | None = None) -> SqlStore:
    """The store in the database at ``url``; it connects, and makes its tables, when first used."""
    return SqlStore(Database(url, BrokerUnavailable), Database(url, BrokerUnavailable, durable=False))


class SqlStore:
    """A QueueStore in SQLite, PostgreSQL or MariaDB/MySQL.

    Messages are put durably. Claims and acks go through ``claims``, which may forget the last of them in a crash of the
    server: a message is then taken again, and its redelivery recognised.
    """

    def __init__(self, database: Database, claims: Database) -> None:
        self._raw_database = database
        self._raw_claims = claims
        self._turn = 0
        self._held: dict[str, set[int]] = {}  # by consumer, the ids it knows of
        self._in_doubt: set[str] = set()  # consumers that may own what they have not heard of

    @cached_property
    def database(self) -> Database:
        ensure_tables(self._raw_database)
        return self._raw_database

    @cached_property
    def claims(self) -> Database:
        return self._raw_claims if self.database.kind == "postgresql" else self.database

    @cached_property
    def _watcher(self) -> Watcher:
        return watch(self.database, "ps_message")

    def joins(self, database_url: str) -> bool:
        """Whether ``database_url`` is this very database; if so the tables are made now, not within a transaction."""
        return same_database(self._raw_database.url, make_url(database_url)) and self.database is not None

    def put(self, items: Sequence[Put], within: Any = None) -> None:
        """Add all items, in one transaction: the one of the open connection ``within``, or its own."""
        database = self.database
        if within is not None:
            self._insert(within, items)
        else:
            self._insert_alone(database, items)

    def _insert_alone(self, database: Database, items: Sequence[Put]) -> None:
        if self._raw_database.kind == "postgresql":
            listed = json.dumps([[item.queue, -item.priority, _text(item.payload)] for item in items])
            self._insert_and_notify.rows({"items": listed})
        elif len(items) == 1:
            self._insert_one.rows(_row(items[0]))
        else:
            database.write(lambda connection: self._insert(connection, items))

    @cached_property
    def _insert_and_notify(self) -> Prepared:
        return Prepared(self.database, _INSERT_AND_NOTIFY)

    @cached_property
    def _insert_one(self) -> Prepared:
        return Prepared(self.database, self._sql(_INSERT))

    def _insert(self, connection: Connection, items: Sequence[Put]) -> None:
        connection.execute(self._sql(_INSERT), [_row(item) for item in items])
        if self._raw_database.kind == "postgresql":
            connection.exec_driver_sql("NOTIFY ps_message")

    def claim(self, queues: Sequence[str], limit: int, consumer: str) -> list[Claimed]:
        """Up to ``limit`` messages; the queues take turns in being asked first."""
        self._turn += 1
        first = self._turn % len(queues)
        claimed: list[Claimed] = []
        for queue in (*queues[first:], *queues[:first]):
            if len(claimed) < limit:
                claimed += self._claim(queue, limit - len(claimed), consumer)
        return claimed

    def _claim(self, queue: str, limit: int, consumer: str) -> list[Claimed]:
        held = self._held.setdefault(consumer, set())
        parameters = {"queue": queue, "limit": limit, "consumer": consumer}
        if self._raw_database.kind == "mysql":
            rows = self.claims.write(lambda connection: self._claim_in_two_steps(connection, parameters))
            self._in_doubt.discard(consumer)
        else:
            if consumer in self._in_doubt:
                self.claims.write(lambda connection: self._return_unheard(connection, consumer))
                self._in_doubt.discard(consumer)
            rows = self._claim_rows.rows(parameters, in_doubt=lambda: self._in_doubt.add(consumer))
        held.update(row[0] for row in rows)
        return [
            Claimed(str(id_), queue, payload, bool(redelivered))
            for id_, _, payload, redelivered in sorted(rows, key=lambda row: (row[1], row[0]))
        ]

    def _return_unheard(self, connection: Connection, consumer: str) -> None:
        """The answer to a claim was lost, and its consumer lives on: nobody else would give these back.

        Looked for without locks: a server that does not know yet that a connection broke still holds that one's.
        """
        unheard = "SELECT id FROM ps_message WHERE owner = :consumer AND id NOT IN :ids"
        held = {"ids": sorted(self._held[consumer]), "consumer": consumer}
        ids = connection.execute(_with_ids(unheard), held).scalars().all()
        if ids:
            connection.execute(_with_ids(_GIVE_BACK), {"ids": ids, "consumer": consumer})

    @cached_property
    def _claim_rows(self) -> Prepared:
        return Prepared(self.claims, _CLAIM_POSTGRESQL if self.claims.kind == "postgresql" else _CLAIM_SQLITE)

    def _claim_in_two_steps(self, connection: Connection, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """Whoever calls says when it is committed; until then, a second attempt comes after a first that may be."""
        consumer = parameters["consumer"]
        if consumer in self._in_doubt:
            self._return_unheard(connection, consumer)
        rows = connection.execute(_SELECT_FREE, parameters).all()
        if rows:
            self._in_doubt.add(consumer)
            claim = "UPDATE ps_message SET owner = :consumer WHERE id IN :ids"
            connection.execute(_with_ids(claim), {"consumer": consumer, "ids": [row[0] for row in rows]})
        return rows

    def ack(self, tags: Sequence[str], consumer: str) -> None:
        self._for_claims("DELETE FROM ps_message WHERE id IN :ids AND owner = :consumer", tags, consumer)

    def ack_now(self, tag: str, consumer: str) -> bool:
        if self._raw_database.kind == "mysql":
            self.ack([tag], consumer)
        else:
            self._ack_one.rows({"id": int(tag), "consumer": consumer})
            self._held.get(consumer, set()).discard(int(tag))
        return True

    def keeps(self, tag: str) -> bool:
        return True

    @cached_property
    def _ack_one(self) -> Prepared:
        return Prepared(self.claims, _ACK_ONE)

    def give_back(self, tags: Sequence[str], consumer: str) -> None:
        self._for_claims(_GIVE_BACK, tags, consumer)
        self._announce()

    def _for_claims(self, statement: str, tags: Sequence[str], consumer: str) -> None:
        """In the order of the ids, so that two batches cannot deadlock."""
        ids = sorted(int(tag) for tag in tags)
        for start in range(0, len(ids), CHUNK):
            self._execute(_with_ids(statement), {"ids": ids[start : start + CHUNK], "consumer": consumer})
        self._held.get(consumer, set()).difference_update(ids)

    def _execute(self, statement: sa.TextClause, parameters: Mapping[str, Any]) -> None:
        self.claims.write_once(lambda connection: connection.execute(statement, parameters))

    def wait(self, queues: Sequence[str], timeout: float, wake_fd: int | None = None, consumer: str = "") -> None:
        self._watcher.wait(timeout, wake_fd)

    def rest(self, consumer: str) -> None: ...

    def beat(self, consumers: Collection[str]) -> None:
        rows = [{"id": consumer} for consumer in sorted(consumers)]
        if rows:
            self.claims.write(lambda connection: connection.execute(self._sql(self._beat), rows))

    @property
    def _beat(self) -> str:
        kind = self._raw_database.kind
        conflict = "ON DUPLICATE KEY UPDATE" if kind == "mysql" else "ON CONFLICT (id) DO UPDATE SET"
        return f"INSERT INTO ps_consumer (id, beat_at) VALUES (:id, {NOW[kind]}) {conflict} beat_at = {NOW[kind]}"

    def release(self, consumer: str, begun: Collection[str] = ()) -> int:
        """Its claims go back, marked as redelivered, but for those that had begun."""
        if begun:
            self.ack(list(begun), consumer)
        count = self.database.write(lambda connection: self._release(connection, consumer))
        self._held.pop(consumer, None)
        if count:
            self._announce()
        return count

    def _release(self, connection: Connection, consumer: str) -> int:
        parameters = {"consumer": consumer}
        connection.execute(sa.text("DELETE FROM ps_consumer WHERE id = :consumer"), parameters)
        released = connection.execute(
            sa.text("UPDATE ps_message SET owner = NULL, redelivered = 1 WHERE owner = :consumer"), parameters
        )
        return int(released.rowcount)

    def recover(self, silent_seconds: float) -> int:
        """Release every consumer that has not beaten for so long."""
        now = NOW[self._raw_database.kind]
        silent = sa.text(f"SELECT id FROM ps_consumer WHERE beat_at < {now} - :silent")
        names = self.database.read(
            lambda connection: connection.execute(silent, {"silent": silent_seconds}).scalars().all()
        )
        return sum(self._release_silent(name, silent_seconds) for name in names)

    def _release_silent(self, consumer: str, silent_seconds: float) -> int:
        """Only if it still is silent: it may have beaten since the look."""
        now = NOW[self._raw_database.kind]
        gone = sa.text(f"DELETE FROM ps_consumer WHERE id = :consumer AND beat_at < {now} - :silent")

        def work(connection: Connection) -> int:
            parameters = {"consumer": consumer, "silent": silent_seconds}
            return self._release(connection, consumer) if connection.execute(gone, parameters).rowcount else 0

        count = self.database.write(work)
        if count:
            self._announce()
        return count

    def size(self, queue: str) -> int:
        count = sa.text("SELECT count(*) FROM ps_message WHERE queue = :queue AND owner IS NULL")
        return int(self.database.read(lambda connection: connection.execute(count, {"queue": queue}).scalar()) or 0)

    def purge(self, queue: str) -> int:
        gone = sa.text("DELETE FROM ps_message WHERE queue = :queue AND owner IS NULL")
        return int(self.database.write(lambda connection: connection.execute(gone, {"queue": queue}).rowcount))

    def close(self) -> None:
        if "_watcher" in self.__dict__:
            self.__dict__.pop("_watcher").close()
        self._raw_database.close()
        self._raw_claims.close()

    def _announce(self) -> None:
        if self._raw_database.kind == "postgresql":
            self.database.write(lambda connection: connection.exec_driver_sql("NOTIFY ps_message"))

    def _sql(self, statement: str) -> sa.TextClause:
        quoted = statement.replace(" rank,", " `rank`,") if self._raw_database.kind == "mysql" else statement
        return sa.text(quoted)


def _with_ids(statement: str) -> sa.TextClause:
    return sa.text(statement).bindparams(sa.bindparam("ids", expanding=True))


def _row(item: Put) -> dict[str, Any]:
    return {"queue": item.queue, "rank": -item.priority, "payload": _text(item.payload)}


def _text(payload: str | bytes) -> str:
    return payload.decode("utf-8") if isinstance(payload, bytes) else payload
