"""The supervisor: a process that starts children afresh, beats for them, and replaces the dead.

It has one thread, but for the one that writes down casualties: whatever may wait for long must not be done here."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from typing import Any, Protocol

from ..core.errors import SchedulerError
from ..core.interfaces import Leases
from .casualties import Casualties, Registry
from .child import Boot
from .orders import Orders
from .post import Child, Post, hang_up_together
from .upkeep import BEAT_SECONDS
from .worker import EXIT_RECYCLE

log = logging.getLogger(__name__)

KILL_GRACE_SECONDS = 2.0
LOOK_SECONDS = 0.5


class Home(Registry, Protocol):
    """What the supervisor needs of broker and ledger; made from what the first child says of its settings."""

    leases: Leases
    shutdown_seconds: float

    def banner(self, processes: int) -> Sequence[str]: ...
    def close(self) -> None: ...


class Supervisor:
    """Runs ``processes`` workers and, if asked, a timekeeper; ``run`` returns the exit status.

    ``shared`` are modules that the children need not import: they are forked from a process that has done just that.
    """

    def __init__(
        self,
        *,
        boot: Boot,
        make_home: Callable[[Any], Home],
        processes: int,
        timekeeper: bool = True,
        announce: Callable[[str], None] = print,
        shared: Sequence[str] = (),
    ) -> None:
        self._boot = boot
        self._make_home = make_home
        self._announce = announce
        self._processes = processes
        self._posts = [Post("worker", n) for n in range(1, processes + 1)]
        if timekeeper:
            self._posts.append(Post("timekeeper", 0))
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(shared))
        self._home: Home | None = None
        self._orphans: list[tuple[str, list[Any]]] = []  # consumers to be released, and what they had begun
        self._casualties = Casualties()
        self._outdated: deque[Child] = deque()  # to be replaced, one after the other
        self._stop_at: float | None = None
        self._come_up_by = 0.0
        self._orders = Orders()
        self._beat_at = 0.0
        self._failure, self._status = "", 0

    def run(self) -> int:
        """Until SIGTERM or SIGINT; 1 where no child ever came up, else what the child says that asked for the end."""
        self._orders.listen()
        # Forbidden to daemonic processes, as children would outlive them; ours end when the supervisor is gone.
        multiprocessing.current_process().daemon = False
        try:
            while not self._is_over():
                self._turn()
        finally:
            self._end()
        return 1 if self._failure and self._home is None else self._status

    def _turn(self) -> None:
        self._fill_posts()
        self._hear(self._wait())
        self._bury()
        self._enforce_deadlines()
        self._beat()
        self._follow_orders()
        self._replace_outdated()

    # Children

    def _fill_posts(self) -> None:
        if self._stop_at is not None or self._is_hopeless:
            return
        now = time.monotonic()
        for post in self._posts:
            if post.child is None and now >= post.start_at and (reason := post.fill(self._boot, self._context)):
                self._fail(post.role, reason)

    @property
    def _is_hopeless(self) -> bool:
        """A child could not start, and none ever did: the next would fail in the same way."""
        return bool(self._failure) and self._home is None

    def _children(self) -> list[Child]:
        return [post.child for post in self._posts if post.child is not None]

    def _wait(self) -> set[Any]:
        waited = [thing for one in self._children() for thing in one.waited_for()]
        return set(wait([*waited, self._orders.wakeup], timeout=self._seconds_to_wait()))

    def _seconds_to_wait(self) -> float:
        now = time.monotonic()
        moments = [self._beat_at, *(d.at for one in self._children() for d in one.deadlines.values())]
        if self._stop_at is None and not self._is_hopeless:
            moments += [post.start_at for post in self._posts if post.child is None]
        return max(0.0, min([LOOK_SECONDS, *(moment - now for moment in moments)]))

    def _hear(self, ready: set[Any]) -> None:
        if self._orders.wakeup in ready:
            self._orders.read()
        for one in self._children():
            if one.pipe in ready:
                self._hear_child(one)

    def _hear_child(self, one: Child) -> None:
        for what, value in one.hear():
            if what == "hello":
                one.ready = True
                self._greet(value)
            elif what == "failed":
                self._fail(one.part.role, str(value))
            elif what == "deadline":
                run_id, deadline = value
                one.note(run_id, deadline)
            elif what == "leave":
                self._leave(one, value)

    def _greet(self, hello: Any) -> None:
        self._failure = ""
        if self._home is None:
            self._home = self._make_home(hello)
            for line in self._home.banner(self._processes):
                self._announce(line)

    def _fail(self, role: str, reason: str) -> None:
        if reason != self._failure:  # all of them say the same, again and again
            log.error("%s could not start: %s", role, reason)
        self._failure = reason

    def _bury(self) -> None:
        dead = []
        for post in self._posts:
            one = post.child
            if one is None or one.process.is_alive():
                continue
            self._hear_child(one)
            self._note_death(one)
            dead.append((post, one, self._casualties.collect(one, self._home)))
        hang_up_together([(one, begun) for _, one, begun in dead])
        for post, one, begun in dead:
            post.vacate()
            self._orphans.append((one.part.name, [run.tag for run in begun]))
        self._release_orphans()

    def _note_death(self, one: Child) -> None:
        if one.process.exitcode == EXIT_RECYCLE:
            log.info("%s has done its share and is replaced", one.part.name)
        elif one.stopping or self._stop_at is not None:
            return
        elif one.ready:
            log.warning("%s died (%s); its jobs go back and it is replaced", one.part.name, one.cause)
        elif not self._failure:
            self._fail(one.part.role, f"its process died while it started ({one.cause})")

    def _release_orphans(self) -> None:
        """The dead hold nothing: their claims go back now, not when their silence is noticed."""
        if self._home is None:
            return
        while self._orphans:
            name, begun = self._orphans[0]
            try:
                self._home.leases.release(name, begun)
            except Exception as error:  # it must not end all the children
                log.warning("the claims of %s are released later: %s", name, error, exc_info=_is_strange(error))
                return
            del self._orphans[0]

    # Limits and leases

    def _enforce_deadlines(self) -> None:
        for one in self._children():
            if one.late(time.monotonic()):
                self._kill(one)

    def _kill(self, one: Child) -> None:
        """End the process, then record why, then (when it is buried) give back the rest of what it held."""
        one.process.kill()
        one.process.join()
        one.stopping = True
        self._hear_child(one)  # a run that has ended in the meantime is not to be called too long
        self._casualties.settle_late(one, self._home)

    def _beat(self) -> None:
        now = time.monotonic()
        if now < self._beat_at:
            return
        self._beat_at = now + LOOK_SECONDS
        if self._home is None:
            return
        try:
            self._home.leases.beat([one.part.name for one in self._children() if one.part.role == "worker"])
            self._beat_at = now + BEAT_SECONDS
        except Exception as error:
            log.warning("no beat was heard by the broker: %s", error, exc_info=_is_strange(error))

    # Orders and the end

    def _follow_orders(self) -> None:
        orders = self._orders
        if orders.stops and self._stop_at is None:
            self._stop(self._shutdown_seconds if orders.stops == 1 else 0.0)
        if orders.stops > 1:
            orders.stops = 1
            self._stop(0.0)
        if orders.restart and self._stop_at is None:
            orders.restart = False
            log.info("SIGHUP: the children are replaced, one after the other")
            self._outdated = deque(self._children())

    def _leave(self, one: Child, status: int) -> None:
        """All children may ask for it at once: that is one wish, and none to hurry."""
        self._status = self._status or status
        if self._stop_at is None:
            log.info("%s asks for the end of all", one.part.name)
            self._stop(self._shutdown_seconds)

    @property
    def _shutdown_seconds(self) -> float:
        return 0.0 if self._home is None else self._home.shutdown_seconds

    def _stop(self, seconds: float) -> None:
        self._stop_at = (now := time.monotonic()) + seconds + KILL_GRACE_SECONDS
        self._come_up_by = now + KILL_GRACE_SECONDS
        for one in self._children():
            one.tell(seconds)

    def _replace_outdated(self) -> None:
        """The next one leaves when all posts are filled with children that are up: somebody is always at work."""
        children = self._children()
        if not self._outdated or len(children) < len(self._posts) or any(c.stopping or not c.ready for c in children):
            return
        one = self._outdated.popleft()
        if one in children:
            one.tell(self._shutdown_seconds)

    def _is_over(self) -> bool:
        if self._stop_at is not None:
            held = any(one.ready for one in self._children())  # who never comes up does not keep us
            return not self._children() or time.monotonic() > (self._stop_at if held else self._come_up_by)
        return self._is_hopeless and not self._children()

    def _end(self) -> None:
        for one in self._children():
            one.process.kill()
            one.process.join()
        self._bury()
        self._casualties.close()
        if self._is_hopeless:
            self._announce(f"pscheduler: no worker could start: {self._failure}")
        if self._home is not None:
            self._home.close()


def _is_strange(error: Exception) -> bool:
    """Its words alone would not say what to do about it."""
    return not isinstance(error, SchedulerError)
