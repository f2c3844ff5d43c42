"""Loggers of tasks, formatters, and standard output as a logger."""

from __future__ import annotations

import logging
import numbers
import os
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from kombu.log import LOG_LEVELS as LOG_LEVELS
from kombu.log import get_logger as _get_logger
from kombu.utils.encoding import safe_str

from .term import colored

MP_LOG = os.environ.get("MP_LOG", False)
RESERVED_LOGGER_NAMES = {"celery", "celery.task"}
_in_sighandler = False

base_logger = logger = _get_logger("celery")


def set_in_sighandler(value: bool) -> None:
    """Say whether a signal handler runs: then output goes past the loggers, whose locks may be held."""
    global _in_sighandler
    _in_sighandler = value


@contextmanager
def in_sighandler() -> Iterator[None]:
    set_in_sighandler(True)
    try:
        yield
    finally:
        set_in_sighandler(False)


def logger_isa(l: logging.Logger, p: logging.Logger, max: int = 1000) -> bool:  # noqa: E741
    """Whether ``p`` is ``l`` or among its parents; raises RuntimeError where those go in a circle."""
    this: Any = l
    seen: set[Any] = set()
    while this:
        if this == p:
            return True
        if this in seen or len(seen) > max:
            raise RuntimeError(f"the parents of logger {l.name!r} go in a circle")
        seen.add(this)
        this = this.parent
    return False


def _with_parent(parent: logging.Logger, child: logging.Logger) -> logging.Logger:
    if not logger_isa(child, parent):
        child.parent = parent
    return child


def get_logger(name: Any) -> logging.Logger:
    """The logger of that name, a child of ``celery`` where it would be the root's."""
    found: logging.Logger = _get_logger(name)
    if logging.root not in (found, found.parent) and found is not base_logger:
        return _with_parent(base_logger, found)
    return found


task_logger = get_logger("celery.task")
worker_logger = get_logger("celery.worker")


def get_task_logger(name: str) -> logging.Logger:
    """The logger for a module of tasks: a child of ``celery.task``, whose format names the task and its id.

    Raises RuntimeError for the reserved names.
    """
    if name in RESERVED_LOGGER_NAMES:
        raise RuntimeError(f"Logger name {name!r} is reserved!")
    return _with_parent(task_logger, get_logger(name))


def mlevel(level: Any) -> Any:
    """A level's number from its name; numbers and None as they are."""
    return LOG_LEVELS[level.upper()] if level and not isinstance(level, numbers.Integral) else level


class ColorFormatter(logging.Formatter):
    """Colours a line by its level; never fails on a message that cannot be shown."""

    COLORS = colored().names
    colors: ClassVar[dict[str, Any]] = {
        "DEBUG": COLORS["blue"],
        "WARNING": COLORS["yellow"],
        "ERROR": COLORS["red"],
        "CRITICAL": COLORS["magenta"],
    }

    def __init__(self, fmt: str | None = None, use_color: bool | None = True, datefmt: str | None = None) -> None:
        super().__init__(fmt, datefmt)
        self.use_color = use_color

    def formatException(self, ei: Any) -> str:
        return super().formatException(ei if isinstance(ei, tuple) else sys.exc_info())

    def format(self, record: logging.LogRecord) -> Any:
        text: Any = super().format(record)
        color = self.colors.get(record.levelname)
        if not (color and self.use_color):
            return safe_str(text)
        try:
            return str(color(safe_str(text))) if isinstance(text, str) else safe_str(color(text))
        except Exception as error:
            return self._unrepresentable(record, text, error)

    def _unrepresentable(self, record: logging.LogRecord, text: Any, error: Exception) -> str:
        message, einfo = record.msg, record.exc_info
        record.msg, record.exc_info = f"<Unrepresentable {type(text)!r}: {error!r}>", sys.exc_info()
        try:
            return super().format(record)
        finally:
            record.msg, record.exc_info = message, einfo


class LoggingProxy:
    """A file whose lines are logged: what ``print`` writes to in a worker."""

    mode = "w"
    name: str | None = None
    closed = False
    loglevel: Any = logging.ERROR
    _thread = threading.local()

    def __init__(self, logger: logging.Logger, loglevel: Any = None) -> None:
        self.logger = logger
        self.loglevel = mlevel(loglevel or logger.level or self.loglevel)
        self._send_errors_to_stderr()

    def _send_errors_to_stderr(self) -> None:
        # A handler that fails would report it to sys.stderr, which may be this proxy: for ever.
        def report(record: logging.LogRecord) -> None:
            try:
                traceback.print_exc(None, sys.__stderr__)
            except OSError:
                pass

        for handler in self.logger.handlers:
            handler.handleError = report  # type: ignore[method-assign]

    def write(self, data: Any) -> int:
        """Log the text, without its last line end; returns how many characters that were."""
        if _in_sighandler:
            text = safe_str(data)
            print(text, file=sys.__stderr__)
            return len(text)
        if getattr(self._thread, "recurse_protection", False) or self.closed or not data:
            return 0
        self._thread.recurse_protection = True
        try:
            return self._log(safe_str(data).rstrip("\n"))
        finally:
            self._thread.recurse_protection = False

    def _log(self, text: str) -> int:
        if text:
            self.logger.log(self.loglevel, text)
        return len(text)

    def writelines(self, sequence: Iterable[Any]) -> None:
        for part in sequence:
            self.write(part)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def isatty(self) -> bool:
        return False


def get_multiprocessing_logger() -> logging.Logger:
    """The standard library's."""
    import multiprocessing

    return multiprocessing.get_logger()


def reset_multiprocessing_logger() -> None:
    """Nothing to undo: the standard library's logger is an ordinary one."""


def current_process() -> Any:
    import multiprocessing

    return multiprocessing.current_process()


def current_process_index(base: int = 1) -> int | None:
    """Worker processes are not numbered here."""
    return None
