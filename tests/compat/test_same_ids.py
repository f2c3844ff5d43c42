"""Calls that have one id and times of their own: as often as a task is called, so often it runs, as with Celery."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compat.contrib.testing.worker import start_worker
from tests.fleet import wait_for

SECONDS = 10


@pytest.fixture(autouse=True)
def _worker(app: Any) -> Iterator[Any]:
    with start_worker(app, perform_ping_check=False, without_heartbeat=True) as started:
        yield started


@pytest.fixture
def runs() -> list[int]:
    return []


@pytest.fixture
def note(app: Any, runs: list[int]) -> Any:
    @app.task(shared=False, name="note")
    def note(number: int) -> None:
        runs.append(number)

    return note


def test_an_id_may_be_used_again_when_its_call_has_run(note: Any, runs: list[int]) -> None:
    for number in range(3):
        note.apply_async((number,), task_id="mine", countdown=0.05)
        wait_for(lambda wanted=number + 1: len(runs) == wanted)

    assert runs == [0, 1, 2]


def test_calls_of_one_id_wait_side_by_side_each_for_its_time(note: Any, runs: list[int], app: Any) -> None:
    now = datetime.now(UTC)
    for number in (2, 1, 3):
        note.apply_async((number,), task_id="mine", eta=now + timedelta(seconds=0.4 + number / 10))

    wait_for(lambda: len(runs) == 3)
    assert runs == [1, 2, 3]


def test_those_that_wait_are_revoked_by_their_id(note: Any, runs: list[int], app: Any) -> None:
    for number in range(2):
        note.apply_async((number,), task_id="mine", countdown=0.5 + number / 100)
    app.control.revoke("mine")
    note.apply_async((9,), task_id="other", countdown=0.7)

    wait_for(lambda: runs)
    assert runs == [9]


def test_a_retry_that_is_not_counted_as_one_runs_as_often_as_is_wished(app: Any, runs: list[int]) -> None:
    @app.task(shared=False, name="patient", bind=True)
    def patient(self: Any) -> int:
        runs.append(self.request.retries)
        if len(runs) < 4:
            self.request.retries -= 1  # as tasks do it that wait for their turn, so that it does not count as a failure
            raise self.retry(countdown=0.02, max_retries=1)
        return len(runs)

    assert patient.delay().get(timeout=SECONDS) == 4
    assert runs == [0, 0, 0, 0]
