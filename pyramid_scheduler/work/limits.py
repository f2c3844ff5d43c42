"""Time limits: a soft one raises in the job, a hard one ends its process."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..core.clock import Clock
from ..core.ending import Begun, Cause
from ..core.errors import SoftTimeLimitExceeded, TimeLimitExceeded
from ..core.run import Run, TimeLimits
from .interruption import finish


@dataclass(frozen=True)
class Deadline:
    """What a supervisor must know to end a run: when (monotonic seconds), and what to write about it."""

    begun: Begun
    at: float
    limit_seconds: float
    cause: Cause = Cause.TIME_LIMIT
    signum: int = 0


#: Tells the supervisor of a deadline, or (None) that the run of that id is over.
Report = Callable[[str, Deadline | None], None]


@dataclass(slots=True)
class _Hold:
    thread_id: int
    raise_at: float
    error: BaseException


class Limits:
    """The limits of the runs of one worker process.

    In the main thread a soft limit interrupts even a blocking call (by a timer signal). In other threads it is
    raised between two steps of Python code: a job that blocks in one call is told when that call returns.
    """

    def __init__(self, clock: Clock, report: Report | None = None) -> None:
        self._clock = clock
        self._report = report
        self._holds: dict[str, _Hold] = {}
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, run: Run, limits: TimeLimits, *, wants_word: bool = False, has_words: bool = True) -> Iterator[None]:
        """Enforce the limits while the context lasts. ``wants_word``: its task is told of its process's end;
        ``has_words``: what is raised says how long it took."""
        hard, soft = limits
        if hard is not None and self._report is not None:
            at = self._clock.monotonic() + float(hard)
            begun = Begun.of(run, wants_word=wants_word)
            self._report(run.id, Deadline(begun, at, hard))
        elif hard is not None and soft is None:
            soft = hard  # without a supervisor nobody can end the process: the best that is left
        try:
            cls = TimeLimitExceeded if soft == hard and limits[1] is None else SoftTimeLimitExceeded
            with self._soft(run.id, soft, cls, has_words):
                yield
        finally:
            if hard is not None and self._report is not None:
                self._report(run.id, None)

    @contextmanager
    def _soft(self, run_id: str, seconds: float | None, cls: type[BaseException], has_words: bool) -> Iterator[None]:
        if seconds is None:
            yield
            return
        error = cls(f"the job has run longer than {float(seconds):g} s") if has_words else cls()
        if threading.current_thread() is threading.main_thread():
            with _alarm(float(seconds), error):
                yield
        else:
            with self._watched(run_id, float(seconds), error):
                yield

    @contextmanager
    def _watched(self, run_id: str, seconds: float, error: BaseException) -> Iterator[None]:
        hold = _Hold(threading.get_ident(), self._clock.monotonic() + seconds, error)
        with self._lock:
            self._holds[run_id] = hold
        try:
            try:
                yield
            finally:
                finish(lambda: self._let_go(run_id, hold))
        except type(error) as raised:
            if not raised.args:  # it was raised as a bare class: the interpreter takes no more
                raised.args = error.args
            raise

    def _let_go(self, run_id: str, hold: _Hold) -> None:
        with self._lock:  # nothing can be raised any more once we have the lock
            self._holds.pop(run_id, None)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(hold.thread_id), None)

    def enforce(self) -> None:
        """Raise in the threads whose time is up; the worker's I/O thread calls this every 50 ms."""
        if not self._holds:
            return
        now = self._clock.monotonic()
        with self._lock:
            for run_id in [run_id for run_id, hold in self._holds.items() if hold.raise_at <= now]:
                hold = self._holds.pop(run_id)
                cls: Any = type(hold.error)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(hold.thread_id), ctypes.py_object(cls))


@contextmanager
def _alarm(seconds: float, error: BaseException) -> Iterator[None]:
    def ring(signum: int, frame: Any) -> None:
        raise error

    def silence() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        finish(silence)
