"""Apps for these tests, and a clean slate after each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from compat.contrib.testing.app import TestApp, setup_default_app


@pytest.fixture
def app() -> Iterator[Any]:
    """An app on the memory broker, current while the test lasts."""
    made = TestApp("tests", config={"task_default_queue": "tests"})
    with setup_default_app(made):
        made.set_current()
        yield made
