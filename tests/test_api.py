"""The public vocabulary holds nothing that is never used."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyramid_scheduler import api
from pyramid_scheduler.core.errors import SchedulerError

PACKAGE = Path(api.__file__).parent
SOURCE = "\n".join(p.read_text() for p in PACKAGE.rglob("*.py") if p.name not in ("api.py", "errors.py"))


def is_error(name: str) -> bool:
    exported = getattr(api, name)
    return isinstance(exported, type) and issubclass(exported, SchedulerError)


@pytest.mark.parametrize("name", sorted(set(filter(is_error, api.__all__)) - {"SchedulerError"}))
def test_every_error_is_raised_somewhere(name: str) -> None:
    assert name in SOURCE
