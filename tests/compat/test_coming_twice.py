"""Messages that are redelivered after their task succeeded: ``worker_deduplicate_successful_tasks``."""

from __future__ import annotations

from typing import Any

import pytest

from compat import states
from compat.app.task import Context
from compat.app.trace import build_tracer


@pytest.fixture
def runs() -> list[int]:
    return []


@pytest.fixture
def task(app: Any, runs: list[int]) -> Any:
    @app.task(acks_late=True, shared=False, name="once")
    def once() -> str:
        runs.append(1)
        return "done"

    app.conf.worker_deduplicate_successful_tasks = True
    return once


def deliver(app: Any, task: Any, task_id: str, redelivered: bool) -> None:
    request = Context(id=task_id, delivery_info={"redelivered": redelivered}, retries=0)
    build_tracer(task.name, task, app=app)(task_id, (), {}, request.__dict__)


def test_what_has_succeeded_does_not_run_again(app: Any, task: Any, runs: list[int]) -> None:
    deliver(app, task, "twice", redelivered=False)
    deliver(app, task, "twice", redelivered=True)

    assert (len(runs), app.AsyncResult("twice").state) == (1, states.SUCCESS)


def test_what_has_not_does(app: Any, task: Any, runs: list[int]) -> None:
    app.backend.mark_as_started("lost")
    deliver(app, task, "lost", redelivered=True)

    assert len(runs) == 1


def test_a_message_that_was_not_redelivered_runs_in_any_case(app: Any, task: Any, runs: list[int]) -> None:
    app.backend.mark_as_done("known", "before")
    deliver(app, task, "known", redelivered=False)

    assert len(runs) == 1
