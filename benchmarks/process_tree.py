"""The processes that were started for a trial, and all that these started: what they use, and their end (Linux)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    session: int
    cpu_seconds: float
    started: int


class ProcessTree:
    """All processes in the sessions of ``leaders``, and their descendants in sessions of their own."""

    def __init__(self, leaders: Iterable[int]) -> None:
        self._leaders = frozenset(leaders)
        #: With when they were started: a process id is given out again.
        self._seen: dict[int, int] = {}

    def cpu_seconds(self) -> float:
        """User and system, with children that are gone and were waited for."""
        return sum(process.cpu_seconds for process in self._processes())

    def megabytes(self) -> float:
        """PSS: what several processes share counts once, in equal parts."""
        return sum(_pss_kilobytes(process.pid) for process in self._processes()) / 1024

    def kill(self) -> None:
        while living := self._processes():
            for process in living:
                _kill(process.pid)

    def _processes(self) -> list[_Process]:
        found = {process.pid: process for process in map(_read, Path("/proc").glob("[0-9]*")) if process}
        members = {pid for pid, process in found.items() if self._is_known(process)}
        while children := {pid for pid, process in found.items() if process.parent in members} - members:
            members |= children
        self._seen = {pid: found[pid].started for pid in members}
        return [found[pid] for pid in members]

    def _is_known(self, process: _Process) -> bool:
        return process.session in self._leaders or self._seen.get(process.pid) == process.started


def _read(directory: Path) -> _Process | None:
    """None for one that is gone, or dead and only not waited for."""
    try:
        fields = (directory / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    if fields[0] in "ZX":
        return None
    cpu = sum(map(int, fields[11:15])) / TICKS_PER_SECOND
    return _Process(int(directory.name), int(fields[1]), int(fields[3]), cpu, int(fields[19]))


def _pss_kilobytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
