"""RedBeat under ``compat.install_as_celery()``: its schedule and its lock are in Redis."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.compat.project import Site
from tests.fleet import ROOT, wait_for

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


class Quay(Site):
    """The project, and its processes."""

    def wait_for_word(self, process: subprocess.Popen[bytes], word: str) -> None:
        log = self.log(self.processes.index(process))
        wait_for(lambda: word in log.read_text(), what=f"{word} in {log}")


@pytest.fixture
def quay(tmp_path: Path) -> Iterator[Quay]:
    with servers.fresh_broker("redis", tmp_path) as url:
        (tmp_path / "quay.py").write_text(PROJECT.format(url=url, queue=servers.unique("quay")))
    made = Quay("quay", tmp_path, {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"})
    yield made
    made.end()


def test_what_is_saved_in_redis_counts_and_of_two_beats_one_has_the_lock(quay: Quay) -> None:
    quay.start("worker", "-c", "1")
    first = quay.start("beat")
    quay.wait_for_word(first, "Acquired lock")
    second = quay.start("beat")

    quay.run("-c", ENTRY.format(enabled=True))
    quay.wait_for("mine", 2)
    quay.run("-c", ENTRY.format(enabled=False))
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
