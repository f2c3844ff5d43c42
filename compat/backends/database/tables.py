"""The tables of one backend, in the shape that its database has."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ...utils.log import get_logger
from .models import table_of
from .session import create_tables

logger = get_logger("celery.backends.database")


class Tables:
    """The tables of two models: copies, since the models are renamed when another app has other names for them."""

    def __init__(self, task_cls: Any, taskset_cls: Any) -> None:
        self.metadata = sa.MetaData()
        self.tasks = table_of(task_cls).to_metadata(self.metadata)
        self.groups = table_of(taskset_cls).to_metadata(self.metadata)
        self._columns = {
            table: [table.c[column.name] for column in sa.inspect(model).columns]
            for table, model in ((self.tasks, task_cls), (self.groups, taskset_cls))
        }

    def columns(self, table: sa.Table) -> list[sa.Column[Any]]:
        """Those that are read and written, and that the database has."""
        return self._columns[table]

    def create(self, engine: sa.Engine) -> None:
        """Create what is missing."""
        create_tables(self.metadata, engine)
        for table in (self.tasks, self.groups):
            self._add_columns(engine, table)

    def _add_columns(self, engine: sa.Engine, table: sa.Table) -> None:
        """Tables made by older versions of Celery lack columns."""
        there = {column["name"] for column in sa.inspect(engine).get_columns(table.name, schema=table.schema)}
        self._columns[table] = [
            column
            for column in self._columns[table]
            if column.name in there or not column.nullable or _add_column(engine, table, column)
        ]


def _add_column(engine: sa.Engine, table: sa.Table, column: sa.Column[Any]) -> bool:
    quote = engine.dialect.identifier_preparer
    kind = column.type.compile(engine.dialect)
    ddl = f"ALTER TABLE {quote.format_table(table)} ADD COLUMN {quote.quote(column.name)} {kind}"
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(ddl))
    except Exception as error:
        logger.warning("%s lacks the column %r, please run: %s (%r)", table.name, column.name, ddl, error)
        return False
    return True
