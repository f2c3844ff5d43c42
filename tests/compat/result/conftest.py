"""An app whose results these tests write themselves, as a worker would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from compat import states
from tests.servers import unique


@pytest.fixture
def done(app: Any) -> Callable[..., Any]:
    """The result of a task that has returned that."""

    def make(value: Any = None, state: str = states.SUCCESS, **known: Any) -> Any:
        result = app.AsyncResult(unique("task"), **known)
        app.backend.store_result(result.id, value, state)
        return result

    return make


@pytest.fixture
def failed(app: Any) -> Callable[..., Any]:
    """The result of a task that has raised that."""

    def make(error: Exception, traceback: str | None = None, **known: Any) -> Any:
        result = app.AsyncResult(unique("task"), **known)
        app.backend.mark_as_failure(result.id, error, traceback=traceback)
        return result

    return make


@pytest.fixture
def pending(app: Any) -> Callable[..., Any]:
    """The result of a task that nobody has run."""
    return lambda **known: app.AsyncResult(unique("task"), **known)
