"""Ending one run while it runs, because somebody asked for it."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..core.clock import Clock
from ..core.ending import Begun, Cause
from ..core.errors import JobTerminated, SoftTimeLimitExceeded
from ..core.run import Run
from .interruption import INTERRUPTIONS, finish
from .limits import Deadline, Report

T = TypeVar("T")
DEATH_SECONDS = 10.0
#: Who does not listen for it ignores it. A call that blocks returns for its handler, in which what was raised comes up.
WAKING_SIGNAL = signal.SIGURG
#: A run that lasts, and the thread in which it does. One is made for each run.
_Hold = tuple[Run, int]


class Terminations:
    """The runs of one worker that can be ended, each at most once.

    Where a process runs one at a time and has a supervisor, that ends the process. Otherwise JobTerminated is raised
    in the run's thread, between two steps of Python code: what blocks in one call ends when that call returns.
    """

    def __init__(self, clock: Clock, report: Report | None = None, *, alone: bool = False) -> None:
        self._clock = clock
        self._report = report if alone else None
        self._holds: dict[str, _Hold] = {}
        self._marks: dict[int, int | None] = {}  # by the id of a hold: the signal that is to end it; None interrupts it
        self._lock = threading.Lock()
        self._wakes_main: bool | None = None  # not known before a run of the main thread

    def call(self, run: Run, call: Callable[..., T], *args: Any) -> T:
        """``call(*args)``, which is ``run`` and can be ended while it lasts."""
        hold = run, threading.get_ident()
        if self._wakes_main is None and hold[1] == threading.main_thread().ident:
            self._wakes_main = _listen()
        try:
            try:
                self._holds[run.id] = hold
                return call(*args)
            finally:
                if self._holds.pop(run.id, None) is not hold or self._marks:  # somebody ends it, or another
                    finish(lambda: self._let_go(hold))
        except INTERRUPTIONS as raised:
            finish(lambda: self._let_go(hold))  # it may have come up just before that
            if isinstance(raised, JobTerminated):
                raised.signum = self._marks.get(id(hold)) or 0  # it was raised as a bare class: no more can be
            raise
        finally:
            if self._marks:
                self._marks.pop(id(hold), None)

    def _let_go(self, hold: _Hold) -> None:
        with self._lock:
            self._holds.pop(hold[0].id, None)
            if id(hold) not in self._marks:
                return
            if self._marks[id(hold)] is None or self._report is None:
                _raise_in(hold[1], None)
                return
        # The next run would be ended in its place: this process dies any moment.
        threading.Event().wait(DEATH_SECONDS)

    def end(self, run_id: str, signum: int) -> bool:
        """Returns whether it runs here, and was not asked to end before."""
        with self._lock:
            hold = self._holds.pop(run_id, None)
            if hold is None:
                return False
            self._marks[id(hold)] = signum
            if self._report is not None:
                self._report(run_id, self._deadline(hold[0], signum))
            else:
                _raise_in(hold[1], JobTerminated)
            return True

    def interrupt(self, run_id: str) -> bool:
        """Raise SoftTimeLimitExceeded in that run, which may go on from there; returns whether it runs here.

        In the main thread even a call that blocks is broken off, unless the application listens for WAKING_SIGNAL.
        """
        with self._lock:
            hold = self._holds.get(run_id)
            if hold is None:
                return False
            self._marks[id(hold)] = None
            if self._holds.get(run_id) is not hold:  # it has ended meanwhile, and may have overlooked that
                self._marks.pop(id(hold), None)
                return False
            thread_id = hold[1]
            _raise_in(thread_id, SoftTimeLimitExceeded)
            if self._wakes_main and thread_id == threading.main_thread().ident:
                signal.pthread_kill(thread_id, WAKING_SIGNAL)
            return True

    def _deadline(self, run: Run, signum: int) -> Deadline:
        return Deadline(
            begun=Begun.of(run, wants_word=True),
            at=self._clock.monotonic(),
            limit_seconds=self._clock.time() - run.started_at,
            cause=Cause.TERMINATED,
            signum=signum,
        )


def _listen() -> bool:
    """In the main thread: whether the signal that wakes it is ours, and not the application's."""
    if signal.getsignal(WAKING_SIGNAL) not in (signal.SIG_DFL, signal.SIG_IGN, _wake):
        return False
    signal.signal(WAKING_SIGNAL, _wake)
    return True


def _wake(number: int, frame: Any) -> None:
    """What was raised comes up in here."""


def _raise_in(thread_id: int, cls: type[BaseException] | None) -> None:
    """Between two steps of that thread's Python code; None takes back what has not been raised."""
    raised: Any = None if cls is None else ctypes.py_object(cls)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), raised)
