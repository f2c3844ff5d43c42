"""Exit codes, and what else code asks the platform for."""

from __future__ import annotations

import os
import platform
import signal as _signal
import sys
from collections.abc import Iterable
from typing import Any

SYSTEM = platform.system()
IS_macOS = sys.platform == "darwin"
IS_WINDOWS = sys.platform == "win32"

EX_OK = getattr(os, "EX_OK", 0)
EX_FAILURE = 1
EX_USAGE = getattr(os, "EX_USAGE", 64)
EX_UNAVAILABLE = getattr(os, "EX_UNAVAILABLE", 69)
EX_CANTCREAT = getattr(os, "EX_CANTCREAT", 73)


def isatty(fh: Any) -> bool:
    """Whether it is a terminal."""
    try:
        return bool(fh.isatty())
    except AttributeError:
        return False


def close_open_fds(keep: Iterable[Any] | None = None) -> None:
    """Close what this process has open, but for these files, or numbers of files."""
    kept = sorted({given if isinstance(given, int) else given.fileno() for given in keep or ()})
    low = 0
    for number in (*kept, os.sysconf("SC_OPEN_MAX")):
        os.closerange(low, number)
        low = number + 1


def pyimplementation() -> str:
    return platform.python_implementation()


class Signals:
    """Signals by name: ``signals.signum("TERM")``."""

    def supported(self, name: str) -> bool:
        return self._full(name) in _signal.Signals.__members__

    def signum(self, name: Any) -> int:
        """Raises KeyError for a name this platform does not have."""
        return int(name) if isinstance(name, int) else int(_signal.Signals[self._full(name)])

    def _full(self, name: str) -> str:
        upper = name.upper()
        return upper if upper.startswith("SIG") else f"SIG{upper}"


signals = Signals()
