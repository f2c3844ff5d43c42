"""Calling functions later, in a thread."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from kombu.asynchronous.timer import Entry, to_timestamp
from kombu.asynchronous.timer import Timer as Schedule

__all__ = ("Entry", "Schedule", "Timer", "to_timestamp")


class Timer(threading.Thread):
    """The thread that works through a Schedule; it starts with the first entry."""

    Entry = Entry
    Schedule = Schedule
    running = False
    on_tick: Callable[[float], Any] | None = None

    def __init__(
        self,
        schedule: Any = None,
        on_error: Callable[[BaseException], Any] | None = None,
        on_tick: Callable[[float], Any] | None = None,
        on_start: Callable[[Timer], Any] | None = None,
        max_interval: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name="timer", daemon=True)
        self.schedule = Schedule(max_interval, on_error) if schedule is None else schedule
        self.on_tick = on_tick or self.on_tick
        self.on_start = on_start
        self._changed = threading.Condition(threading.RLock())
        self._ended = False

    # Entries

    def call_at(self, *args: Any, **kwargs: Any) -> Any:
        """``fun(*args, **kwargs)`` at ``eta``: a datetime, or a moment of ``time.monotonic``."""
        return self._put(self.schedule.call_at, args, kwargs)

    def call_after(self, *args: Any, **kwargs: Any) -> Any:
        """``fun(*args, **kwargs)`` after so many seconds; returns what ``cancel`` takes."""
        return self._put(self.schedule.call_after, args, kwargs)

    def call_repeatedly(self, *args: Any, **kwargs: Any) -> Any:
        """``fun(*args, **kwargs)`` every so many seconds, until it is canceled."""
        return self._put(self.schedule.call_repeatedly, args, kwargs)

    def enter_after(self, *args: Any, **kwargs: Any) -> Any:
        return self._put(self.schedule.enter_after, args, kwargs)

    def exit_after(self, secs: float, priority: int = 10) -> Any:
        """Raise SystemExit in the thread after so many seconds."""
        return self.call_after(secs, sys.exit, priority=priority)

    def enter(self, entry: Any, eta: Any, priority: int = 0) -> Any:
        return self._put(self.schedule.enter_at, (entry, eta), {"priority": priority})

    def _put(self, method: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        with self._changed:
            entry = method(*args, **kwargs)
            self.ensure_started()
            self._changed.notify()
        return entry

    def cancel(self, tref: Any) -> None:
        tref.cancel()

    def clear(self) -> None:
        self.schedule.clear()

    def empty(self) -> bool:
        return not len(self.schedule)

    @property
    def queue(self) -> Any:
        return self.schedule.queue

    # The thread

    def ensure_started(self) -> None:
        with self._changed:
            if self.running or self._ended:
                return
            self.running = True
            if self.on_start is not None:
                self.on_start(self)
            self.start()

    def run(self) -> None:
        while (entry := self._next()) is not None:
            self.schedule.apply_entry(entry)

    def _next(self) -> Any:
        """The next entry when it is due; None in the end."""
        with self._changed:
            while not self._ended:
                seconds, entry = next(iter(self.schedule))
                if entry is not None:
                    return entry
                if seconds and self.on_tick is not None:
                    self.on_tick(seconds)
                self._changed.wait(seconds)
        return None

    def stop(self) -> None:
        """Call nothing more; a call that goes on is waited for."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self.is_alive() and threading.current_thread() is not self:
            self.join()
        self.running = False
