"""The SQL broker's tables, and how each engine is asked for its time."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.engine import Connection

from ...core.errors import SchemaMismatch
from ...database import Database, exclusively

VERSION = 1
_ID = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
_NAME = sa.String(190)

metadata = sa.MetaData()

message = sa.Table(
    "ps_message",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("queue", _NAME, nullable=False),
    sa.Column("rank", sa.SmallInteger, nullable=False),  # minus the priority, so that one index serves the claim
    sa.Column("owner", _NAME),  # the consumer that holds it
    sa.Column("redelivered", sa.SmallInteger, nullable=False, default=0),
    sa.Column("payload", sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb"), nullable=False),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
)

consumer = sa.Table(
    "ps_consumer",
    metadata,
    sa.Column("id", _NAME, primary_key=True),
    sa.Column("beat_at", sa.Double, nullable=False),  # epoch seconds by the database's clock
    mysql_engine="InnoDB",
)

binding = sa.Table(
    "ps_binding",
    metadata,
    sa.Column("exchange", _NAME, primary_key=True),
    sa.Column("routing_key", _NAME, primary_key=True),
    sa.Column("queue", _NAME, primary_key=True),
    sa.Column("pattern", _NAME, nullable=False),
    mysql_engine="InnoDB",
)

version = sa.Table(
    "ps_broker_version", metadata, sa.Column("version", sa.Integer, primary_key=True), mysql_engine="InnoDB"
)


def _has_partial_indexes(*_: Any, dialect: Any, **__: Any) -> bool:
    return dialect.name not in ("mysql", "mariadb")


FREE = message.c.owner.is_(None)
sa.Index(
    "ps_message_free", message.c.queue, message.c.rank, message.c.id, sqlite_where=FREE, postgresql_where=FREE
).ddl_if(callable_=_has_partial_indexes)
# MariaDB has no partial indexes: the owner leads instead, and NULLs sort together.
sa.Index("ps_message_free_owner", message.c.queue, message.c.owner, message.c.rank, message.c.id).ddl_if(
    callable_=lambda *args, **kw: not _has_partial_indexes(*args, **kw)
)
sa.Index("ps_message_owner", message.c.owner, sqlite_where=~FREE, postgresql_where=~FREE)

#: Epoch seconds by the database's own clock; never by way of its local time, where an hour comes twice in autumn.
NOW = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    "postgresql": "extract(epoch from clock_timestamp())",
    "mysql": "(timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) / 1e6)",
}


def ensure_tables(database: Database) -> None:
    """Make the broker's tables where there are none; raises SchemaMismatch for those of another version."""
    with exclusively(database, "ps_broker"):  # two first starts at once
        found = database.write(_create)
    if found != VERSION:
        newer = "a newer" if found > VERSION else "an older"
        raise SchemaMismatch(
            f"the broker's tables in {database.display} are of {newer} version ({found}, here {VERSION}):"
            " run the same version of pyramid_scheduler everywhere, after draining the queues"
        )


def _create(connection: Connection) -> int:
    if not sa.inspect(connection).has_table(version.name):
        metadata.create_all(connection, checkfirst=True)
    found = connection.execute(sa.select(version.c.version)).scalar()
    if found is None:
        connection.execute(version.insert().values(version=VERSION))
        return VERSION
    return int(found)
