"""A Celery project of its own for a test: its tasks, its real worker processes, and the notes that its tasks left."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests import servers
from tests.fleet import ROOT, wait_for


class Project:
    """``module`` has the ``app`` and its tasks; what they note is in ``notes``."""

    def __init__(self, module: str, directory: Path, environ: dict[str, str]) -> None:
        self.module, self.directory, self.environ = module, directory, environ
        self.tasks: Any = importlib.import_module(module)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A worker that is up, the leader of a process group of its own."""
        command = [sys.executable, "-m", "compat", "-A", self.module, "worker", "-l", "INFO", *words]
        log = self.directory / f"worker{len(self.workers)}.log"
        with log.open("wb") as output:
            worker = subprocess.Popen(
                command, cwd=self.directory, env=self.environ, stdout=output, stderr=output, start_new_session=True
            )
        self.workers.append(worker)
        wait_for(lambda: "is up" in log.read_text(), what=f"a worker: {log}")
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """SIGKILL to the worker and all its children."""
        try:
            os.killpg(worker.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        worker.wait()

    def end(self) -> None:
        for worker in self.workers:
            self.kill(worker)
        self.tasks.app.close()

    def notes(self, what: str) -> list[list[str]]:
        path = self.directory / "notes"
        lines = [line.split("\t") for line in path.read_text().splitlines()] if path.exists() else []
        return [line[1:] for line in lines if line[0] == what]


P = TypeVar("P", bound=Project)


@contextmanager
def project_on_redis(
    module: str, prefix: str, directory: Path, monkeypatch: pytest.MonkeyPatch, kind: type[P]
) -> Iterator[P]:
    """The project of that module, which finds directory, broker, backend and queue in ``{prefix}_…`` variables."""
    servers.require("redis")
    with servers.fresh_broker("redis", directory) as broker:
        said = {
            "DIRECTORY": str(directory),
            "BROKER": broker,
            "BACKEND": f"{servers.REDIS_URL}/9",
            "QUEUE": servers.unique(prefix.lower()),
        }
        for name, value in said.items():
            monkeypatch.setenv(f"{prefix}_{name}", value)
        sys.modules.pop(module, None)
        project = kind(module, directory, {**os.environ, "PYTHONPATH": str(ROOT)})
        try:
            yield project
        finally:
            project.end()
