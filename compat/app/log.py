"""``app.log``: how a worker logs."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from logging.handlers import WatchedFileHandler
from typing import Any

from .. import signals
from .._state import get_current_task
from ..exceptions import CDeprecationWarning, CPendingDeprecationWarning
from ..local import class_property
from ..utils.log import ColorFormatter, LoggingProxy, get_logger, get_multiprocessing_logger, mlevel
from ..utils.nodenames import node_format
from ..utils.term import colored

MP_LOG = os.environ.get("MP_LOG", False)
_OWN_LOGGERS = ("celery", "celery.task", "celery.redirected")


class TaskFormatter(ColorFormatter):
    """Adds ``task_name`` and ``task_id`` to a record; ``???`` outside of a task."""

    def format(self, record: logging.LogRecord) -> Any:
        task = get_current_task()
        if task and task.request:
            record.__dict__.update(task_id=task.request.id, task_name=task.name)
        else:
            record.__dict__.setdefault("task_name", "???")
            record.__dict__.setdefault("task_id", "???")
        return super().format(record)


class Logging:
    """Sets logging up, once in a process."""

    _setup = False

    def __init__(self, app: Any) -> None:
        self.app = app
        self.loglevel = mlevel(logging.WARN)
        self.format = app.conf.worker_log_format
        self.datefmt = app.conf.worker_log_datefmt
        self.task_format = app.conf.worker_task_log_format
        self.task_datefmt = app.conf.worker_task_log_datefmt
        self.colorize = app.conf.worker_log_color

    def setup(
        self,
        loglevel: Any = None,
        logfile: Any = None,
        redirect_stdouts: bool = False,
        redirect_level: Any = "WARNING",
        colorize: bool | None = None,
        hostname: str | None = None,
    ) -> Any:
        """All of it; returns the receivers of ``setup_logging``, if that was theirs to do."""
        level = mlevel(loglevel)
        handled = self.setup_logging_subsystem(level, logfile, colorize=colorize, hostname=hostname)
        if not handled and redirect_stdouts:
            self.redirect_stdouts(redirect_level)
        os.environ.update(CELERY_LOG_LEVEL=str(level or ""), CELERY_LOG_FILE=str(logfile or ""))
        warnings.filterwarnings("always", category=CDeprecationWarning)
        warnings.filterwarnings("always", category=CPendingDeprecationWarning)
        logging.captureWarnings(True)
        return handled

    def setup_logging_subsystem(
        self,
        loglevel: Any = None,
        logfile: Any = None,
        format: str | None = None,
        colorize: bool | None = None,
        hostname: str | None = None,
        datefmt: str | None = None,
        **kwargs: Any,
    ) -> Any:
        if self.already_setup:
            return None
        if logfile and hostname:
            logfile = node_format(logfile, hostname)
        Logging._setup = True
        said = {
            "loglevel": mlevel(loglevel or self.loglevel),
            "logfile": logfile,
            "format": format or self.format,
            "colorize": self.supports_color(colorize, logfile),
        }
        receivers = signals.setup_logging.send(sender=None, **said)
        for _, response in receivers:
            if isinstance(response, Exception):
                Logging._setup = False
                raise response
        if not receivers:
            self._set_up(said, self.datefmt if datefmt is None else datefmt, kwargs)
        return receivers

    def _set_up(self, said: dict[str, Any], datefmt: str | None, kwargs: dict[str, Any]) -> None:
        root = logging.getLogger()
        if self.app.conf.worker_hijack_root_logger:
            for logger in (root, *map(get_logger, _OWN_LOGGERS)):
                logger.handlers = []
        level, logfile, form, colorize = said.values()
        self._configure_logger(root, logfile, level, form, colorize, datefmt=datefmt, **kwargs)
        other = level if MP_LOG else logging.ERROR
        processes = get_multiprocessing_logger()
        self._configure_logger(processes, logfile, other, form, colorize, datefmt=datefmt, **kwargs)
        signals.after_setup_logger.send(sender=None, logger=root, **said)
        self.setup_task_loggers(level, logfile, colorize=colorize)

    def _configure_logger(
        self, logger: Any, logfile: Any, loglevel: Any, format: str, colorize: Any, **kwargs: Any
    ) -> None:
        self.setup_handlers(logger, logfile, format, colorize, **kwargs)
        if loglevel:
            logger.setLevel(loglevel)

    def setup_task_loggers(
        self,
        loglevel: Any = None,
        logfile: Any = None,
        format: str | None = None,
        colorize: bool | None = None,
        propagate: bool = False,
        datefmt: str | None = None,
        **kwargs: Any,
    ) -> logging.Logger:
        """The logger of tasks, whose lines name the task; returns it."""
        loglevel = mlevel(loglevel or self.loglevel)
        form = format or self.task_format
        colorize = self.supports_color(colorize, logfile)
        datefmt = self.task_datefmt if datefmt is None else datefmt
        logger = self.setup_handlers(
            get_logger("celery.task"), logfile, form, colorize, formatter=TaskFormatter, datefmt=datefmt, **kwargs
        )
        logger.setLevel(loglevel)
        logger.propagate = bool(propagate)
        signals.after_setup_task_logger.send(
            sender=None, logger=logger, loglevel=loglevel, logfile=logfile, format=form, colorize=colorize
        )
        return logger

    def redirect_stdouts(self, loglevel: Any = None, name: str = "celery.redirected") -> None:
        """What is printed is logged."""
        self.redirect_stdouts_to_logger(get_logger(name), loglevel=loglevel)
        os.environ.update(CELERY_LOG_REDIRECT="1", CELERY_LOG_REDIRECT_LEVEL=str(loglevel or ""))

    def redirect_stdouts_to_logger(
        self, logger: logging.Logger, loglevel: Any = None, stdout: bool = True, stderr: bool = True
    ) -> LoggingProxy:
        proxy: Any = LoggingProxy(logger, loglevel)
        if stdout:
            sys.stdout = proxy
        if stderr:
            sys.stderr = proxy
        return proxy  # type: ignore[no-any-return]

    def supports_color(self, colorize: bool | None = None, logfile: Any = None) -> Any:
        """Whether to colour: as said, else if the lines go to a terminal."""
        colorize = self.colorize if colorize is None else colorize
        if self.app.IS_WINDOWS:
            return False
        if colorize or colorize is None:
            return logfile is None and bool(sys.stderr) and sys.stderr.isatty()
        return colorize

    def colored(self, logfile: Any = None, enabled: bool | None = None) -> colored:
        return colored(enabled=self.supports_color(enabled, logfile))

    def setup_handlers(
        self,
        logger: logging.Logger,
        logfile: Any,
        format: str,
        colorize: Any,
        formatter: Any = ColorFormatter,
        datefmt: str | None = None,
        **kwargs: Any,
    ) -> logging.Logger:
        """Give the logger a handler, if it has none."""
        if not self._is_configured(logger):
            handler = self._detect_handler(logfile)
            handler.setFormatter(formatter(format, datefmt=datefmt, use_color=colorize))
            logger.addHandler(handler)
        return logger

    def _detect_handler(self, logfile: Any = None) -> logging.Handler:
        """A handler for a file's name, an open stream, or None (standard error)."""
        target: Any = sys.__stderr__ if logfile is None else logfile
        if hasattr(target, "write"):
            return logging.StreamHandler(target)
        return WatchedFileHandler(target, encoding="utf-8")

    def _has_handler(self, logger: logging.Logger) -> bool:
        return any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers or ())

    def _is_configured(self, logger: logging.Logger) -> bool:
        return self._has_handler(logger) and not getattr(logger, "_rudimentary_setup", False)

    def get_default_logger(self, name: str = "celery", **kwargs: Any) -> logging.Logger:
        return get_logger(name)

    def _get_setup(cls: Any) -> Any:
        return cls._setup

    def _set_setup(cls: Any, was_setup: bool) -> None:
        cls._setup = was_setup

    already_setup = class_property(_get_setup, _set_setup)
