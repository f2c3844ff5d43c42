"""What signals tell a supervisor."""

from __future__ import annotations

import atexit
import faulthandler
import os
import signal
import threading
from typing import Any

from ..core.waking import open_pipe


class Orders:
    """How often it was told to stop, and whether to replace its children; ``wakeup`` can be read when a signal came."""

    def __init__(self) -> None:
        self.stops = 0
        self.restart = False
        self.wakeup, self._write_end = open_pipe()

    def listen(self) -> None:
        """In the main thread. In another it is one part of a program, whose business its signals are."""
        if threading.current_thread() is not threading.main_thread():
            atexit.register(self._on_exit)
            return
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGQUIT, self._on_quit)
        signal.signal(signal.SIGHUP, self._on_restart)
        faulthandler.register(signal.SIGUSR1)  # where its threads are, on standard error
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def read(self) -> None:
        os.read(self.wakeup, 4096)

    def _on_exit(self) -> None:
        """Before ``multiprocessing`` waits for the children, which it does at a program's end."""
        self.stops += 1
        os.write(self._write_end, b"\0")

    def _on_stop(self, number: int, frame: Any) -> None:
        self.stops += 1

    def _on_quit(self, number: int, frame: Any) -> None:
        self.stops += 2

    def _on_restart(self, number: int, frame: Any) -> None:
        self.restart = True
