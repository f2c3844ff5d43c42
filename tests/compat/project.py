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
from tests.fleet import ROOT, end, wait_for


class Project:
    """``module`` has the ``app`` and its tasks; what they note is in ``notes``."""

    def __init__(self, module: str, directory: Path, environ: dict[str, str]) -> None:
        self.module, self.directory, self.environ = module, directory, environ
        self.tasks: Any = importlib.import_module(module)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A worker that is up, the leader of a process group of its own."""
        return self.start_several(1, *words)[0]

    def start_several(self, count: int, *words: str) -> list[subprocess.Popen[bytes]]:
        """Workers that come up at the same time."""
        started = [self._launch(*words) for _ in range(count)]
        for worker in started:
            log = self._log(self.workers.index(worker))
            wait_for(lambda log=log: "is up" in log.read_text(), what=f"a worker: {log}")  # type: ignore[misc]
        return started

    def _launch(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "compat", "-A", self.module, "worker", "-l", "INFO", *words]
        with self._log(len(self.workers)).open("wb") as output:
            worker = subprocess.Popen(
                command, cwd=self.directory, env=self.environ, stdout=output, stderr=output, start_new_session=True
            )
        self.workers.append(worker)
        return worker

    def _log(self, number: int) -> Path:
        return self.directory / f"worker{number}.log"

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


def run_python(directory: Path, environ: dict[str, str], *words: str) -> str:
    """What a Python that succeeds prints, in that directory."""
    done = subprocess.run(
        [sys.executable, *words], cwd=directory, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Site:
    """A directory with an app of the name ``app``, its workers and beats, and the words that its tasks noted."""

    def __init__(self, app: str, directory: Path, environ: dict[str, str]) -> None:
        self.app, self.directory, self.environ = app, directory, environ
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A worker or a beat that is up."""
        log = self.log(len(self.processes))
        command = [sys.executable, "-m", "compat", "-A", self.app, *words, "-l", "INFO"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=self.directory, env=self.environ, stdout=output, stderr=output)
        self.processes.append(process)
        wait_for(lambda: "is up" in log.read_text() or process.poll() is not None, what=f"{words}: {log}")
        assert process.poll() is None, log.read_text()
        return process

    def log(self, number: int) -> Path:
        return self.directory / f"log{number}"

    def run(self, *words: str) -> str:
        return run_python(self.directory, self.environ, *words)

    def end(self) -> None:
        for process in self.processes:
            end(process)

    def noted(self, word: str) -> int:
        path = self.directory / "notes"
        return path.read_text().split().count(word) if path.exists() else 0

    def wait_for(self, word: str, times: int = 1) -> None:
        """Until it is noted so many times more."""
        before = self.noted(word)
        wait_for(lambda: self.noted(word) >= before + times, what=f"{times} times {word}, {self.directory}")


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
