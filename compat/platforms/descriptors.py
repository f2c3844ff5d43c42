"""The files that a process has open, by their numbers."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from kombu.utils.compat import maybe_fileno


def get_fdmax(default: Any = None) -> Any:
    """How many files a process may have open; ``default`` where there is no limit."""
    with suppress(OSError, ValueError, AttributeError, KeyError):
        return os.sysconf("SC_OPEN_MAX")
    try:
        import resource
    except ImportError:
        return default
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return default if limit == resource.RLIM_INFINITY else limit


def fd_by_path(paths: Iterable[str]) -> list[int]:
    """The numbers under which these files are open here."""
    files = {seen for path in paths if (seen := _identity(path)) is not None}
    return [number for number in _open() if _identity(number) in files]


def close_open_fds(keep: Iterable[Any] | None = None) -> None:
    """Close what this process has open, but for these files, or numbers of files."""
    kept = {maybe_fileno(given) for given in keep or ()}
    for number in _open():
        if number not in kept:
            _close(number)


def _close(number: int) -> None:
    try:
        os.close(number)
    except OSError as error:
        if error.errno != errno.EBADF:  # that of the listing itself is closed by now
            raise


def _identity(file: str | int) -> tuple[int, int] | None:
    try:
        seen = os.stat(file)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _open() -> Iterable[int]:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return sorted(int(name) for name in os.listdir(folder) if name.isdigit())
    return range(get_fdmax(2048))
