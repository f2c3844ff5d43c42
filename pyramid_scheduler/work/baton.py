"""Who talks to the broker: a thread of its own while jobs run; while none do, whoever will run the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..core.message import Delivery
from .intake import LISTEN, Intake

#: For a thread to take what waits for it in the intake; one that begins a job at that very moment does not.
REACH_SECONDS = 0.05


class Baton:
    """Lent by the thread that talks to the broker to one that waits for a job; who has it makes the ``turn``s.

    A job that comes to an idle worker is then run by the thread that hears of it. To wake another one for it takes
    longer, on many machines, than all the rest of the way from the broker.
    """

    def __init__(self, intake: Intake, turn: Callable[[], None], is_leaving: Callable[[], bool]) -> None:
        self._intake, self._turn, self._is_leaving = intake, turn, is_leaving
        self._is_taken, self._is_back = threading.Lock(), threading.Lock()
        self._is_taken.acquire()
        self._is_back.acquire()

    def lend(self) -> None:
        """Returns when it is back, or soon if nobody takes it."""
        self._intake.invite()
        if not self._is_taken.acquire(timeout=REACH_SECONDS):
            if self._intake.uninvite():
                return
            self._is_taken.acquire()  # at the last moment
        self._is_back.acquire()

    def next(self) -> Delivery | None:
        """The next delivery, whoever heard of it; None: go home."""
        while (found := self._intake.take()) is LISTEN:
            heard = self._listen()
            if heard is not None:
                return heard
        return found

    def _listen(self) -> Delivery | None:
        self._is_taken.release()
        try:
            while self._intake.is_empty:
                if self._is_leaving():
                    return None
                self._turn()
            return None if self._is_leaving() else self._intake.take_now()
        except Exception:  # the other one will meet the same, and deals with it
            return None
        finally:
            self._is_back.release()
