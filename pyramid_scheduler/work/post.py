"""The places in a supervisor's crew, and the child processes that fill them one after the other."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from ..core.backoff import Backoff
from ..core.ending import Begun, Cause
from ..core.errors import words_of
from ..core.interfaces import HangUp
from . import child
from .child import Boot, Part
from .journal import Journal
from .limits import Deadline
from .worker import EXIT_RECYCLE

log = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.1, 5.0
STEADY_SECONDS = 10.0
#: More than a start takes: a socket and two pipes.
SPARE_DESCRIPTORS = 8


@dataclass
class Child:
    """One child process, as its parent sees it."""

    part: Part
    process: Any
    pipe: Connection
    started_at: float
    journal: Journal
    ready: bool = False
    deadlines: dict[str, Deadline] = field(default_factory=dict)
    stopping: bool = False
    offered: HangUp | None = None  # how to end the connection that comes next
    connection: tuple[int, HangUp] | None = None  # a copy of its own, and how to end it

    def tell(self, seconds: float) -> None:
        """Ask it to stop within that time. One that has not come up yet reads no pipe, but a signal ends it; if it has
        in this moment, that asks it, too."""
        self.stopping = True
        try:
            self.pipe.send(seconds)
        except OSError:  # it is gone already
            pass
        if not self.ready:
            self.process.terminate()

    def hear(self) -> Iterator[tuple[str, Any]]:
        """What it has said since; a child that was killed may have left half a sentence."""
        try:
            while not self.pipe.closed and self.pipe.poll():
                if self.offered is not None:
                    self._hold(self.offered)
                    continue
                what, value = self.pipe.recv()
                if what == "connection":
                    self.offered = value  # the descriptor follows; not waited for: its sender may be stopped
                else:
                    yield what, value
        except (EOFError, OSError):
            self.pipe.close()

    def _hold(self, hang_up: HangUp) -> None:
        """Its connection, in the place of one that it has lost."""
        self._let_go()
        self.offered = None
        received, fds = _receive(self.pipe)
        if not received:
            raise EOFError
        if fds:
            self.connection = fds[0], hang_up
        else:
            log.warning("if %s is killed, jobs that had just begun may run again: no room is left", self.part.name)

    def _let_go(self) -> None:
        if self.connection is not None:
            os.close(self.connection[0])
        self.connection = None

    def hang_up(self, begun: Sequence[Begun]) -> None:
        """It is dead: end the connection that it has shared, and see to it that none of the runs begins again."""
        if self.connection is not None:
            fd, hang_up = self.connection
            try:
                hang_up(
                    fd,
                    [run.tag for run in begun if not (run.is_acking or run.is_acked)],
                    [run.tag for run in begun if run.is_acking and not run.is_acked],
                )
            finally:
                self._let_go()

    def waited_for(self) -> list[Any]:
        """What becomes readable when it says something or dies."""
        return [self.process.sentinel] if self.pipe.closed else [self.pipe, self.process.sentinel]

    def note(self, run_id: str, deadline: Deadline | None) -> None:
        """A run has a deadline, or (None) is over: that does not undo that somebody asked for its end."""
        if deadline is not None:
            self.deadlines[run_id] = deadline
        elif run_id in self.deadlines and self.deadlines[run_id].cause is not Cause.TERMINATED:
            del self.deadlines[run_id]

    def late(self, now: float) -> list[Deadline]:
        return [deadline for deadline in self.deadlines.values() if deadline.at <= now]

    @property
    def cause(self) -> str:
        """Of its death."""
        code = self.process.exitcode
        return f"exit status {code}" if code is None or code >= 0 else f"signal {_signal_name(-code)}"


@dataclass
class Post:
    """A place to be filled: by one child after the other, more slowly if they die at once."""

    role: str
    number: int
    child: Child | None = None
    backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS))
    start_at: float = 0.0

    def fill(self, boot: Boot, context: Any) -> str:
        """Start a child; where the system has no room for one more now, say so, and let it be tried again later: those
        that live go on."""
        try:
            self.child = self._start(boot, context)
        except (OSError, EOFError) as error:  # the second, where it is the fork server that finds no room
            self._put_off()
            return words_of(error)
        return ""

    def _start(self, boot: Boot, context: Any) -> Child:
        name = f"{socket.gethostname()}-{os.getpid()}-{self.role}{self.number or ''}-{uuid.uuid4().hex[:8]}"
        part = Part(self.role, name)
        ours, theirs = context.Pipe()
        with ExitStack() as unless_started:
            journal = unless_started.enter_context(Journal())
            process = context.Process(target=child.main, args=(boot, part, theirs, journal), name=name)
            _look_for_room()
            process.start()
            unless_started.pop_all()
        theirs.close()
        return Child(part, process, ours, time.monotonic(), journal)

    def vacate(self) -> None:
        """Its child is dead; the next may start at once if it was asked to leave or has done its share."""
        one = self.child
        assert one is not None
        one.process.join()
        one.pipe.close()
        one.journal.close()
        self.child = None
        expected = one.stopping or one.process.exitcode == EXIT_RECYCLE
        if expected or (one.ready and time.monotonic() - one.started_at > STEADY_SECONDS):
            self.backoff.reset()
        self.start_at = time.monotonic()
        if not expected:
            self._put_off()

    def _put_off(self) -> None:
        """The next one is started later, and the one after that later still."""
        self.start_at = time.monotonic() + self.backoff.fail()


def hang_up_together(dead: Sequence[tuple[Child, Sequence[Begun]]]) -> None:
    """Each in a thread of its own: a server that does not answer makes each of them wait."""
    threads = []
    for one, begun in dead:
        if one.connection is None:
            continue
        thread = threading.Thread(target=one.hang_up, args=(begun,), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no room for one more
            one.hang_up(begun)
        else:
            threads.append(thread)
    for thread in threads:
        thread.join()


def _receive(pipe: Connection) -> tuple[bytes, list[int]]:
    """A byte, and the descriptor that comes with it; none where this process has no room for it."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=pipe.fileno())
    try:
        line.setblocking(True)
        received, fds, _, _ = socket.recv_fds(line, 1, 1)
    finally:
        line.detach()  # it is the pipe's
    return received, fds


def _look_for_room() -> None:
    """Raise OSError before ``multiprocessing`` does, which would have called on its fork server by then: that ends when
    it is left in the middle, and all children with it."""
    with ExitStack() as spare:
        for _ in range(SPARE_DESCRIPTORS):
            spare.callback(os.close, os.open(os.devnull, os.O_RDONLY))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return str(number)
