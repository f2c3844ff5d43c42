"""Exit codes, and what else code asks the platform for."""

from __future__ import annotations

import errno
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import current_process
from typing import Any

from ..local import try_import
from .daemon import DaemonContext, detached
from .descriptors import close_open_fds, fd_by_path, get_fdmax
from .exits import EX_CANTCREAT, EX_FAILURE, EX_OK, EX_UNAVAILABLE, EX_USAGE
from .pidfile import LockFailed, PIDFile, Pidfile, create_pidlock
from .privileges import (
    check_privileges,
    initgroups,
    maybe_drop_privileges,
    parse_gid,
    parse_uid,
    setgid,
    setgroups,
    setuid,
)
from .signalling import (
    SIGMAP,
    SIGNAMES,
    Signals,
    get_signal,
    ignore_signal,
    install_signal_handler,
    reset_signal,
    set_pdeathsig,
    signal_name,
    signals,
)

__all__ = (
    "EX_CANTCREAT",
    "EX_FAILURE",
    "EX_OK",
    "EX_UNAVAILABLE",
    "EX_USAGE",
    "IS_WINDOWS",
    "SIGMAP",
    "SIGNAMES",
    "SYSTEM",
    "DaemonContext",
    "IS_macOS",
    "LockFailed",
    "PIDFile",
    "Pidfile",
    "Signals",
    "check_privileges",
    "close_open_fds",
    "create_pidlock",
    "detached",
    "fd_by_path",
    "get_errno_name",
    "get_fdmax",
    "get_signal",
    "ignore_errno",
    "ignore_signal",
    "initgroups",
    "install_signal_handler",
    "isatty",
    "maybe_drop_privileges",
    "parse_gid",
    "parse_uid",
    "pyimplementation",
    "reset_signal",
    "set_mp_process_title",
    "set_pdeathsig",
    "set_process_title",
    "setgid",
    "setgroups",
    "setuid",
    "signal_name",
    "signals",
    "strargv",
)  # fmt: skip

SYSTEM = platform.system()
IS_macOS = sys.platform == "darwin"
IS_WINDOWS = sys.platform == "win32"


def isatty(fh: Any) -> Any:
    """Whether it is a terminal."""
    try:
        return fh.isatty()
    except AttributeError:
        return False


def pyimplementation() -> str:
    return platform.python_implementation()


def strargv(argv: Sequence[str]) -> str:
    """The arguments of a command line, without the program (and ``manage.py``'s word)."""
    return " ".join(argv[2 if "manage" in argv[0] else 1 :])


def get_errno_name(n: Any) -> Any:
    """The number of an error that is given by its name, ``"ENOENT"``, or by that number."""
    return getattr(errno, n) if isinstance(n, str) else n


@contextmanager
def ignore_errno(*errnos: Any, types: Any = None) -> Iterator[None]:
    """Errors with one of these numbers, or names of numbers, end the block and nothing else."""
    numbers = {get_errno_name(one) for one in errnos}
    caught = types or Exception
    try:
        yield
    except caught as error:
        if getattr(error, "errno", None) not in numbers:
            raise


def set_process_title(progname: str, info: Any = None) -> str:
    """What ``ps`` shows for this process, where setproctitle is installed."""
    title = f"[{progname}] {info}" if info else f"[{progname}]"
    module = try_import("setproctitle")
    if module is not None:
        module.setproctitle(title)
    return title


def set_mp_process_title(progname: str, info: Any = None, hostname: str | None = None) -> str | None:
    """The same, with the name of the process among the program's; not where ``NOSETPS`` is in the environment."""
    if os.environ.get("NOSETPS"):
        return None
    whole = f"{progname}: {hostname}" if hostname else progname
    return set_process_title(f"{whole}:{current_process().name}", info=info)
