"""Something that comes once for a process, and those who asked to be called then."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)


class Occasion:
    """Makes each call once, in the order in which they asked; ``latest_first`` the other way round."""

    def __init__(self, *, latest_first: bool = False) -> None:
        self._calls: deque[Callable[[], object]] = deque()
        self._next = self._calls.pop if latest_first else self._calls.popleft
        self._thread: threading.Thread | None = None
        self.add = self._calls.append

    def come(self) -> None:
        """Never raises."""
        while self._calls:
            call = self._next()
            try:
                call()
            except Exception:
                log.exception("%r, which was to be called at the start or the end of this process, raised", call)

    def come_aside(self) -> None:
        """In a thread of its own: who says that it comes may be a signal handler, and must not wait for a lock."""
        if self._calls:
            self._thread = threading.Thread(target=self.come, name="pscheduler-occasion", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """For what ``come_aside`` has begun."""
        if self._thread is not None:
            self._thread.join(seconds)


class Occasions:
    """Of a worker process: it begins its work, asks to stop, is told to stop, ends."""

    def __init__(self) -> None:
        self.leave = Occasion()
        self.start, self.stop, self.exit = Occasion(), Occasion(), Occasion(latest_first=True)
