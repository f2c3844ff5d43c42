"""A worker of several processes, asked and told: each answers for itself, and some things are the worker's."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.compat.project import Project, project_on_redis
from tests.fleet import wait_for

SECONDS = 40
FIRST, SECOND = (f"{name}@{socket.gethostname()}" for name in ("celery", "celery-2"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    with project_on_redis("tests.compat.control.commanded_tasks", "COMMANDED", tmp_path, monkeypatch, Project) as made:
        yield made


@pytest.fixture
def worker(project: Project) -> Any:
    """Of two processes, which both answer."""
    started = project.start("-c", "2")
    wait_for(lambda: len(project.tasks.app.control.ping(timeout=1, limit=2)) == 2, what="both processes")
    return started


def answers(project: Project, command: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    said = getattr(project.tasks.app.control, command)(*args, reply=True, timeout=SECONDS, limit=2, **kwargs)
    return {name: answer for one in said for name, answer in one.items()}


def test_shutdown_ends_the_worker_with_all_its_processes(project: Project, worker: Any) -> None:
    project.tasks.app.control.shutdown(destination=[SECOND])

    assert worker.wait(SECONDS) == 0
    began, ended = project.notes("process_init"), project.notes("shutdown")
    assert len(began) == 2
    assert sorted(ended) == sorted(began)


def test_a_queue_that_was_added_is_taken_from_no_more_and_one_of_the_first_is_not_given_up(
    project: Project, worker: Any
) -> None:
    queue, extra = project.tasks.QUEUE, servers.unique("extra")
    assert answers(project, "add_consumer", extra).keys() == {FIRST, SECOND}
    assert project.tasks.add.apply_async((1, 2), queue=extra).get(timeout=SECONDS) == 3

    assert "was started with" in answers(project, "cancel_consumer", queue)[FIRST]["error"]
    assert answers(project, "cancel_consumer", extra)[FIRST] == {"ok": f"no longer consuming from {extra}"}

    assert project.tasks.add.delay(1, 2).get(timeout=SECONDS) == 3
    told = project.tasks.app.control.inspect(timeout=SECONDS, limit=2).active_queues()
    assert [[one["name"] for one in told[name]] for name in (FIRST, SECOND)] == [[queue]] * 2


def test_a_worker_of_threads_says_how_many_tasks_it_runs_at_a_time(project: Project) -> None:
    project.start("-P", "threads", "-c", "4")
    wait_for(lambda: project.tasks.app.control.ping(timeout=1, limit=1), what="an answer")

    told = project.tasks.app.control.inspect(timeout=SECONDS, limit=1).stats()

    assert (told[FIRST]["pool"]["max-concurrency"], told[FIRST]["prefetch_count"]) == (4, 4)


def test_what_waits_for_its_time_is_listed_once(project: Project, worker: Any) -> None:
    sent = {project.tasks.add.apply_async((n, n), countdown=600).id for n in range(3)}
    schedules = project.tasks.app.pipeline.scheduler.ledger.schedules
    wait_for(lambda: len(schedules.find()) == len(sent), what="all of them in the ledger")

    told = project.tasks.app.control.inspect(timeout=SECONDS, limit=2).scheduled()

    assert {one["request"]["id"] for one in told[FIRST]} == sent
    assert told[SECOND] == []


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_task_waits_for_a_result_in_threads_and_not_in_a_process_of_its_own(project: Project, pool: str) -> None:
    project.start("-P", pool, "-c", "2")

    result = project.tasks.ask_another.delay()

    if pool == "threads":
        assert result.get(timeout=SECONDS) == 2
        return
    with pytest.raises(RuntimeError, match="within a task"):
        result.get(timeout=SECONDS)
