"""Tasks that are ended, or die with their process: somebody says so in their name. Real workers, really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compat.exceptions import ChordError, TaskRevokedError, TimeLimitExceeded, WorkerLostError
from tests.compat.project import Project, project_on_redis
from tests.fleet import wait_for

SECONDS = 40
INI = "[app:main]\nuse = call:compat.pyramid:operate\ncelery = tests.compat.ending_tasks:app\n"


class Endings(Project):
    """Whose tasks say how they ended."""

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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endings]:
    with project_on_redis("tests.compat.ending_tasks", "ENDING", tmp_path, monkeypatch, Endings) as made:
        yield made


@pytest.mark.parametrize("name", ["long", "long_and_late"])
def test_a_task_beyond_its_hard_limit_fails_where_all_can_see_it(project: Endings, name: str) -> None:
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


def test_a_chord_fails_with_the_task_that_exceeded_its_limit(project: Endings) -> None:
    from compat import chord

    project.start("-c", "2")
    tasks = project.tasks

    result = chord([tasks.add.s(1, 1), tasks.long.s("b")])(tasks.total.s())

    with pytest.raises(TimeLimitExceeded):  # the header's, as with Celery; the body's own is a ChordError
        result.get(timeout=SECONDS)
    assert isinstance(result.result, ChordError)


def test_a_task_that_dies_with_its_process_is_kept_and_its_result_says_so(project: Endings) -> None:
    project.start("-c", "1")

    result = project.tasks.fatal.delay()

    with pytest.raises(WorkerLostError, match="SIGKILL"):
        result.get(timeout=SECONDS)
    wait_for(
        lambda: project.notes("on_failure") == [[result.id, "WorkerLostError", "[]", result.id]], what="its on_failure"
    )
    failed = project.pscheduler("failed", "operate.ini")
    assert result.id in failed
    assert "WorkerLost" in failed


def test_what_was_lost_runs_when_it_is_retried(project: Endings) -> None:
    project.start("-c", "1")
    result = project.tasks.fatal_once.delay()
    with pytest.raises(WorkerLostError):
        result.get(timeout=SECONDS)

    project.pscheduler("retry", result.id, "operate.ini")

    again = project.tasks.app.AsyncResult(result.id)
    assert wait_for(lambda: again.backend.get_task_meta(result.id, cache=False)["status"] == "SUCCESS")


def test_a_task_with_acks_late_that_dies_with_its_process_runs_again_and_is_not_called_lost(project: Endings) -> None:
    project.start("-c", "1")
    result = project.tasks.hang_late.delay("c")

    os.kill(project.running("c"), signal.SIGKILL)

    wait_for(lambda: len(project.notes("running")) == 2, what="the second run")
    assert result.state == "STARTED"
    assert result.id not in project.pscheduler("failed", "operate.ini")


@pytest.mark.parametrize("words", [["-c", "1"], ["-P", "threads", "-c", "2"]], ids=["a process", "two threads"])
def test_a_task_that_does_not_end_when_the_worker_stops_is_kept_and_its_result_says_so(
    project: Endings, words: list[str]
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
def test_a_task_that_is_terminated_ends_and_does_not_run_again(project: Endings, name: str, words: list[str]) -> None:
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


def test_ending_one_task_loses_none_of_those_that_waited_behind_it(project: Endings) -> None:
    project.start("-c", "1")
    hanging = project.tasks.hang.delay("f")
    project.running("f")
    behind = [project.tasks.add.delay(n, n) for n in range(20)]

    hanging.revoke(terminate=True)

    assert [result.get(timeout=SECONDS) for result in behind] == [2 * n for n in range(20)]
