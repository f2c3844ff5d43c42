"""Apps for these tests, and a clean slate after each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kombu.transport import memory

from compat import pipeline
from compat.contrib.testing.app import TestApp, setup_default_app
from compat.worker import answering, state


@pytest.fixture(autouse=True)
def _nothing_of_this_test_in_the_next() -> Iterator[None]:
    """The memory broker's queues, their ledger and what a worker knows are one each for the whole process."""
    yield
    state.reset_state()
    memory.Channel.queues.clear()
    for directory in pipeline._directories.values():
        if (ledger := Path(directory, "ledger.sqlite")).exists():
            _empty(ledger)


def _empty(ledger: Path) -> None:
    """Its tables stay: to make them takes longer than most tests."""
    with closing(sqlite3.connect(ledger, timeout=10)) as connection, connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if table != "ps_ledger_version":
                connection.execute(f"DELETE FROM {table}")


@pytest.fixture(autouse=True)
def _workers_of_this_process_soon_notice_that_they_shall_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "POLL_SECONDS", 0.02)


@pytest.fixture
def app() -> Iterator[Any]:
    """An app on the memory broker, current while the test lasts."""
    made = TestApp("tests", config={"task_default_queue": "tests"})
    with setup_default_app(made):
        made.set_current()
        yield made
