"""How a process of a worker logs, whatever its application has set up before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from compat.app import trace
from compat.contrib.testing.worker import start_worker
from tests.fleet import ROOT

TASKS = """
import logging.config
from compat import signals

logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
})

@signals.celeryd_after_setup.connect
def note(**kwargs):
    logging.getLogger("of.tasks").info("the worker is set up")
"""
RECEIVERS = """
@signals.{name}.connect
def name_it(**kwargs):
    logging.root.name = "{name} was heard"
"""
PROCESS = """
import json, logging, sys
from compat import Celery
from compat.worker.embedding import embed

app = Celery("logs", broker="memory://", include=["shop_tasks"])
embed(app, {"loglevel": "INFO", "logfile": "%n.log"}, "one@here", speaks=False)
logging.getLogger("of.tasks").info("a task says hello")
root = logging.root
said = {"level": root.level, "name": root.name, "handlers": [type(one).__name__ for one in root.handlers]}
print(json.dumps(said), file=sys.__stdout__)
"""


def run(directory: Path, tasks: str) -> dict[str, Any]:
    """What the root logger is after a worker's process has come up with these tasks."""
    (directory / "shop_tasks.py").write_text(tasks)
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{directory}"}
    command = [sys.executable, "-c", PROCESS]
    done = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=True, timeout=60)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_what_the_worker_is_told_goes_before_what_the_applications_modules_set_up(tmp_path: Path) -> None:
    said = run(tmp_path, TASKS)

    assert (said["level"], said["handlers"]) == (20, ["WatchedFileHandler"])
    first, *_, last = (tmp_path / "one.log").read_text().splitlines()
    assert first.endswith("INFO/MainProcess] the worker is set up")
    assert last.endswith("INFO/MainProcess] a task says hello")


@pytest.mark.parametrize("name", ["after_setup_logger", "setup_logging"])
def test_receivers_in_a_module_of_tasks_are_asked_how_to_log(tmp_path: Path, name: str) -> None:
    assert run(tmp_path, TASKS + RECEIVERS.format(name=name))["name"] == f"{name} was heard"


def test_the_texts_that_an_application_puts_into_the_module_of_tracing_are_logged(
    app: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOG_RECEIVED", "LOG_RETRY", "LOG_SUCCESS"):
        monkeypatch.setattr(trace, name, f"{name} of ours: %(name)s")
    app.conf.result_backend = "cache+memory://"

    @app.task(bind=True, name="once.more", max_retries=1)
    def once_more(self: Any) -> None:
        if not self.request.retries:
            raise self.retry(countdown=0)

    caplog.set_level("INFO", "celery")
    with start_worker(app, perform_ping_check=False):
        once_more.delay().get(timeout=20)

    said = [record.getMessage() for record in caplog.records if "of ours" in record.getMessage()]
    once = ["LOG_RECEIVED of ours: once.more"]
    assert said == [*once, "LOG_RETRY of ours: once.more", *once, "LOG_SUCCESS of ours: once.more"]
