"""``app.Beat(…).run()``."""

from __future__ import annotations

import logging
from typing import Any


class Beat:
    """What the command ``celery beat`` is: a timekeeper. Options that mean nothing to it are ignored, as there."""

    app: Any = None

    def __init__(
        self,
        max_interval: float | None = None,
        app: Any = None,
        loglevel: str | int = "WARNING",
        logfile: str | None = None,
        **options: Any,
    ) -> None:
        self.app = app or self.app
        self.loglevel = logging.getLevelName(loglevel) if isinstance(loglevel, int) else loglevel
        self.logfile = logfile

    def run(self) -> Any:
        """Keep the times until SIGTERM; returns the exit code."""
        logfile = ["--logfile", self.logfile] if self.logfile else []
        return self.app.start(["beat", "--loglevel", self.loglevel, *logfile])
