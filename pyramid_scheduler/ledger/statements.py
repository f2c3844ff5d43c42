"""The statements that the engines spell differently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

#: Rows or ids in one statement.
CHUNK = 500
_ON_CONFLICT = ("postgresql", "sqlite")

Columns = tuple[str, ...]


def insert_new(connection: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert ``rows``; those whose key is taken are left out. Returns how many are in."""
    return _insert(connection, _or_nothing, table, rows)


def upsert(connection: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert ``rows``; where the key is taken every other given column is changed."""
    _insert(connection, _or_update, table, rows)


def _insert(
    connection: Connection,
    how: Callable[[sa.Dialect, sa.Table, Columns], Any],
    table: sa.Table,
    rows: Sequence[dict[str, Any]],
) -> int:
    """Of the same columns, and of values that drivers know."""
    if not rows:
        return 0
    # Every job ends with one. To SQLAlchemy a row takes nearly as long as to the database; the driver needs no help.
    sql, positions = _compiled(how, connection.dialect, table, tuple(rows[0]))
    values = rows if positions is None else [tuple(map(row.__getitem__, positions)) for row in rows]
    done = connection.exec_driver_sql(sql, list(values), execution_options={"preserve_rowcount": True})
    return int(done.rowcount)


@lru_cache(maxsize=64)
def _compiled(
    how: Callable[[sa.Dialect, sa.Table, Columns], Any], dialect: sa.Dialect, table: sa.Table, columns: Columns
) -> tuple[str, Sequence[str] | None]:
    """The statement, and the columns in the order of its parameters, where these have no names."""
    compiled = how(dialect, table, columns).compile(dialect=dialect, column_keys=columns)
    return str(compiled), compiled.positiontup


def _or_nothing(dialect: sa.Dialect, table: sa.Table, columns: Columns) -> Any:
    insert = _module(dialect).insert(table)
    return insert.on_conflict_do_nothing() if dialect.name in _ON_CONFLICT else insert.prefix_with("IGNORE")


def _or_update(dialect: sa.Dialect, table: sa.Table, columns: Columns) -> Any:
    insert = _module(dialect).insert(table)
    keys = [column.name for column in table.primary_key]
    others = [name for name in columns if name not in keys]
    if dialect.name in _ON_CONFLICT:
        new = {name: insert.excluded[name] for name in others}
        return insert.on_conflict_do_update(index_elements=keys, set_=new)
    return insert.on_duplicate_key_update(**{name: insert.inserted[name] for name in others})


def _module(dialect: sa.Dialect) -> Any:
    """The engine's own module. The others are not loaded: PostgreSQL's would be a tenth of a second of every start."""
    return import_module(f"sqlalchemy.dialects.{dialect.name if dialect.name in _ON_CONFLICT else 'mysql'}")


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
