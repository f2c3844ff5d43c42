"""A file with a process's id, which two processes do not hold at a time."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from .exits import EX_CANTCREAT


class LockFailed(Exception):
    """The file could not be made."""


class Pidfile:
    """The lock itself; ``create_pidlock`` sees to files that a dead process left, too."""

    path: Any = None

    def __init__(self, path: Any) -> None:
        self.path = os.path.abspath(path)

    def acquire(self) -> Pidfile:
        try:
            self.write_pid()
        except OSError as error:
            raise LockFailed(str(error)) from error
        return self

    __enter__ = acquire

    def is_locked(self) -> bool:
        return os.path.exists(self.path)

    def release(self, *args: Any) -> None:
        self.remove()

    __exit__ = release

    def read_pid(self) -> int | None:
        """The id in the file; None without a file, ValueError where it holds no whole line with one."""
        try:
            with open(self.path) as file:
                line = file.readline()
        except FileNotFoundError:
            return None
        if not line.endswith("\n") or not line.strip().isdigit():
            raise ValueError(f"{self.path} holds no process id")
        return int(line)

    def remove(self) -> None:
        with suppress(FileNotFoundError, PermissionError):
            os.unlink(self.path)

    def remove_if_stale(self) -> bool:
        """Remove the file unless another process that lives holds it; whether it was removed."""
        try:
            stale = not _another_lives(self.read_pid())
        except ValueError as broken:
            print(f"celery: {broken}: removed", file=sys.stderr)
            stale = True
        if stale:
            self.remove()
        return stale

    def write_pid(self) -> None:
        content = f"{os.getpid()}\n"
        descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        if Path(self.path).read_text() != content:
            raise LockFailed(f"{self.path} does not hold what was written to it")


PIDFile = Pidfile


def create_pidlock(pidfile: Any) -> Pidfile:
    """Hold the file until this process ends; exits where another process that lives holds it."""
    lock = _create_pidlock(pidfile)
    atexit.register(lock.release)
    return lock


def _create_pidlock(pidfile: Any) -> Pidfile:
    lock = Pidfile(pidfile)
    if lock.is_locked() and not lock.remove_if_stale():
        print(f"ERROR: Pidfile ({pidfile}) already exists: process {lock.read_pid()} holds it", file=sys.stderr)
        raise SystemExit(EX_CANTCREAT)
    return lock.acquire()


def _another_lives(pid: int | None) -> bool:
    """In a container that was killed the file may have an id that is ours now."""
    if not pid or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # a process of somebody else's has got the number
        return False
    return True
