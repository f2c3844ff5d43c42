"""A script that is its own app and worker, as small projects have it: ``python tasks.py``, without a guard."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from compat import Celery
from tests import servers
from tests.fleet import ROOT, end, wait_for

SECONDS = 30
HEAD = """
from compat import Celery

app = Celery("script", broker={broker!r}, backend={backend!r})
app.conf.update(task_default_queue={queue!r}, pyramid_scheduler={{"ledger.url": "sqlite:///ledger.sqlite"}})
"""
WITHOUT_A_GUARD = (
    HEAD
    + """
@app.task
def add(x, y):
    return x + y

app.worker_main(["worker", "-c", "1", "-l", "INFO"])
"""
)
CHANGED_AT_RUN_TIME = (
    HEAD
    + """
@app.task
def color():
    return app.conf.color

def main():
    app.conf.update(color="blue", no_other_process_can_have_it=lambda: None)
    app.worker_main(["worker", "-c", "1", "-l", "INFO", "-n", "w1@%h", "--pidfile=%n.pid"])

if __name__ == "__main__":
    main()
"""
)
IN_A_THREAD = (
    HEAD
    + """
import threading

@app.task
def add(x, y):
    return x + y

if __name__ == "__main__":
    worker = threading.Thread(target=app.worker_main, args=(["worker", "--concurrency", 1],))
    worker.start()
    worker.join()
"""
)
LOCAL = (
    HEAD.replace("app = ", "if __name__ == '__main__':\n  app = ").replace("app.conf", "  app.conf")
    + """
  made = [app]
  del app
  made[0].start(["worker", "-c", "1"])
"""
)
IMPLICIT = """
from compat import current_app, shared_task
from compat.bin.celery import main

@shared_task
def add(x, y):
    return x + y

if __name__ == "__main__":
    current_app.conf.update(
        broker_url={broker!r}, result_backend={backend!r}, task_default_queue={queue!r}, include=["tasks"],
        pyramid_scheduler={{"ledger.url": "sqlite:///ledger.sqlite"}},
    )
    raise SystemExit(main(["worker", "-c", "1"]))
"""


@dataclass
class Script:
    """A program that is running; ``app`` is a client of it."""

    process: subprocess.Popen[bytes]
    app: Celery
    log: Path


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Script]]:
    servers.require("redis")
    running: list[Script] = []
    with servers.fresh_broker("redis", tmp_path) as broker:
        said = {"broker": broker, "backend": f"{servers.REDIS_URL}/9", "queue": servers.unique("script")}

        def begin(text: str) -> Script:
            (tmp_path / "tasks.py").write_text(text.format(**said))
            log, environ = tmp_path / "log", {**os.environ, "PYTHONPATH": str(ROOT)}
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [sys.executable, "tasks.py"], cwd=tmp_path, env=environ, stdout=output, stderr=output
                )
            app = Celery("client", broker=broker, backend=said["backend"], set_as_current=False)
            app.conf.task_default_queue = said["queue"]
            running.append(Script(process, app, log))
            wait_for(lambda: "is up" in log.read_text() or process.poll() is not None, what=f"a worker: {log}")
            return running[-1]

        yield begin
        for script in running:
            script.app.close()
            end(script.process)


def test_a_script_that_starts_its_worker_without_a_guard_runs_the_tasks_it_has(run: Callable[[str], Script]) -> None:
    script = run(WITHOUT_A_GUARD)

    assert script.app.send_task("script.add", (1, 2)).get(timeout=SECONDS) == 3
    script.process.terminate()
    assert script.process.wait(SECONDS) == 0


@pytest.mark.peer  # the supervisor alone is tested in tests/work
def test_a_worker_runs_in_a_thread_of_a_program_and_a_number_may_be_said_to_it_as_a_number(
    run: Callable[[str], Script],
) -> None:
    script = run(IN_A_THREAD)

    assert script.app.send_task("script.add", (1, 2)).get(timeout=SECONDS) == 3
    script.app.control.shutdown()
    assert script.process.wait(SECONDS) == 0


def test_settings_of_before_worker_main_are_those_of_all_processes(run: Callable[[str], Script]) -> None:
    script = run(CHANGED_AT_RUN_TIME)
    pidfile = script.log.with_name("w1.pid")

    assert script.app.send_task("script.color").get(timeout=SECONDS) == "blue"
    assert "no_other_process_can_have_it is as the app's module sets it" in script.log.read_text()
    assert int(pidfile.read_text()) == script.process.pid
    script.process.terminate()
    assert script.process.wait(SECONDS) == 0
    assert not pidfile.exists()


def test_a_worker_without_an_app_runs_the_tasks_of_the_implicit_one(run: Callable[[str], Script]) -> None:
    script = run(IMPLICIT)

    assert script.app.send_task("tasks.add", (1, 2)).get(timeout=SECONDS) == 3


def test_an_app_that_no_module_has_cannot_be_found_by_other_processes_and_the_way_out_is_said(
    run: Callable[[str], Script],
) -> None:
    script = run(LOCAL)

    assert script.process.wait(SECONDS) == 1
    assert script.log.read_text().startswith("celery: which app? Say -A module:attribute")
