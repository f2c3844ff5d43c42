"""Tasks that are ended, or die with their process: somebody says so in their name. Real workers, really killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compat.exceptions import ChordError, TaskRevokedError, TimeLimitExceeded, WorkerLostError
from tests.compat.project import Project, project_on_redis, run_python
from tests.fleet import wait_for

SECONDS = 40
INI = "[app:main]\nuse = call:compat.pyramid:operate\ncelery = tests.compat.ending_tasks:app\n"


class Endings(Project):
    """Whose tasks say how they ended."""

    def running(self, word: str) -> int:
        """The process that runs it."""
        return int(wait_for(lambda: [pid for said, pid in self.notes("running") if said == word], what=word)[-1])

    def of(self, what: str, task_id: str) -> list[list[str]]:
        """What was noted of one task: the others that ended in the same worker are none of its test's business."""
        return [words for words in self.notes(what) if words[0] == task_id]

    def runs(self, word: str) -> int:
        return [said for said, _ in self.notes("running")].count(word)

    def log(self) -> str:
        """What its one worker has logged."""
        return self._log(0).read_text()

    def keeps(self, task_id: str) -> bool:
        """Whether its message is among those that ``pscheduler failed`` lists."""
        return self.tasks.app.pipeline.scheduler.ledger.parked.get(task_id) is not None

    def pscheduler(self, *words: str) -> str:
        (self.directory / "operate.ini").write_text(INI)
        return run_python(self.directory, self.environ, "-m", "pyramid_scheduler", *words, "operate.ini")


@contextmanager
def opened(directory: Path) -> Iterator[Endings]:
    with (
        pytest.MonkeyPatch.context() as patch,
        project_on_redis("tests.compat.ending_tasks", "ENDING", directory, patch, Endings) as made,
    ):
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Endings]:
    """For a test whose worker is not to be there for another."""
    with opened(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endings]:
    """A project whose worker, of one process, outlives its tasks."""
    with opened(tmp_path_factory.mktemp("process")) as made:
        made.start("-c", "1")
        yield made


@pytest.fixture(scope="module")
def threaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endings]:
    """The same, of two threads."""
    with opened(tmp_path_factory.mktemp("threads")) as made:
        made.start("-P", "threads", "-c", "2")
        yield made


@pytest.mark.parametrize("name", ["long", "long_and_late"])
def test_a_task_beyond_its_hard_limit_fails_where_all_can_see_it(lasting: Endings, name: str) -> None:
    task = getattr(lasting.tasks, name)

    result = task.apply_async((name,), link_error=lasting.tasks.sorry.s())

    with pytest.raises(TimeLimitExceeded) as raised:
        result.get(timeout=SECONDS)
    assert (result.state, str(raised.value)) == ("FAILURE", "TimeLimitExceeded(1,)")
    wait_for(lambda: lasting.of("errback", result.id) == [[result.id]], what="the errback")
    assert lasting.of("on_failure", result.id) == [[result.id, "TimeLimitExceeded", f"['{name}']", result.id]]
    assert lasting.of("task_failure", result.id) == [[result.id, "TimeLimitExceeded"]]
    assert lasting.tasks.add.delay(1, 2).get(timeout=SECONDS) == 3
    assert lasting.runs(name) == 1
    assert f"Hard time limit (1s) exceeded for {task.name}[{result.id}]" in lasting.log()


def test_a_chord_fails_with_the_task_that_exceeded_its_limit(project: Endings) -> None:
    from compat import chord

    project.start("-c", "2")
    tasks = project.tasks

    result = chord([tasks.add.s(1, 1), tasks.long.s("b")])(tasks.total.s())

    with pytest.raises(TimeLimitExceeded):  # the header's, as with Celery; the body's own is a ChordError
        result.get(timeout=SECONDS)
    assert isinstance(result.result, ChordError)


def test_a_task_that_dies_with_its_process_is_kept_and_its_result_says_so(lasting: Endings) -> None:
    result = lasting.tasks.fatal.delay()

    with pytest.raises(WorkerLostError, match=r"^Worker exited prematurely: signal 9 \(SIGKILL\)"):
        result.get(timeout=SECONDS)
    told = [[result.id, "WorkerLostError", "[]", result.id]]
    wait_for(lambda: lasting.of("on_failure", result.id) == told, what="its on_failure")
    failed = lasting.pscheduler("failed")
    assert result.id in failed
    assert "WorkerLost" in failed


def test_what_was_lost_runs_when_it_is_retried(lasting: Endings) -> None:
    result = lasting.tasks.fatal_once.delay()
    with pytest.raises(WorkerLostError):
        result.get(timeout=SECONDS)

    lasting.pscheduler("retry", result.id)

    again = lasting.tasks.app.AsyncResult(result.id)
    assert wait_for(lambda: again.backend.get_task_meta(result.id, cache=False)["status"] == "SUCCESS")


def test_a_task_with_acks_late_that_dies_with_its_process_runs_again_and_is_not_called_lost(project: Endings) -> None:
    project.start("-c", "1")
    result = project.tasks.hang_late.delay("c")

    os.kill(project.running("c"), signal.SIGKILL)

    wait_for(lambda: project.runs("c") == 2, what="the second run")
    assert result.state == "STARTED"
    assert not project.keeps(result.id)


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
    assert project.keeps(result.id)


@pytest.mark.parametrize("name", ["hang", "hang_late"])
@pytest.mark.parametrize("worker", ["lasting", "threaded"], ids=["a process", "two threads"])
def test_a_task_that_is_terminated_ends_and_does_not_run_again(
    request: pytest.FixtureRequest, name: str, worker: str
) -> None:
    project: Endings = request.getfixturevalue(worker)
    result = getattr(project.tasks, name).delay(name)
    pid = project.running(name)

    result.revoke(terminate=True, signal="SIGKILL")

    with pytest.raises(TaskRevokedError, match="terminated"):
        result.get(timeout=SECONDS)
    assert result.state == "REVOKED"
    told = [[result.id, "True", "9", "False"]]
    wait_for(lambda: project.of("task_revoked", result.id) == told, what="the signal")
    assert project.tasks.add.delay(1, 2).get(timeout=SECONDS) == 3
    assert (not Path(f"/proc/{pid}").exists()) == (worker == "lasting")
    assert project.runs(name) == 1
    assert not project.keeps(result.id)


@pytest.mark.parametrize(("worker", "seconds"), [("lasting", 60), ("threaded", 0.05)], ids=["a process", "two threads"])
def test_a_task_that_is_sent_sigusr1_exceeds_its_soft_limit_and_may_tidy_up(
    request: pytest.FixtureRequest, worker: str, seconds: float
) -> None:
    project: Endings = request.getfixturevalue(worker)
    result = project.tasks.tidy.delay(worker, seconds)
    pid = project.running(worker)

    result.revoke(terminate=True, signal="SIGUSR1")

    wait_for(lambda: result.state in ("SUCCESS", "FAILURE"), what="its result")
    assert result.get(timeout=SECONDS) == "tidied up"
    assert project.tasks.add.delay(1, 2).get(timeout=SECONDS) == 3
    assert Path(f"/proc/{pid}").exists()


def test_ending_one_task_loses_none_of_those_that_waited_behind_it(lasting: Endings) -> None:
    hanging = lasting.tasks.hang.delay("f")
    lasting.running("f")
    behind = [lasting.tasks.add.delay(n, n) for n in range(20)]

    hanging.revoke(terminate=True)

    assert [result.get(timeout=SECONDS) for result in behind] == [2 * n for n in range(20)]
