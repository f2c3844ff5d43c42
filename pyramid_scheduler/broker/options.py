"""Options of a transport as an ini file has them: text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..core.errors import InvalidSetting

_ON, _OFF = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "none", "")


def is_true(value: Any) -> bool:
    """Whether an option is on: a bool, or what people write for one."""
    return _word(value) in _ON


def is_flag(value: Any) -> bool:
    """Whether it says on or off, and nothing else."""
    return _word(value) in (*_ON, *_OFF)


def _word(value: Any) -> str:
    return str(value).strip().lower()


def table(options: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The option of that name, which is a table: a mapping, or a JSON object as text. Raises InvalidSetting."""
    given = options.get(name) or {}
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError as error:
            raise _no_table(name, given) from error
    if not isinstance(given, Mapping):
        raise _no_table(name, given)
    return dict(given)


def _no_table(name: str, given: Any) -> InvalidSetting:
    return InvalidSetting(f'scheduler.broker.{name} is a table, written in JSON: {{"name": value}}; it is {given!r}')
