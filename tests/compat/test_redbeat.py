"""RedBeat under ``compat.install_as_celery()``: its schedule and its lock are in Redis."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.fleet import ROOT, end, wait_for

pytest.importorskip("redbeat")
pytestmark = pytest.mark.peer
PROJECT = """
import compat
compat.install_as_celery()

from celery import Celery

app = Celery("quay", broker={url!r}, task_default_queue={queue!r}, beat_scheduler="redbeat.RedBeatScheduler")
app.conf.update(
    beat_schedule={{"often": {{"task": "quay.note", "schedule": 1.0, "args": ["often"]}}}},
    beat_max_loop_interval=0.2,
    redbeat_redis_url={url!r},
    redbeat_key_prefix={queue!r},
    redbeat_lock_timeout=2,
    pyramid_scheduler={{"ledger.url": "sqlite:///ledger.sqlite"}},
)


@app.task(name="quay.note", ignore_result=True)
def note(word):
    with open("notes", "a") as notes:
        notes.write(word + "\\n")
"""
ENTRY = """
from quay import app
from celery.schedules import schedule
from redbeat import RedBeatSchedulerEntry

entry = RedBeatSchedulerEntry("mine", "quay.note", schedule(1), args=["mine"], app=app)
entry.enabled = {enabled}
entry.save()
"""


class Quay:
    """The project, and its processes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{directory}"}
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        log = self._log(len(self.processes))
        command = [sys.executable, "-m", "compat", "-A", "quay", *words, "-l", "INFO"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=self.directory, env=self.environ, stdout=output, stderr=output)
        self.processes.append(process)
        self.wait_for_word(process, "is up")
        return process

    def wait_for_word(self, process: subprocess.Popen[bytes], word: str) -> None:
        log = self._log(self.processes.index(process))
        wait_for(lambda: word in log.read_text(), what=f"{word} in {log}")

    def _log(self, number: int) -> Path:
        return self.directory / f"log{number}"

    def noted(self, word: str) -> int:
        path = self.directory / "notes"
        return path.read_text().split().count(word) if path.exists() else 0

    def wait_for(self, word: str, times: int = 1) -> None:
        before = self.noted(word)
        wait_for(lambda: self.noted(word) >= before + times, what=f"{times} times {word}, {self.directory}")

    def run(self, text: str) -> None:
        subprocess.run([sys.executable, "-c", text], cwd=self.directory, env=self.environ, check=True, timeout=60)


@pytest.fixture
def quay(tmp_path: Path) -> Iterator[Quay]:
    with servers.fresh_broker("redis", tmp_path) as url:
        (tmp_path / "quay.py").write_text(PROJECT.format(url=url, queue=servers.unique("quay")))
    made = Quay(tmp_path)
    yield made
    for process in made.processes:
        end(process)


def test_what_is_saved_in_redis_counts_and_of_two_beats_one_has_the_lock(quay: Quay) -> None:
    quay.start("worker", "-c", "1")
    first = quay.start("beat")
    quay.wait_for_word(first, "Acquired lock")
    second = quay.start("beat")

    quay.run(ENTRY.format(enabled=True))
    quay.wait_for("mine", 2)
    quay.run(ENTRY.format(enabled=False))
    quay.wait_for("often", 2)
    before: dict[str, Any] = {word: quay.noted(word) for word in ("mine", "often")}
    quay.wait_for("often", 2)
    assert quay.noted("mine") == before["mine"]

    first.kill()  # its lock is left behind, and runs out
    quay.wait_for_word(second, "Acquired lock")
    quay.wait_for("often", 2)
    third = quay.start("beat")
    third.terminate()  # while it waits for the lock
    assert third.wait(20) == 0
    second.terminate()
    assert second.wait(20) == 0
    quay.wait_for_word(second, "Releasing lock")
