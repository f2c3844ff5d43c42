"""Children that a job has forked."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import NoReturn


def leave_fork(error: BaseException | None) -> NoReturn:
    """A job has forked, and its child has come back from it: the run, its transaction and what waits are the parent's.

    So the child ends here, with the status and the words that Python has for a process which ends this way.
    """
    status = error.code if isinstance(error, SystemExit) else error
    with contextlib.suppress(OSError, ValueError):
        if isinstance(status, BaseException):
            traceback.print_exception(status)
        elif not isinstance(status, (int, type(None))):
            print(status, file=sys.stderr)
        sys.stdout.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))
