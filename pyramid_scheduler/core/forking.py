"""Children that a job has forked."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn


def leave_fork_of(pid: int) -> None:
    """To be called in a ``finally`` around a job that process ``pid`` began. Where the job has forked, and this is its
    child come back from it, the run, its transaction and what waits are the parent's: the child ends here."""
    if os.getpid() != pid:
        _end_as_python_does(sys.exception())


def _end_as_python_does(error: BaseException | None) -> NoReturn:
    """With the status and the words that Python has for a process which ends with that."""
    status = error.code if isinstance(error, SystemExit) else error
    with contextlib.suppress(OSError, ValueError):
        if isinstance(status, BaseException):
            traceback.print_exception(status)
        elif not isinstance(status, (int, type(None))):
            print(status, file=sys.stderr)
        sys.stdout.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))
