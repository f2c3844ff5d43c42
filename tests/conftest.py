"""Fixtures for every test: real servers, fresh names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers


@pytest.fixture(params=servers.BROKERS)
def broker_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """One run of the test for each broker."""
    with servers.fresh_broker(request.param, tmp_path) as url:
        yield url


@pytest.fixture(params=servers.DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """One run of the test for each database, empty."""
    with servers.fresh_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def queue() -> str:
    """A queue name nobody else uses."""
    return servers.unique("queue")
