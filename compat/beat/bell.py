"""What ends a sleep."""

from __future__ import annotations

import selectors
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Bell:
    """Rung by any thread, or by a signal, whichever thread the system hands it to. Takes no lock."""

    def __init__(self) -> None:
        self._ear, self._clapper = socket.socketpair()
        for end in (self._ear, self._clapper):
            end.setblocking(False)

    def wait(self, seconds: float) -> None:
        """Sleep so long at most."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._ear, selectors.EVENT_READ)
            if selector.select(seconds):
                self._ear.recv(4096)

    def ring(self) -> None:
        with suppress(OSError):  # closed; or rung more often than anybody could count
            self._clapper.send(b"\0")

    @contextmanager
    def rung_by_signals(self) -> Iterator[None]:
        """In the main thread, whose handlers run when it wakes; in others it is not theirs to say."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.set_wakeup_fd(self._clapper.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)

    def close(self) -> None:
        self._ear.close()
        self._clapper.close()
