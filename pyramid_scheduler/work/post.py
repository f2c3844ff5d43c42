"""The places in a supervisor's crew, and the child processes that fill them one after the other."""

from __future__ import annotations

import os
import signal
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from ..core.ending import Cause
from . import child
from .child import Boot, Part
from .journal import Journal
from .limits import Deadline
from .worker import EXIT_RECYCLE

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.1, 5.0
STEADY_SECONDS = 10.0


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
                yield self.pipe.recv()
        except (EOFError, OSError):
            self.pipe.close()

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
    backoff: float = FIRST_BACKOFF_SECONDS
    start_at: float = 0.0

    def fill(self, boot: Boot, context: Any) -> Child:
        """Start a child."""
        name = f"{socket.gethostname()}-{os.getpid()}-{self.role}{self.number or ''}-{uuid.uuid4().hex[:8]}"
        part = Part(self.role, name)
        ours, theirs = context.Pipe()
        journal = Journal()
        process = context.Process(target=child.main, args=(boot, part, theirs, journal), name=name)
        process.start()
        theirs.close()
        self.child = Child(part, process, ours, time.monotonic(), journal)
        return self.child

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
            self.backoff = FIRST_BACKOFF_SECONDS
        self.start_at = time.monotonic() + (0.0 if expected else self.backoff)
        if not expected:
            self.backoff = min(self.backoff * 2, LONGEST_BACKOFF_SECONDS)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return str(number)
