"""A word that one thread, or a signal's handler, leaves for another."""

from __future__ import annotations


class Flag:
    """Of an Event what needs no lock: a handler runs in a thread that may hold it."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set
