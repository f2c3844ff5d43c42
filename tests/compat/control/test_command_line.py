"""What the words and the environment tell ``celery worker`` and ``celery beat``."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kombu.common import Broadcast
from kombu.entity import Queue

from compat import Celery
from compat.beat import Beat
from compat.bin import beat, worker
from compat.bin.celery import main
from compat.platforms import EX_CANTCREAT
from compat.signals import user_preload_options

USAGE = 64
Start = Callable[..., dict[str, Any]]
proj = Celery("proj", broker="redis://own", set_as_current=False, task_default_queue="mine", worker_concurrency=5)
APP = ("-A", f"{__name__}:proj")
#: As a class of the real Celery is made.
stranger = type("Celery", (), {"__module__": "celery.app.base"})()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("APP", "BROKER_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CELERY_CONFIG_MODULE"):
        monkeypatch.setenv(name, "")  # put back after the test, whatever becomes of it


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Says what processes would have been started, and which files there were by then."""

    def begin(*words: object) -> dict[str, Any]:
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
    [
        (("-c", "auto"), len(os.sched_getaffinity(0))),
        (("-c", "0"), 5),
        ((), 5),
        (("-c", "2"), 2),
        (("-c", 2), 2),
        (("--autoscale", "7,3"), 7),
        (("--autoscale=9", "-c", "2"), 9),
    ],
    ids=["auto", "nothing", "unsaid", "two", "a number", "at most", "at most, whatever else"],
)
def test_there_are_as_many_processes_as_is_said(start: Start, words: tuple[object, ...], processes: int) -> None:
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


def test_an_app_of_the_real_celery_is_refused_with_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-A", f"{__name__}:stranger", "worker"]) == USAGE
    assert "call compat.install_as_celery() before it is imported" in capsys.readouterr().err


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


@pytest.fixture
def with_options(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Click, and the app with options of its own."""
    click = pytest.importorskip("click")
    monkeypatch.setattr(proj, "user_options", defaultdict(set))
    proj.user_options["worker"].add(click.Option(["--colors"], type=int, multiple=True, default=[1]))
    proj.user_options["preload"].add(click.Option(["--env"]))
    return click


def test_options_of_the_apps_own_are_read_as_click_reads_them(
    start: Start, with_options: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[Any] = []
    receiver = user_preload_options.connect(lambda options, **kwargs: told.append(options), weak=False)
    try:
        options = start(*APP, "worker", "--colors", "2", "-l", "INFO", "--colors=3", "--env=x", "--other")["options"]
    finally:
        user_preload_options.disconnect(receiver)

    assert (options["colors"], options["env"], options["loglevel"]) == ((2, 3), "x", "INFO")
    assert told == [{"env": "x"}]
    assert capsys.readouterr().err == "celery worker: --other has no effect here\n"
    assert start(*APP, "worker")["options"]["colors"] == (1,)


@pytest.mark.parametrize(("words", "way_out"), [(("--colors", "red"), "'red' is not a valid integer"), ((), "Click")])
def test_options_that_click_cannot_read_are_an_error(
    with_options: Any, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], way_out: str
) -> None:
    if not words:
        proj.user_options["worker"].add("--of-another-time")

    assert main([*APP, "worker", *words]) == USAGE
    assert way_out in capsys.readouterr().err


@pytest.mark.parametrize("name", ["--concurrency", "--app", "--purge", "--parent"])
def test_an_option_that_is_called_as_one_of_the_workers_own_is_an_error_that_names_it(
    with_options: Any, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    proj.user_options["worker"].add(with_options.Option([name]))

    assert main([*APP, "worker"]) == USAGE
    said = capsys.readouterr().err
    assert (name in said, len(said.splitlines())) == (True, 1)


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


OWN = "tests.compat.beat.recording:RecordingScheduler"
told = Celery("told", set_as_current=False, beat_scheduler=OWN)
busy = Celery("busy", set_as_current=False, beat_schedule={"a": {"task": "t", "schedule": 5}})


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the scheduler classes were told that would have ticked in this process."""
    told: list[dict[str, Any]] = []

    def run(beat: Any, cls: Any) -> int:
        told.append({**vars(beat), "cls": cls})
        return 0

    monkeypatch.setattr(Beat, "run_scheduler", run)
    return told


def test_a_scheduler_class_ticks_in_beats_own_process_with_the_options_of_beat(beats: list[dict[str, Any]]) -> None:
    words = ("-s", "file", "--max-interval", "5", "--enable-remote-control", "-n", "b@%h", "-l", "INFO", "-f", "log")

    assert main((*APP, "-q", "beat", "-S", OWN, *words)) == 0

    told = {"cls": OWN, "schedule": "file", "max_interval": 5, "remote_control": True, "hostname": "b@%h"}
    said = {"loglevel": "INFO", "logfile": "log", "quiet": True}
    assert beats[0].items() >= {**told, **said}.items()


@pytest.mark.parametrize("scheduler", ["celery.beat.PersistentScheduler", "celery.beat:PersistentScheduler"])
def test_what_celerys_own_scheduler_would_do_a_timekeeper_does(
    start: Start, beats: list[dict[str, Any]], scheduler: str
) -> None:
    assert start(*APP, "beat", "-S", scheduler)["processes"] == 0
    assert beats == []


def test_a_worker_is_a_beat_with_that_class_if_it_is_told_so(start: Start) -> None:
    words = ("--scheduler", OWN, "-s", "file")

    told = start(*APP, "worker", "-B", *words)["options"]

    assert (told["beat"], told["scheduler"], told["schedule_filename"]) == (True, OWN, "file")
    assert not start(*APP, "worker", *words)["options"]["beat"]
    assert not start(*APP, "worker", "-B")["options"]["beat"]
    assert start("-A", f"{__name__}:told", "worker", "-B")["options"]["beat"]


@pytest.mark.parametrize("words", [("beat", "-S", OWN), ("worker", "-B", "--scheduler", OWN)], ids=["beat", "worker"])
def test_a_class_that_only_this_command_knows_is_refused_where_workers_would_send_the_same(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert main(("-A", f"{__name__}:busy", *words)) == USAGE
    assert f"say beat_scheduler = '{OWN}' in the app's settings" in capsys.readouterr().err


def test_there_is_one_beat_with_a_class_to_a_pidfile(
    beats: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "beat.pid"
    words = (*APP, "beat", "-S", OWN, "--pidfile", str(path))

    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(SystemExit) as exit_:
        main(words)
    assert (exit_.value.code, path.exists()) == (EX_CANTCREAT, True)
    assert f"process {os.getppid()} runs already" in capsys.readouterr().err

    for left_over in (os.getpid(), "nobody"):
        path.write_text(f"{left_over}\n")
        assert main(words) == 0
    assert not path.exists()
