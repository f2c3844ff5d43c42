"""The statements that the engines spell differently."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

#: Rows or ids in one statement.
CHUNK = 500


def insert_new(connection: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert ``rows``, of the same columns and of values that drivers know; those whose key is taken are left out.

    Returns how many are in."""
    if not rows:
        return 0
    # Every job ends with one. To SQLAlchemy a row takes nearly as long as to the database; the driver needs no help.
    sql, positions = _insertion(connection.dialect, table, tuple(rows[0]))
    values = rows if positions is None else [tuple(map(row.__getitem__, positions)) for row in rows]
    done = connection.exec_driver_sql(sql, list(values), execution_options={"preserve_rowcount": True})
    return int(done.rowcount)


@lru_cache(maxsize=64)
def _insertion(dialect: sa.Dialect, table: sa.Table, columns: tuple[str, ...]) -> tuple[str, Sequence[str] | None]:
    """The statement, and the columns in the order of its parameters, where these have no names."""
    insert = _module(dialect).insert(table)
    on_conflict = dialect.name in ("postgresql", "sqlite")
    statement = insert.on_conflict_do_nothing() if on_conflict else insert.prefix_with("IGNORE")
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    return str(compiled), compiled.positiontup


def upsert(connection: Connection, table: sa.Table, rows: Sequence[dict[str, Any]], **changes: Any) -> None:
    """Insert ``rows``; where the key is taken set ``changes`` (default: every given column but the key)."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    names = [name for name in rows[0] if name not in keys]
    insert = _module(connection.dialect).insert(table)
    if connection.dialect.name in ("postgresql", "sqlite"):
        new = changes or {name: insert.excluded[name] for name in names}
        statement = insert.on_conflict_do_update(index_elements=keys, set_=new)
    else:
        statement = insert.on_duplicate_key_update(**(changes or {name: insert.inserted[name] for name in names}))
    connection.execute(statement, list(rows))


def _module(dialect: sa.Dialect) -> Any:
    """The engine's own module. The others are not loaded: PostgreSQL's would be a tenth of a second of every start."""
    return import_module(f"sqlalchemy.dialects.{dialect.name if dialect.name in ('postgresql', 'sqlite') else 'mysql'}")


def delete_old(connection: Connection, table: sa.Table, condition: Any, limit: int = 5000) -> int:
    """Delete at most ``limit`` rows that meet ``condition``; returns how many."""
    keys = list(table.primary_key)
    found = connection.execute(sa.select(*keys).where(condition).limit(limit)).all()
    for start in range(0, len(found), CHUNK):
        chunk = found[start : start + CHUNK]
        if len(keys) == 1:
            connection.execute(table.delete().where(keys[0].in_([row[0] for row in chunk])))
        else:
            connection.execute(table.delete().where(sa.tuple_(*keys).in_([tuple(row) for row in chunk])))
    return len(found)


def chunks(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
