"""Beat within a worker: ``celery worker -B`` with a scheduler class."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from compat import signals
from compat.exceptions import ImproperlyConfigured
from compat.worker.embedding import EmbeddedBeat, embed
from tests.compat.beat.recording import RecordingScheduler

SECONDS = 10


class Ticking(RecordingScheduler):
    ticked: threading.Event

    def tick(self, *args: Any, **kwargs: Any) -> float:
        self.ticked.set()
        return 3600.0


@pytest.fixture(autouse=True)
def _afresh() -> None:
    Ticking.ticked = threading.Event()


def test_it_ticks_in_the_timekeepers_process_and_writes_down_when_that_stops(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.conf.beat_schedule = {"a": {"task": "shop.often", "schedule": 5}}
    told: list[Any] = []
    monkeypatch.setattr(signals.beat_embedded_init, "send", lambda sender: told.append(sender))
    options = {"beat": True, "scheduler": f"{__name__}:Ticking", "schedule_filename": "file", "loglevel": "ERROR"}

    scheduler = embed(app, options, "celery@here", speaks=False)
    scheduler.occasions.start.come()
    try:
        assert Ticking.ticked.wait(SECONDS)
    finally:
        scheduler.occasions.stop.come()

    service = told[0]
    assert service.scheduler.synced
    assert service.schedule_filename == "file"
    assert not scheduler.declared


def test_a_class_that_cannot_be_loaded_keeps_the_worker_from_starting(app: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"no\.such"):
        embed(app, {"beat": True, "scheduler": "no.such:Class"}, "celery@here", speaks=False)


class Unclosable(Ticking):
    def close(self) -> None:
        raise OSError("no space left")


def test_a_schedule_that_cannot_be_written_down_when_its_process_stops_ends_no_task_of_it(
    app: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    beat = EmbeddedBeat(app, scheduler_cls=Unclosable)
    beat.start()
    assert Ticking.ticked.wait(SECONDS)

    beat.stop()

    assert not beat.is_alive()
    assert ended == []
    assert "beat: OSError('no space left')" in caplog.text


class Broken(Ticking):
    def tick(self, *args: Any, **kwargs: Any) -> float:
        raise KeyError("table")


class Leaving(Ticking):
    def tick(self, *args: Any, **kwargs: Any) -> float:
        raise SystemExit


class Unmade(Ticking):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise SystemExit("mine")


@pytest.mark.parametrize(
    ("cls", "words"), [(Broken, "KeyError('table')"), (Leaving, "has left"), (Unmade, "SystemExit('mine')")]
)
def test_where_it_fails_or_leaves_its_process_ends_for_another_to_take_its_place(
    app: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, cls: Any, words: str
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)

    EmbeddedBeat(app, scheduler_cls=cls).run()

    assert ended == [1]
    assert "beat: " in caplog.text
    assert words in caplog.text
