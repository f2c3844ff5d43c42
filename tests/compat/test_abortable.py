"""Tasks that can be asked to stop."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from compat.contrib.abortable import ABORTED, AbortableAsyncResult, AbortableTask
from compat.contrib.testing.worker import start_worker

SECONDS = 10


@pytest.fixture
def patient(app: Any) -> Any:
    """A task that runs until it is aborted, and the event that it has started."""
    started = threading.Event()

    @app.task(bind=True, base=AbortableTask, lazy=False)
    def wait(self: Any) -> str:
        started.set()
        while not self.is_aborted():
            pause.wait(0.01)
        return "stopped in good order"

    pause = threading.Event()
    wait.started = started
    return wait


def test_its_result_is_abortable(patient: Any) -> None:
    result = patient.delay()

    assert type(result) is AbortableAsyncResult
    assert not result.is_aborted()
    result.abort()
    assert (result.is_aborted(), result.state) == (True, ABORTED)


def test_a_running_task_sees_that_it_was_aborted_and_ends_as_it_likes(app: Any, patient: Any) -> None:
    with start_worker(app, perform_ping_check=False):
        result = patient.delay()
        assert patient.started.wait(SECONDS)
        result.abort()

    assert result.get(timeout=SECONDS) == "stopped in good order"


def test_a_task_may_look_after_another(patient: Any) -> None:
    AbortableAsyncResult("other-task", backend=patient.backend).abort()

    assert patient.is_aborted(task_id="other-task")
    assert not patient.is_aborted(task_id="one-more-task")
