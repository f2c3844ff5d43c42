"""Celery's two tables, as its workers read and write them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from ...utils.log import get_logger

logger = get_logger("celery.backends.database")

_BIG = sa.Integer().with_variant(sa.BigInteger, "mssql")


class Tables:
    """``celery_taskmeta`` and ``celery_tasksetmeta``, under the names that the settings give them."""

    def __init__(self, names: dict[str, str], schemas: dict[str, str], extended: bool) -> None:
        self.metadata = sa.MetaData()
        self._missing: set[tuple[str, str]] = set()
        self.tasks = sa.Table(
            names.get("task") or "celery_taskmeta",
            self.metadata,
            _id("task_id_sequence", schemas.get("task"), self.metadata),
            sa.Column("task_id", sa.String(155), unique=True),
            sa.Column("status", sa.String(50)),
            sa.Column("result", sa.LargeBinary),
            sa.Column("date_done", sa.DateTime, index=True),
            sa.Column("traceback", sa.Text),
            sa.Column("children", sa.LargeBinary),
            *(_extended() if extended else ()),
            schema=schemas.get("task"),
            sqlite_autoincrement=True,
        )
        self.groups = sa.Table(
            names.get("group") or "celery_tasksetmeta",
            self.metadata,
            _id("taskset_id_sequence", schemas.get("group"), self.metadata),
            sa.Column("taskset_id", sa.String(155), unique=True),
            sa.Column("result", sa.LargeBinary),
            sa.Column("date_done", sa.DateTime, index=True),
            schema=schemas.get("group"),
            sqlite_autoincrement=True,
        )

    def columns(self, table: sa.Table) -> list[Any]:
        """Those that the database has."""
        return [column for column in table.columns if (table.name, column.name) not in self._missing]

    def create(self, engine: sa.Engine) -> None:
        """Create what is missing; several processes may do so at once."""
        try:
            self.metadata.create_all(engine)
        except DatabaseError:  # another process was faster: now they are there
            self.metadata.create_all(engine)
        for table in (self.tasks, self.groups):
            self._add_columns(engine, table)

    def _add_columns(self, engine: sa.Engine, table: sa.Table) -> None:
        """Tables made by older versions of Celery lack columns."""
        there = {column["name"] for column in sa.inspect(engine).get_columns(table.name, schema=table.schema)}
        quote = engine.dialect.identifier_preparer
        for column in table.columns:
            if column.name in there or not column.nullable:
                continue
            kind = column.type.compile(engine.dialect)
            ddl = f"ALTER TABLE {quote.format_table(table)} ADD COLUMN {quote.quote(column.name)} {kind}"
            try:
                with engine.begin() as connection:
                    connection.execute(sa.text(ddl))
            except Exception as error:
                self._missing.add((table.name, column.name))
                logger.warning("%s lacks the column %r, please run: %s (%r)", table.name, column.name, ddl, error)


def _id(sequence: str, schema: str | None, metadata: sa.MetaData) -> Any:
    numbers = sa.Sequence(sequence, schema=schema, metadata=metadata)
    return sa.Column("id", _BIG, numbers, primary_key=True, autoincrement=True)


def _extended() -> list[Any]:
    return [
        sa.Column("name", sa.String(155)),
        sa.Column("args", sa.LargeBinary),
        sa.Column("kwargs", sa.LargeBinary),
        sa.Column("worker", sa.String(155)),
        sa.Column("retries", sa.Integer),
        sa.Column("queue", sa.String(155)),
        sa.Column("stamps", sa.LargeBinary),
    ]
