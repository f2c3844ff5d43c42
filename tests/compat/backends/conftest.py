"""Every backend that needs no server, and Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from compat.contrib.testing.app import TestApp, setup_default_app
from tests import servers

KINDS = ("memory", "file", "sqlite", "redis")


def url_of(kind: str, directory: Path) -> str:
    if kind == "redis":
        servers.require("redis")
    return {
        "memory": "cache+memory://",
        "file": f"file://{directory}",
        "sqlite": f"db+sqlite:///{directory}/results.sqlite",
        "redis": f"{servers.REDIS_URL}/9",
    }[kind]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """One run of the test for each backend."""
    return str(request.param)


@pytest.fixture
def make_app(kind: str, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes apps that keep their results in the same place, each current from then on."""
    with ExitStack() as stack:

        def make(**config: Any) -> Any:
            made = TestApp(
                "results", backend=url_of(kind, tmp_path), config={"task_default_queue": "results", **config}
            )
            stack.enter_context(setup_default_app(made))
            made.set_current()
            return made

        yield make


@pytest.fixture
def app(make_app: Callable[..., Any]) -> Any:
    return make_app()


@pytest.fixture
def backend(app: Any) -> Any:
    return app.backend


@pytest.fixture
def task_id() -> str:
    """Of a task nobody has heard of."""
    return servers.unique("task")
