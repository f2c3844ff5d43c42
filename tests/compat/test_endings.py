"""Tasks that are ended, or die with their process: somebody says so in their name. Real workers, really killed."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compat.exceptions import ChordError, TaskRevokedError, TimeLimitExceeded, WorkerLostError
from tests import servers
from tests.fleet import ROOT, wait_for

SECONDS = 40
INI = "[app:main]\nuse = call:compat.pyramid:operate\ncelery = tests.compat.ending_tasks:app\n"


class Project:
    """The project's tasks, its workers, and the notes that its tasks left."""

    def __init__(self, directory: Path, environ: dict[str, str], tasks: Any) -> None:
        self.directory, self.environ, self.tasks = directory, environ, tasks
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "compat", "-A", "tests.compat.ending_tasks", "worker", "-l", "INFO", *words]
        log = self.directory / "worker.log"
        with log.open("ab") as output:
            worker = subprocess.Popen(
                command, cwd=self.directory, env=self.environ, stdout=output, stderr=output, start_new_session=True
            )
        self.workers.append(worker)
        wait_for(lambda: "is up" in log.read_text(), what="a worker")
        return worker

    def notes(self, what: str) -> list[list[str]]:
        path = self.directory / "notes"
        lines = [line.split("\t") for line in path.read_text().splitlines()] if path.exists() else []
        return [line[1:] for line in lines if line[0] == what]

    def running(self, word: str) -> int:
        """The process that runs it."""
        return int(wait_for(lambda: [pid for said, pid in self.notes("running") if said == word], what=word)[-1])

    def pscheduler(self, *words: str) -> str:
        (self.directory / "operate.ini").write_text(INI)
        command = [sys.executable, "-m", "pyramid_scheduler", *words]
        done = subprocess.run(
            command, cwd=self.directory, env=self.environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end(self) -> None:
        for worker in self.workers:
            try:
                os.killpg(worker.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            worker.wait()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    servers.require("redis")
    with servers.fresh_broker("redis", tmp_path) as broker:
        said = {
            "ENDING_DIRECTORY": str(tmp_path),
            "ENDING_BROKER": broker,
            "ENDING_BACKEND": f"{servers.REDIS_URL}/9",
            "ENDING_QUEUE": servers.unique("ending"),
        }
        for name, value in said.items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("tests.compat.ending_tasks", None)
        tasks = importlib.import_module("tests.compat.ending_tasks")
        made = Project(tmp_path, {**os.environ, "PYTHONPATH": str(ROOT)}, tasks)
        yield made
        made.end()
        tasks.app.close()


Start = Callable[..., Any]


@pytest.mark.parametrize("name", ["long", "long_and_late"])
def test_a_task_beyond_its_hard_limit_fails_where_all_can_see_it(project: Project, name: str) -> None:
    project.start("-c", "1")
    task = getattr(project.tasks, name)

    result = task.apply_async(("a",), link_error=project.tasks.sorry.s())

    with pytest.raises(TimeLimitExceeded) as raised:
        result.get(timeout=SECONDS)
    assert (result.state, raised.value.args) == ("FAILURE", (1,))
    wait_for(lambda: project.notes("errback") == [[result.id]], what="the errback")
    assert project.notes("on_failure") == [[result.id, "TimeLimitExceeded", "['a']", result.id]]
    assert project.notes("task_failure") == [[result.id, "TimeLimitExceeded"]]
    assert project.tasks.add.delay(1, 2).get(timeout=SECONDS) == 3
    assert len(project.notes("running")) == 1


def test_a_chord_fails_with_the_task_that_exceeded_its_limit(project: Project) -> None:
    from compat import chord

    project.start("-c", "2")
    tasks = project.tasks

    result = chord([tasks.add.s(1, 1), tasks.long.s("b")])(tasks.total.s())

    with pytest.raises(ChordError, match="TimeLimitExceeded"):
        result.get(timeout=SECONDS)


def test_a_task_that_dies_with_its_process_is_kept_and_its_result_says_so(project: Project) -> None:
    project.start("-c", "1")

    result = project.tasks.fatal.delay()

    with pytest.raises(WorkerLostError, match="SIGKILL"):
        result.get(timeout=SECONDS)
    assert project.notes("on_failure") == [[result.id, "WorkerLost", "[]", result.id]]
    failed = project.pscheduler("failed", "operate.ini")
    assert result.id in failed
    assert "WorkerLost" in failed


def test_what_was_lost_runs_when_it_is_retried(project: Project) -> None:
    project.start("-c", "1")
    result = project.tasks.fatal_once.delay()
    with pytest.raises(WorkerLostError):
        result.get(timeout=SECONDS)

    project.pscheduler("retry", result.id, "operate.ini")

    again = project.tasks.app.AsyncResult(result.id)
    assert wait_for(lambda: again.backend.get_task_meta(result.id, cache=False)["status"] == "SUCCESS")


def test_a_task_with_acks_late_that_dies_with_its_process_runs_again_and_is_not_called_lost(project: Project) -> None:
    project.start("-c", "1")
    result = project.tasks.hang_late.delay("c")

    os.kill(project.running("c"), signal.SIGKILL)

    wait_for(lambda: len(project.notes("running")) == 2, what="the second run")
    assert result.state == "STARTED"
    assert result.id not in project.pscheduler("failed", "operate.ini")


@pytest.mark.parametrize("words", [["-c", "1"], ["-P", "threads", "-c", "2"]], ids=["a process", "two threads"])
def test_a_task_that_does_not_end_when_the_worker_stops_is_kept_and_its_result_says_so(
    project: Project, words: list[str]
) -> None:
    worker = project.start(*words)
    result = project.tasks.hang.delay("d")
    project.running("d")

    worker.terminate()

    with pytest.raises(WorkerLostError):
        result.get(timeout=SECONDS)
    assert worker.wait(SECONDS) == 0
    assert result.id in project.pscheduler("failed", "operate.ini")


@pytest.mark.parametrize("name", ["hang", "hang_late"])
@pytest.mark.parametrize("words", [["-c", "1"], ["-P", "threads", "-c", "2"]], ids=["a process", "two threads"])
def test_a_task_that_is_terminated_ends_and_does_not_run_again(project: Project, name: str, words: list[str]) -> None:
    project.start(*words)
    result = getattr(project.tasks, name).delay("e")
    pid = project.running("e")

    result.revoke(terminate=True, signal="SIGKILL")

    with pytest.raises(TaskRevokedError, match="terminated"):
        result.get(timeout=SECONDS)
    assert result.state == "REVOKED"
    wait_for(lambda: project.notes("task_revoked") == [[result.id, "True", "9", "False"]], what="the signal")
    assert project.tasks.add.delay(1, 2).get(timeout=SECONDS) == 3
    assert (not Path(f"/proc/{pid}").exists()) == (words[0] == "-c")
    assert len(project.notes("running")) == 1
    assert result.id not in project.pscheduler("failed", "operate.ini")


def test_ending_one_task_loses_none_of_those_that_waited_behind_it(project: Project) -> None:
    project.start("-c", "1")
    hanging = project.tasks.hang.delay("f")
    project.running("f")
    behind = [project.tasks.add.delay(n, n) for n in range(20)]

    hanging.revoke(terminate=True)

    assert [result.get(timeout=SECONDS) for result in behind] == [2 * n for n in range(20)]
