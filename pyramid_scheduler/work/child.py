"""A child process of the supervisor: loads the application afresh and is its worker, or its timekeeper."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

from ..core.errors import words_of
from ..core.interfaces import HangUp
from .journal import Journal
from .limits import Deadline

log = logging.getLogger(__name__)

EXIT_FAILED_TO_START, EXIT_ORPHANED, EXIT_DAMAGED = 4, 5, 6
#: How long an orphan may take to give back what it holds: its claims live only as long as somebody beats for it.
ORPHAN_SECONDS = 1.0


@dataclass(frozen=True)
class Part:
    """What a child is to be: ``worker`` or ``timekeeper``, under which name."""

    role: str
    name: str


class Service(Protocol):
    """A worker or a timekeeper."""

    def run(self) -> int | None: ...


class Line:
    """To the supervisor; any thread may speak. Called, it is a ``Report``.

    Where nobody listens any more this process ends in a moment: that is no failure of whatever run is spoken of.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._socket = socket.fromfd(pipe.fileno(), socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(True)  # or what an application sets for its sockets would hold for the pipe, too
        self._inode = os.fstat(pipe.fileno()).st_ino
        self._lock = threading.Lock()

    def __call__(self, run_id: str, deadline: Deadline | None) -> None:
        self._say("deadline", (run_id, deadline))

    def leave(self, status: int = 0) -> None:
        """Ask it to stop, with all its children, and end with that status."""
        self._say("leave", status)

    def share(self, fd: int, hang_up: HangUp) -> bool:
        """Have the supervisor hold a copy of that descriptor, and hang up when this process is dead."""
        if sys.platform == "darwin":  # who sends a descriptor waits for an answer there, which ``_obey`` would read
            return False
        try:
            with self._lock:
                self._say_all("connection", hang_up)
                self._send(fd)
        except OSError:
            return False
        return True

    def _send(self, fd: int) -> None:
        """The byte that is waited for at least: the next word's first byte would be taken for it, and the rest for
        another length than it has."""
        try:
            socket.send_fds(self._socket, [b"\0"], [fd])
        except OSError:
            self._socket.sendall(b"\0")
            raise

    def _say(self, what: str, value: Any) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._say_all(what, value)

    def _say_all(self, what: str, value: Any) -> None:
        if not self._is_whole:
            log.critical("a job has closed descriptors that were not its own: no job's time limit could be kept")
            end(EXIT_DAMAGED)
        self._pipe.send((what, value))

    @property
    def _is_whole(self) -> bool:
        """Whether nobody has closed its descriptor: what has the number now is not to be written to."""
        try:
            return all(os.fstat(one.fileno()).st_ino == self._inode for one in (self._pipe, self._socket))
        except OSError:
            return False


#: Loads the application, and returns the service and how to stop it (seconds to wait). Picklable.
Boot = Callable[[Part, Line, Journal], tuple[Service, Callable[[float], None], float, Any]]


def main(boot: Boot, part: Part, pipe: Connection, journal: Journal) -> None:
    """The child's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the supervisor decides
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, lambda *_: None)  # so is this one; what a job starts is not to ignore it
    faulthandler.register(signal.SIGUSR1)
    try:
        service, stop, shutdown_seconds, hello = boot(part, Line(pipe), journal)
    except Exception as error:
        log.debug("starting failed", exc_info=True)
        _say(pipe, "failed", words_of(error))
        os._exit(EXIT_FAILED_TO_START)
    _say(pipe, "hello", hello)
    signal.signal(signal.SIGTERM, lambda *_: stop(shutdown_seconds))
    threading.Thread(target=_obey, args=(pipe, stop, shutdown_seconds), name="pscheduler-pipe", daemon=True).start()
    end(service.run() or 0)


def is_importing_main() -> bool:
    """Whether this process is one that ``multiprocessing`` has just started, and imports its parent's main module."""
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))


def end(status: int = 0) -> None:
    """End this process, whatever its threads do: nobody can end a thread whose job did not finish in time."""
    _flush()
    os._exit(status)


def _obey(pipe: Connection, stop: Callable[[float], None], shutdown_seconds: float) -> None:
    """Stop when the supervisor says so, and at once when it is gone: nobody beats for this process then."""
    try:
        while True:
            stop(float(pipe.recv()))
    except (EOFError, OSError):
        log.warning("the supervisor is gone; this process stops")
        stop(0.0)
        time.sleep(ORPHAN_SECONDS)
        end(EXIT_ORPHANED)


def _say(pipe: Connection, what: str, value: Any) -> None:
    try:
        pipe.send((what, value))
    except OSError:
        os._exit(1)


def _flush() -> None:
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
