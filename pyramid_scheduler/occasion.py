"""Something that comes once for a process, and those who asked to be called then."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)


class Occasion:
    """Makes each call once, in the order in which they asked; ``latest_first`` the other way round."""

    def __init__(self, *, latest_first: bool = False) -> None:
        self._calls: deque[Callable[[], object]] = deque()
        self._next = self._calls.pop if latest_first else self._calls.popleft
        self.add = self._calls.append

    def come(self) -> None:
        """Never raises."""
        while self._calls:
            call = self._next()
            try:
                call()
            except Exception:
                log.exception("%r, which was to be called at the start or the end of this process, raised", call)
