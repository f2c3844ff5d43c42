"""Real ``pscheduler`` processes for tests: started, waited for, killed; and what their jobs left behind."""

from __future__ import annotations

import io
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from pyramid.paster import bootstrap

from pyramid_scheduler.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 30.0


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS, what: str = "") -> Any:
    """The first true value of ``condition``; fails the test where there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what or condition}"
        time.sleep(0.05)


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What they return, each called in a thread of its own."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """This process can open nothing more."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))  # those of every process
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def end(process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """SIGTERM; and SIGKILL to one that does not heed it."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Fleet:
    """One application's ini file, and the processes that serve it."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.directory = directory
        self.ini = directory / "shop.ini"
        self.environ = {**os.environ, "SHOP_DIRECTORY": str(directory), "PYTHONPATH": str(ROOT)}
        # Pyramid's import of pkg_resources warns where setuptools is a newer one; it is none of our words.
        self.environ["PYTHONWARNINGS"] = "ignore:pkg_resources is deprecated:UserWarning"
        os.environ["SHOP_DIRECTORY"] = str(directory)
        self._settings = {"scheduler.combined": "false", "scheduler.worker.processes": 2, **settings}
        self._processes: list[subprocess.Popen[bytes]] = []
        self.ini.write_text(self._text())

    def _text(self) -> str:
        lines = "\n".join(f"{key} = {value}" for key, value in self._settings.items())
        logs = (
            "[loggers]\nkeys = root\n[handlers]\nkeys = console\n[formatters]\nkeys = plain\n"
            "[logger_root]\nlevel = INFO\nhandlers = console\n"
            "[handler_console]\nclass = StreamHandler\nargs = (sys.stderr,)\nformatter = plain\n"
            "[formatter_plain]\nformat = %(asctime)s %(levelname)s %(process)d %(name)s: %(message)s\n"
        )
        server = "[server:main]\nuse = egg:waitress#main\nlisten = 127.0.0.1:0\n"
        return f"[app:main]\nuse = call:tests.shop:main\n{lines}\n{server}\n{logs}"

    def change(self, key: str, value: object) -> None:
        """Change the ini file."""
        self._settings[key] = value
        self.ini.write_text(self._text())

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``pscheduler`` with these words to its end."""
        return subprocess.run(
            [sys.executable, "-m", "pyramid_scheduler", *words],
            cwd=self.directory, env=self.environ, text=True, capture_output=True, check=check, timeout=60,
        )  # fmt: skip

    def call(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """As ``command``, in this process: a Python that starts takes a hundred times as long as most answers."""
        out, err = io.StringIO(), io.StringIO()
        with self._in_its_directory(), redirect_stdout(out), redirect_stderr(err):
            status = main(words)
        done = subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())
        if check:
            done.check_returncode()
        return done

    def start(self, *words: str, module: str = "pyramid_scheduler", ready: str = "is up") -> subprocess.Popen[bytes]:
        """Start a process and wait until it says that it is up."""
        return self.wait_until_up(self.launch(*words, module=module), ready)

    def launch(self, *words: str, module: str = "pyramid_scheduler") -> subprocess.Popen[bytes]:
        """Start a process that comes up while others do."""
        log = self._log(len(self._processes))
        with open(log, "wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *(words or (str(self.ini),))],
                cwd=self.directory, env=self.environ, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._processes.append(process)
        return process

    def wait_until_up(self, process: subprocess.Popen[bytes], ready: str = "is up") -> subprocess.Popen[bytes]:
        log = self._log(self._processes.index(process))
        wait_for(lambda: ready in log.read_text() or process.poll() is not None, what=f"{ready!r} in {log}")
        assert process.poll() is None, log.read_text()
        return process

    def _log(self, number: int) -> Path:
        return self.directory / f"log{number}"

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL to the process and all its children."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, process: subprocess.Popen[bytes], seconds: float = PATIENCE_SECONDS) -> int:
        process.send_signal(signal.SIGTERM)
        return process.wait(seconds)

    @contextmanager
    def scheduler(self) -> Iterator[Any]:
        """The producer's side, in this process."""
        with self._in_its_directory(), bootstrap(str(self.ini)) as env:
            yield env["registry"].scheduler
            env["registry"].scheduler.shutdown(0)

    @contextmanager
    def _in_its_directory(self) -> Iterator[None]:
        before = os.getcwd()
        os.chdir(self.directory)
        try:
            yield
        finally:
            os.chdir(before)

    def end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                self.kill(process)

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.directory.glob("log*")))

    def lines(self, name: str) -> list[list[str]]:
        path = self.directory / name
        return [line.split("\t") for line in path.read_text().splitlines()] if path.exists() else []

    def count(self, what: str) -> Counter[str]:
        """How often each job left a ``start`` or an ``end``."""
        return Counter(line[1] for line in self.lines("effects") if line[0] == what)

    def ends(self) -> Counter[str]:
        return self.count("end")

    def events(self, job_id: str) -> list[str]:
        return [line[1] for line in self.lines("events") if line[0] == job_id]
