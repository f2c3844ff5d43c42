"""How a process died, in the words that Celery has for it: alerts and applications look for them."""

from __future__ import annotations

import signal
from typing import Any

from kombu.utils.encoding import safe_repr

from pyramid_scheduler.api import WorkerLost

from ..exceptions import WorkerLostError


def by_celerys_name(error: BaseException) -> BaseException:
    """A WorkerLost as the WorkerLostError that Celery makes of it; any other as it is."""
    return _lost(_status(error.how)) if isinstance(error, WorkerLost) else error


def raised(error: BaseException) -> BaseException:
    """What the task raised, or what it calls for: the end of its process."""
    if isinstance(error, SystemExit):
        return _lost(f"exitcode {_exit_code(error.code)}")
    return error if isinstance(error, Exception) else WorkerLostError(f"it raised {safe_repr(error)}")


def _lost(how: str) -> WorkerLostError:
    return WorkerLostError(f"Worker exited prematurely: {how}.")


def _status(how: str) -> str:
    kind, _, name = how.rpartition(" ")
    if kind == "exit status":
        return f"exitcode {name}"
    if kind == "signal" and name in signal.Signals.__members__:
        return f"signal {signal.Signals[name].value} ({name})"
    return how


def _exit_code(code: Any) -> int:
    """As the interpreter takes it."""
    return 0 if code is None else code if isinstance(code, int) else 1
