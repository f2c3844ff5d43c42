"""Values that JSON has no type for, as tables of JSON: ``{"__type__": "date", "__value__": "2026-05-01"}``.

The notation is Kombu's, which messages have on their way; here it is for what is kept of them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

#: By kind, the more special before the more general: its name, and its value in JSON.
_WRITERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    datetime: ("datetime", datetime.isoformat),
    date: ("date", date.isoformat),
    time: ("time", time.isoformat),
    Decimal: ("decimal", str),
    UUID: ("uuid", lambda value: {"hex": value.hex}),
    bytes: ("base64", lambda value: base64.b64encode(value).decode("ascii")),
}
_READERS: dict[str, Callable[[Any], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "decimal": Decimal,
    "uuid": lambda value: UUID(value["hex"]),
    "base64": lambda value: base64.b64decode(value, validate=True),
}
_TABLE = {"__type__", "__value__"}


def write_typed(value: Any) -> str:
    """JSON of ``value``; of what has no notation, its text."""
    return json.dumps(value, default=_table)


def read_typed(text: str) -> Any:
    """The reverse of ``write_typed``; tables that are no such notation stay what they are."""
    return json.loads(text, object_hook=_value if '"__type__"' in text else None)


def _table(value: Any) -> Any:
    for kind, (name, write) in _WRITERS.items():
        if isinstance(value, kind):
            return {"__type__": name, "__value__": write(value)}
    return str(value)


def _value(table: dict[str, Any]) -> Any:
    if table.keys() != _TABLE:
        return table
    try:
        return _READERS[table["__type__"]](table["__value__"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return table
