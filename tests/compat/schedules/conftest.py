"""Clocks that stand still, in zones whose clocks change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def in_zone(app: Any) -> Callable[[str], Any]:
    """The app, with naive dates read in the zone of that name."""

    def put(name: str) -> Any:
        app.conf.timezone = name
        app.__dict__.pop("timezone", None)
        return app

    return put
