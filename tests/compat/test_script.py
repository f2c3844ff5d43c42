"""A script that is its own app and worker, as small projects have it: ``python tasks.py``, without a guard."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from compat import Celery
from tests import servers
from tests.fleet import ROOT, wait_for

SECONDS = 30
SCRIPT = """
from compat import Celery

app = Celery("script", broker={broker!r}, backend={backend!r})
app.conf.update(task_default_queue={queue!r}, pyramid_scheduler={{"ledger.url": "sqlite:///ledger.sqlite"}})

@app.task
def add(x, y):
    return x + y

app.worker_main(["worker", "-c", "1", "-l", "INFO"])
"""


def test_a_script_that_starts_its_worker_without_a_guard_runs_the_tasks_it_has(tmp_path: Path) -> None:
    servers.require("redis")
    with servers.fresh_broker("redis", tmp_path) as broker:
        said = {"broker": broker, "backend": f"{servers.REDIS_URL}/9", "queue": servers.unique("script")}
        (tmp_path / "tasks.py").write_text(SCRIPT.format(**said))
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        log = tmp_path / "log"
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, "tasks.py"], cwd=tmp_path, env=environ, stdout=output, stderr=output
            )
        try:
            wait_for(lambda: "is up" in log.read_text() or worker.poll() is not None, what=f"a worker: {log}")
            app = Celery("client", broker=broker, backend=said["backend"], set_as_current=False)
            app.conf.task_default_queue = said["queue"]
            assert app.send_task("script.add", (1, 2)).get(timeout=SECONDS) == 3
            app.close()
            worker.terminate()
            assert worker.wait(SECONDS) == 0
        finally:
            worker.kill()
            worker.wait()
