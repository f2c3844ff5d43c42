"""Ending a wait from elsewhere."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


def open_pipe() -> tuple[int, int]:
    """The ends to read from and to write to; neither blocks, and no program that is started inherits them."""
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends


def readable(fds: Iterable[int], timeout: float) -> set[int]:
    """Those that can be read or were hung up, as soon as there is one; after ``timeout`` seconds there may be none."""
    poll = select.poll()  # unlike select, it knows descriptors beyond 1023
    for fd in fds:
        poll.register(fd, select.POLLIN)
    # It would round up; who asks again after a millisecond shall not have to wait for two.
    return {fd for fd, _ in poll.poll(max(round(timeout * 1000), 0))}


class WakePipe:
    """Ends a wait from another thread or a signal handler."""

    def __init__(self) -> None:
        self.fd, self._write_fd = open_pipe()

    def wake(self) -> None:
        try:
            os.write(self._write_fd, b"\0")
        except (BlockingIOError, OSError):  # full: it will be read anyway; closed: nobody waits any more
            pass

    def wait(self, timeout: float) -> bool:
        """Until woken, or for ``timeout`` seconds; returns whether it was woken."""
        woken = bool(readable([self.fd], timeout))
        self.drain()
        return woken

    def drain(self) -> None:
        try:
            while os.read(self.fd, 4096):
                pass
        except (BlockingIOError, OSError):
            pass

    @contextmanager
    def woken_by_signals(self) -> Iterator[None]:
        """In the main thread, whose handlers run when it wakes, whichever thread the system hands a signal to; in
        others it is not theirs to say."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)

    def close(self) -> None:
        fds, self.fd, self._write_fd = (self.fd, self._write_fd), -1, -1
        for fd in fds:
            if fd >= 0:
                os.close(fd)
