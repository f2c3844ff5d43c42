"""What the words and the environment tell ``celery worker`` and ``celery beat``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kombu.common import Broadcast
from kombu.entity import Queue

from compat import Celery
from compat.bin import beat, worker
from compat.bin.celery import main

USAGE = 64
Start = Callable[..., dict[str, Any]]
proj = Celery("proj", broker="redis://own", set_as_current=False, task_default_queue="mine", worker_concurrency=5)
APP = ("-A", f"{__name__}:proj")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("APP", "BROKER_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CELERY_CONFIG_MODULE"):
        monkeypatch.setenv(name, "")  # put back after the test, whatever becomes of it


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Says what processes would have been started, and which files there were by then."""

    def begin(*words: str) -> dict[str, Any]:
        told: dict[str, Any] = {}

        def supervise(load: Any, **options: Any) -> int:
            told.update(options, options=load.options, files=sorted(os.listdir()))
            return 0

        for module in (worker, beat):
            monkeypatch.setattr(module, "supervise", supervise)
        assert main(words) == 0
        return told

    return begin


@pytest.mark.parametrize(
    ("variable", "words", "url"),
    [
        ("BROKER_URL", (), "redis://variable"),
        ("CELERY_BROKER_URL", (), "redis://variable"),
        ("CELERY_BROKER_URL", ("-b", "redis://word"), "redis://word"),
        ("BROKER_URL", ("-b", "redis://word"), "redis://word"),
        ("OTHER", (), "redis://own"),
    ],
)
def test_the_broker_is_the_words_then_the_environments_then_the_apps(
    start: Start, monkeypatch: pytest.MonkeyPatch, variable: str, words: tuple[str, ...], url: str
) -> None:
    monkeypatch.setenv(variable, "redis://variable")

    assert start(*APP, *words, "worker")["broker_url"] == url


def test_every_option_has_a_variable(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "APP": f"{__name__}:proj",
        "CELERY_WORKER_CONCURRENCY": "3",
        "CELERY_WORKER_QUEUES": "zq,yq",
        "CELERY_WORKER_TASK_EVENTS": "true",
        "CELERY_WORKER_WITHOUT_HEARTBEAT": "0",
        "CELERY_WORKER_LOGLEVEL": "",
    }
    for name, value in said.items():
        monkeypatch.setenv(name, value)

    told = start("worker")

    assert (told["processes"], told["queues"]) == (3, ("zq", "yq"))
    options = {name: told["options"][name] for name in ("task_events", "without_heartbeat", "loglevel")}
    assert options == {"task_events": True, "without_heartbeat": False, "loglevel": "WARNING"}
    assert start("worker", "-c", "4")["processes"] == 4


def test_what_is_said_of_all_commands_reaches_the_processes_of_a_worker(start: Start) -> None:
    start(*APP, "--result-backend", "redis://results", "--config", "tests.compat.app.celeryconfig_sample", "beat")

    assert os.environ["CELERY_RESULT_BACKEND"] == proj.conf.result_backend == "redis://results"
    assert os.environ["CELERY_CONFIG_MODULE"] == "tests.compat.app.celeryconfig_sample"


@pytest.mark.parametrize(
    ("words", "processes"),
    [(("-c", "auto"), len(os.sched_getaffinity(0))), (("-c", "0"), 5), ((), 5), (("-c", "2"), 2)],
    ids=["auto", "nothing", "unsaid", "two"],
)
def test_there_are_as_many_processes_as_is_said(start: Start, words: tuple[str, ...], processes: int) -> None:
    assert start(*APP, "worker", *words)["processes"] == processes


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("worker", "-n", "w1@%h", "--pidfile=%n.pid"), "w1.pid"),
        (("worker", "-n", "w1@far.away", "--pidfile=%n-%d.pid"), "w1-away.pid"),
        (("worker", "--pidfile", "plain.pid"), "plain.pid"),
        (("beat", "--pidfile", "beat.pid"), "beat.pid"),
    ],
)
def test_a_pidfile_is_there_while_the_command_runs(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], name: str
) -> None:
    monkeypatch.chdir(tmp_path)

    assert start(*APP, *words)["files"] == [name]
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (("worker", "-A", "proj"), "-A comes before the word: celery -A … worker …"),
        (("worker", "--app=proj"), "--app comes before the word"),
        (("beat", "-b", "redis://"), "-b comes before the word"),
        ((*APP, "beat", "--detach"), "--detach: run it under systemd"),
        ((*APP, "worker", "-D"), "-D: run it under systemd"),
    ],
)
def test_what_would_be_misunderstood_is_refused_with_the_way_out(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], way_out: str
) -> None:
    assert main(words) == USAGE
    assert way_out in capsys.readouterr().err


def test_a_broadcast_queue_is_left_out_of_what_a_worker_takes_from(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(proj.amqp.__dict__, "queues", proj.amqp.Queues([Queue("mine"), Broadcast("news")]))

    assert start(*APP, "worker")["queues"] == ("mine",)
    assert "celery worker: news is left out" in capsys.readouterr().err
    assert start(*APP, "worker", "-Q", "mine,news")["queues"] == ("mine",)
    assert main((*APP, "worker", "-Q", "news")) == USAGE
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "celery worker: news is left out: no worker here has a broadcast queue to itself",
        "celery worker: no queue is left to take from",
    ]


@pytest.mark.parametrize(
    ("scheduler", "said"),
    [("django_celery_beat.schedulers:DatabaseScheduler", True), ("celery.beat.PersistentScheduler", False)],
)
def test_a_scheduler_of_ones_own_is_not_passed_over_in_silence(
    start: Start, capsys: pytest.CaptureFixture[str], scheduler: str, said: bool
) -> None:
    start(*APP, "beat", "-S", scheduler)

    assert (f"the scheduler {scheduler} is not asked" in capsys.readouterr().err) is said
