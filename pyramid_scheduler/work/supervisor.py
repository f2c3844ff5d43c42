"""The supervisor: a process without threads that starts children afresh, beats for them, and replaces the dead."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from ..core.errors import SchedulerError
from ..core.interfaces import Leases
from . import child
from .child import Boot, Part
from .limits import Deadline
from .upkeep import BEAT_SECONDS

log = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.1, 5.0
STEADY_SECONDS = 10.0
KILL_GRACE_SECONDS = 2.0
LOOK_SECONDS = 0.5


class Home(Protocol):
    """What the supervisor needs of broker and ledger; made from what the first child says of its settings."""

    leases: Leases

    def settle_killed(self, deadline: Deadline, worker: str) -> None:
        """Record that the run was ended at its hard limit."""

    def banner(self, processes: int) -> Sequence[str]: ...
    def close(self) -> None: ...


@dataclass
class Child:
    """One child process, as its parent sees it."""

    part: Part
    process: Any
    pipe: Connection
    started_at: float
    ready: bool = False
    deadlines: dict[str, Deadline] = field(default_factory=dict)
    stopping: bool = False


@dataclass
class Post:
    """A place to be filled: by one child after the other."""

    role: str
    number: int
    child: Child | None = None
    backoff: float = FIRST_BACKOFF_SECONDS
    start_at: float = 0.0


class Supervisor:
    """Runs ``processes`` workers and, if asked, a timekeeper; ``run`` returns the exit status."""

    def __init__(
        self,
        *,
        boot: Boot,
        make_home: Callable[[Any], Home],
        processes: int,
        timekeeper: bool = True,
        announce: Callable[[str], None] = print,
    ) -> None:
        self._boot = boot
        self._make_home = make_home
        self._announce = announce
        self._processes = processes
        self._posts = [Post("worker", n) for n in range(1, processes + 1)]
        if timekeeper:
            self._posts.append(Post("timekeeper", 0))
        self._context = multiprocessing.get_context("spawn")
        self._home: Home | None = None
        self._orphans: list[str] = []  # consumers whose claims are still to be released
        self._stop_at: float | None = None
        self._signals = 0
        self._restart = False
        self._beat_at = 0.0
        self._failure = ""

    def run(self) -> int:
        """Until SIGTERM or SIGINT; 1 where no child ever came up."""
        self._listen_to_signals()
        try:
            while not self._is_over():
                self._turn()
        finally:
            self._end()
        return 1 if self._failure else 0

    def _turn(self) -> None:
        self._fill_posts()
        self._hear(self._wait())
        self._bury()
        self._enforce_deadlines()
        self._beat()
        self._follow_signals()

    # Children

    def _fill_posts(self) -> None:
        now = time.monotonic()
        for post in self._posts:
            if post.child is None and self._stop_at is None and now >= post.start_at:
                post.child = self._spawn(post)

    def _spawn(self, post: Post) -> Child:
        name = f"{socket.gethostname()}-{os.getpid()}-{post.role}{post.number or ''}-{uuid.uuid4().hex[:8]}"
        part = Part(post.role, name)
        ours, theirs = self._context.Pipe()
        process: Any = self._context.Process(target=child.main, args=(self._boot, part, theirs), name=name)
        process.start()
        theirs.close()
        return Child(part, process, ours, time.monotonic())

    def _children(self) -> list[Child]:
        return [post.child for post in self._posts if post.child is not None]

    def _wait(self) -> set[Any]:
        waited = [thing for one in self._children() for thing in (one.pipe, one.process.sentinel) if not _closed(thing)]
        return set(wait([*waited, self._wakeup], timeout=self._seconds_to_wait()))

    def _seconds_to_wait(self) -> float:
        now = time.monotonic()
        moments = [self._beat_at, *(d.at for one in self._children() for d in one.deadlines.values())]
        moments += [post.start_at for post in self._posts if post.child is None and self._stop_at is None]
        return max(0.0, min([LOOK_SECONDS, *(moment - now for moment in moments)]))

    def _hear(self, ready: set[Any]) -> None:
        if self._wakeup in ready:
            os.read(self._wakeup, 4096)
        for post in self._posts:
            one = post.child
            if one is not None and one.pipe in ready:
                self._hear_child(one)

    def _hear_child(self, one: Child) -> None:
        try:
            while one.pipe.poll():
                what, value = one.pipe.recv()
                self._heard(one, what, value)
        except (EOFError, OSError):
            one.pipe.close()

    def _heard(self, one: Child, what: str, value: Any) -> None:
        if what == "hello":
            one.ready = True
            self._greet(value)
        elif what == "failed":
            self._failure = str(value)
            log.error("%s could not start: %s", one.part.role, value)
        elif what == "deadline":
            run_id, deadline = value
            one.deadlines.pop(run_id, None) if deadline is None else one.deadlines.__setitem__(run_id, deadline)

    def _greet(self, hello: Any) -> None:
        self._failure = ""
        if self._home is None:
            self._home = self._make_home(hello)
            for line in self._home.banner(self._processes):
                self._announce(line)

    def _bury(self) -> None:
        for post in self._posts:
            one = post.child
            if one is None or one.process.is_alive():
                continue
            if not _closed(one.pipe):
                self._hear_child(one)
            self._note_death(post, one)
            one.process.join()
            one.pipe.close()
            post.child = None
            self._orphans.append(one.part.name)
        self._release_orphans()

    def _note_death(self, post: Post, one: Child) -> None:
        code, lived = one.process.exitcode, time.monotonic() - one.started_at
        if (one.ready and lived > STEADY_SECONDS) or code == 3:
            post.backoff = FIRST_BACKOFF_SECONDS
        post.start_at = time.monotonic() + (0.0 if code == 3 else post.backoff)
        post.backoff = min(post.backoff * 2, LONGEST_BACKOFF_SECONDS)
        if code == 3:
            log.info("%s has done its share and is replaced", one.part.name)
        elif not one.stopping and self._stop_at is None and one.ready:
            log.warning("%s died (%s); its jobs go back and it is replaced", one.part.name, _cause(code))

    def _release_orphans(self) -> None:
        """The dead hold nothing: their claims go back now, not when their silence is noticed."""
        if self._home is None:
            return
        while self._orphans:
            try:
                self._home.leases.release(self._orphans[0])
            except SchedulerError as error:
                log.warning("the claims of %s are released later: %s", self._orphans[0], error)
                return
            del self._orphans[0]

    # Limits and leases

    def _enforce_deadlines(self) -> None:
        now = time.monotonic()
        for one in self._children():
            late = [deadline for deadline in one.deadlines.values() if deadline.at <= now]
            if late:
                self._kill(one, late)

    def _kill(self, one: Child, late: Sequence[Deadline]) -> None:
        """End the process, then record why, then (when it is buried) give back the rest of what it held."""
        one.process.kill()
        one.process.join()
        one.deadlines.clear()
        one.stopping = True
        for deadline in late:
            log.warning(
                "run %s exceeded its time_limit of %g s; its process was ended", deadline.run_id, deadline.limit_seconds
            )
            if self._home is not None:
                try:
                    self._home.settle_killed(deadline, one.part.name)
                except SchedulerError as error:
                    log.error(
                        "that run %s was ended could not be recorded, it will run again: %s", deadline.run_id, error
                    )

    def _beat(self) -> None:
        now = time.monotonic()
        if now < self._beat_at or self._home is None:
            self._beat_at = max(self._beat_at, now + LOOK_SECONDS) if self._home is None else self._beat_at
            return
        self._beat_at = now + BEAT_SECONDS
        try:
            self._home.leases.beat([one.part.name for one in self._children() if one.part.role == "worker"])
        except SchedulerError as error:
            log.warning("no beat was heard by the broker: %s", error)
            self._beat_at = now + LOOK_SECONDS

    # Signals and the end

    def _listen_to_signals(self) -> None:
        self._wakeup, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_restart)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _on_stop(self, number: int, frame: Any) -> None:
        self._signals += 1

    def _on_restart(self, number: int, frame: Any) -> None:
        self._restart = True

    def _follow_signals(self) -> None:
        if self._signals and self._stop_at is None:
            seconds = getattr(self._home, "shutdown_seconds", 0.0) if self._signals == 1 else 0.0
            self._stop_at = time.monotonic() + seconds + KILL_GRACE_SECONDS
            self._tell_children(seconds)
        if self._signals > 1:
            self._signals = 1
            self._stop_at = time.monotonic() + KILL_GRACE_SECONDS
            self._tell_children(0.0)
        if self._restart:
            self._restart = False
            log.info("SIGHUP: the children are replaced")
            self._tell_children(getattr(self._home, "shutdown_seconds", 0.0))

    def _tell_children(self, seconds: float) -> None:
        for one in self._children():
            one.stopping = True
            try:
                one.pipe.send(seconds)
            except OSError:
                pass
            if not one.ready:
                one.process.kill()

    def _is_over(self) -> bool:
        if self._stop_at is not None:
            return not self._children() or time.monotonic() > self._stop_at
        return bool(self._failure) and self._home is None and not self._children()

    def _end(self) -> None:
        for one in self._children():
            one.process.kill()
            one.process.join()
        self._bury()
        if self._failure and self._home is None:
            self._announce(f"pscheduler: no worker could start: {self._failure}")
        if self._home is not None:
            self._home.close()


def _closed(thing: Any) -> bool:
    return bool(getattr(thing, "closed", False))


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit status {code}"
