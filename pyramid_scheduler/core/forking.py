"""Children that a job has forked."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn


class Ancestry:
    """How many forks of Python's lie behind this process. To read that is no call to the system, as ``getpid`` is."""

    __slots__ = ("forks",)

    def __init__(self) -> None:
        self.forks = 0

    def count(self) -> None:
        self.forks += 1


ancestry = Ancestry()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ancestry.count)


def leave_fork() -> NoReturn:
    """To be called in a ``finally`` around a job, where ``ancestry.forks`` is not what it was when the job began. The
    job has forked, and this is its child come back from it: the run, its transaction and what waits are the parent's.
    The child ends here, with the status and the words that Python has for a process which ends so."""
    error = sys.exception()
    status = error.code if isinstance(error, SystemExit) else error
    with contextlib.suppress(OSError, ValueError):
        if isinstance(status, BaseException):
            traceback.print_exception(status)
        elif not isinstance(status, (int, type(None))):
            print(status, file=sys.stderr)
        sys.stdout.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))
