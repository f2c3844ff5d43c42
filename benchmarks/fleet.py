"""The worker processes of one trial."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from process_tree import ProcessTree

GLANCE_SECONDS = 0.25
#: A tree that uses less than this of one core has nothing left to do.
QUIET_CPU = 0.1


class Fleet:
    """Started on entry, killed on exit. Jobs with marks tell it when they begin."""

    def __init__(self, commands: Sequence[Sequence[str]], directory: Path, environ: Mapping[str, str]) -> None:
        self._commands, self._directory, self._environ = commands, directory, environ
        self._workers: list[subprocess.Popen[bytes]] = []
        self._marks: dict[int, int] = {}
        self._log = directory / "workers.log"
        self.tree = ProcessTree(())
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        self._channel.settimeout(GLANCE_SECONDS)
        self._channel.bind(str(self._directory / "marks"))
        try:
            for command in self._commands:
                self._workers.append(self._start(command))
                self.tree = ProcessTree(worker.pid for worker in self._workers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.tree.kill()
        for worker in self._workers:
            worker.wait()
        self._channel.close()

    def wait_for_mark(self, mark: int, patience_seconds: float) -> int:
        """When the job of that mark began; raises RuntimeError with the end of the log."""
        deadline = time.monotonic() + patience_seconds
        while mark not in self._marks:
            self._check(deadline, f"its jobs were not done within {patience_seconds:.0f} s")
            try:
                number, began = map(int, self._channel.recv(64).split())
                self._marks[-number] = began
            except TimeoutError:
                continue
        return self._marks[mark]

    def wait_until_quiet(self, patience_seconds: float) -> bool:
        """Until the processes have almost nothing to do for half a second, or that long at most."""
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            if self.cpu_in(0.5) < QUIET_CPU:
                return True
        return False

    def cpu_in(self, seconds: float) -> float:
        """CPU seconds per second, from now on."""
        wall, cpu = time.monotonic(), self.tree.cpu_seconds()
        time.sleep(seconds)
        return (self.tree.cpu_seconds() - cpu) / (time.monotonic() - wall)

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=self._directory, env=self._environ, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _check(self, deadline: float, reproach: str) -> None:
        gone = [worker.returncode for worker in self._workers if worker.poll() is not None]
        if gone:
            reproach = f"a worker ended with {gone[0]}"
        elif time.monotonic() < deadline:
            return
        raise RuntimeError(f"{reproach}: {self._log.read_text(errors='replace')[-800:].strip()}")
