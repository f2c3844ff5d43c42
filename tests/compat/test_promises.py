"""What Celery's users know to break, kept by real workers: etas, revocations and ticks, over kills and restarts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from compat.contrib.testing.worker import start_worker
from tests import servers
from tests.compat.project import Project, project_on_redis
from tests.fleet import wait_for

SECONDS = 40
TICKS_BEFORE, TICKS_BESIDE = 4, 6


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    with project_on_redis("tests.compat.promise_tasks", "PROMISE", tmp_path, monkeypatch, Project) as made:
        yield made


def send(project: Project, word: str, seconds: float) -> tuple[Any, float]:
    """A task with an eta so far away; its result, and its eta."""
    at = time.time() + seconds
    return project.tasks.run.apply_async((word,), eta=datetime.fromtimestamp(at, UTC)), at


def wait_until_stored(project: Project, result: Any) -> None:
    schedules = project.tasks.app.pipeline.scheduler.ledger.schedules
    wait_for(lambda: schedules.get(result.id) is not None, what="a worker that takes the task and stores it")


def run_a_later_one(project: Project, at: float) -> None:
    """After ``at``: by then another would have run."""
    later, _ = send(project, "later", max(at - time.time(), 0) + 1)
    assert later.get(timeout=SECONDS) == "later"


def runs(project: Project) -> list[str]:
    return [word for word, _ in project.notes("run")]


def stop(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    assert worker.wait(SECONDS) == 0


@pytest.mark.fault
def test_a_task_far_beyond_the_visibility_timeout_runs_once_at_its_eta_though_its_worker_is_killed(
    project: Project,
) -> None:
    visibility = project.tasks.VISIBILITY_SECONDS
    first = project.start("-c", "1")
    result, at = send(project, "far", 3 * visibility + 0.5)
    wait_until_stored(project, result)
    project.start("-c", "1")

    project.kill(first)

    assert result.get(timeout=SECONDS) == "far"
    run_a_later_one(project, at + visibility)
    assert runs(project) == ["far", "later"]
    assert at <= float(project.notes("run")[0][1]) < at + 1


def test_a_revocation_outlives_a_restart_of_all_workers(project: Project) -> None:
    workers = project.start_several(2, "-c", "1")
    result, at = send(project, "revoked", 3)
    wait_until_stored(project, result)

    result.revoke()
    wait_for(lambda: result.state == "REVOKED", what="the state")
    for worker in workers:
        stop(worker)
    project.start_several(2, "-c", "1")

    run_a_later_one(project, at)
    assert runs(project) == ["later"]
    assert result.state == "REVOKED"


@pytest.mark.fault
@pytest.mark.parametrize("seconds", [0, 4], ids=["now", "an eta"])
def test_what_was_revoked_when_nobody_worked_never_runs(project: Project, seconds: float) -> None:
    result, at = send(project, "revoked", seconds)

    result.revoke()
    stop(project.start("-c", "1"))
    project.start("-c", "1")

    run_a_later_one(project, at)
    wait_for(lambda: result.state == "REVOKED", what="the state")
    assert runs(project) == ["later"]


def test_what_was_stored_and_then_revoked_when_nobody_worked_never_runs_and_says_so(project: Project) -> None:
    worker = project.start("-c", "1")
    result, at = send(project, "revoked", 4)
    wait_until_stored(project, result)
    stop(worker)

    result.revoke()
    project.start("-c", "1")

    wait_for(lambda: result.state == "REVOKED", what="the state")
    run_a_later_one(project, at)
    assert runs(project) == ["later"]


@pytest.mark.fault
def test_workers_that_share_a_beat_schedule_run_each_tick_once_and_lose_none_with_a_killed_one(
    project: Project,
) -> None:
    project.environ["PROMISE_TICKS"] = "yes"
    workers = {worker.pid: worker for worker in project.start_several(2, "-c", "1")}
    wait_for(lambda: len(project.notes("tick")) >= TICKS_BEFORE, what="ticks")
    (project.directory / "hang").touch()
    [(held, group)] = wait_for(lambda: project.notes("hanging"), what="a tick in the hands of a worker")
    before = len(project.notes("tick"))

    project.kill(workers[int(group)])

    wait_for(lambda: len(project.notes("tick")) >= before + TICKS_BESIDE, what="the other worker's ticks")
    wait_for(lambda: held in dict(project.notes("tick")), what="the tick that the killed worker held")
    ran, dues = zip(*project.notes("tick"), strict=True)
    assert len(set(ran)) == len(ran)
    assert places(dues, project.tasks.TICK_SECONDS) == list(range(len(ran)))


def places(dues: Iterable[str], seconds: float) -> list[float]:
    """Which tick each was, counted from the first."""
    moments = sorted(datetime.fromisoformat(due).timestamp() for due in dues)
    return [round((moment - moments[0]) / seconds, 3) for moment in moments]


def test_the_real_celery_inspect_ping_is_answered(project: Project) -> None:
    pytest.importorskip("celery")
    name = f"{servers.unique('pinged')}@here"
    project.start("-c", "1", "-n", name)
    command = [sys.executable, "-m", "celery", "-b", os.environ["PROMISE_BROKER"], "inspect", "ping", "-d", name]

    done = subprocess.run(command, cwd=project.directory, capture_output=True, text=True, timeout=SECONDS, check=False)

    assert done.returncode == 0, done.stderr
    assert f"{name}: OK" in done.stdout
    assert "pong" in done.stdout


def test_tasks_that_waited_for_a_worker_are_told_of_from_their_first_event_on(project: Project) -> None:
    heard: Counter[str] = Counter()
    app = project.tasks.app
    for word in ("a", "b", "c"):
        project.tasks.run.delay(word)
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": lambda event: heard.update([event["type"]])})
        with (
            receiver.consumer_context() as (listening, _, _),
            start_worker(app, perform_ping_check=False, without_heartbeat=False, task_events=True),
        ):
            while heard["task-succeeded"] < 3:
                listening.drain_events(timeout=SECONDS)
    assert (heard["task-received"], heard["task-started"]) == (3, 3)


def test_check_finds_the_tasks_of_stored_jobs_in_the_app(project: Project) -> None:
    result = project.tasks.app.send_task("celery.backend_cleanup", countdown=3600)
    ini = project.directory / "operate.ini"
    ini.write_text("[app:main]\nuse = call:compat.pyramid:operate\ncelery = tests.compat.promise_tasks:app\n")
    project.start("-c", "1")
    wait_until_stored(project, result)
    command = [sys.executable, "-m", "pyramid_scheduler", "check", str(ini)]

    done = subprocess.run(
        command,
        cwd=project.directory,
        env=project.environ,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert (done.returncode, "cannot be run" in done.stdout) == (0, False), done.stdout + done.stderr


def test_a_worker_that_is_told_to_stop_says_that_it_leaves(project: Project) -> None:
    heard: list[str] = []
    app = project.tasks.app
    worker = project.start("-c", "1", "-E", "-n", "leaver@here")
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": lambda event: heard.append(event["type"])})
        with receiver.consumer_context() as (listening, _, _):
            while "worker-heartbeat" not in heard:
                listening.drain_events(timeout=SECONDS)
            worker.terminate()
            while "worker-offline" not in heard:
                listening.drain_events(timeout=SECONDS)
    assert worker.wait(SECONDS) == 0
    assert project.notes("leaving") == [["leaver@here", "SIGTERM", "Warm"]]
    assert [name for name, _ in project.notes("left")] == ["leaver@here"]
