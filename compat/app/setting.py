"""One setting of Celery's, as a row of a table."""

from __future__ import annotations

from typing import Any, NamedTuple


class Setting(NamedTuple):
    """``old`` is its name in capitals before Celery 4, where that does not follow its namespace's pattern."""

    key: str
    type: str
    default: Any
    old: str = ""


Namespaces = dict[str, tuple[str, tuple[Setting, ...]]]
