"""``python -m tests.work.supervised DIRECTORY PROCESSES CONDUCT [WITHIN]``: a supervisor; its children leave lines."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pyramid_scheduler.core.ending import Begun, Ending
from pyramid_scheduler.core.message import Delivery, Message
from pyramid_scheduler.core.run import Run
from pyramid_scheduler.work import supervisor as supervising
from pyramid_scheduler.work.child import Line, Part
from pyramid_scheduler.work.journal import Journal
from pyramid_scheduler.work.limits import Deadline
from pyramid_scheduler.work.supervisor import Supervisor

SHUTDOWN_SECONDS = 2.0


def note(directory: Path, *words: object) -> None:
    fd = os.open(directory / "lines", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, ("\t".join(map(str, words)) + "\n").encode())
    os.close(fd)


def hang_up(directory: Path, fd: int, begun: Sequence[Any], doubtful: Sequence[Any]) -> None:
    note(directory, "hung up", Path(os.readlink(f"/proc/self/fd/{fd}")).name, *begun, "and", *doubtful)


def hang_up_with_the_others(directory: Path, fd: int, begun: Sequence[Any], doubtful: Sequence[Any]) -> None:
    """Does not return before all three are at it."""
    note(directory, "hanging up")
    while (directory / "lines").read_text().count("hanging up") < 3:
        time.sleep(0.01)


class Service:
    """Waits to be stopped, or does what its conduct says."""

    def __init__(self, directory: Path, part: Part, conduct: str, line: Line, journal: Journal) -> None:
        self.directory, self.part, self.conduct, self.line = directory, part, conduct, line
        self.journal = journal
        self.stopped = threading.Event()

    def run(self) -> int:
        note(self.directory, "up", os.getpid(), self.part.name, self.part.role)
        if self.conduct == "overrun" and not (self.directory / "overrun").exists():
            (self.directory / "overrun").touch()
            self._report("fine", 0.2)
            self.line("fine", None)
            self._report("long", 0.5)
        if self.conduct == "leave":
            while not (self.directory / "tired").exists():
                time.sleep(0.01)
            self.line.leave(7)
        if self.conduct == "share":
            self._share()
        if self.conduct == "share and stay":
            self.line.share(0, partial(hang_up_with_the_others, self.directory))
        if self.conduct == "recycle":
            time.sleep(0.2)
            return 3
        while not self.stopped.wait(0.05) or self.conduct in ("deaf", "share and stay"):
            pass
        note(self.directory, "left", os.getpid())
        return 0

    def _share(self) -> None:
        """Two connections, one after the other, the second in the first's place; and runs that have begun."""
        names = ("running", "acking", "acked")
        _, acking, acked = begun = [Delivery("q", {}, b"", "", "", {}, name) for name in names]
        for one in begun:
            self.journal.begin(Run(one.tag, "a.b", (), {}, {}, one, started_at=time.time()), wants_word=False)
        self.journal.note_acking([acking, acked])
        self.journal.note_acks([acked])
        while not (self.directory / "generous").exists():
            time.sleep(0.01)
        for name in ("lost", "shared"):
            path = self.directory / name
            with path.open("w") as file:
                self.line.share(file.fileno(), partial(hang_up, self.directory))

    def _report(self, run_id: str, seconds: float) -> None:
        begun = Begun(run_id, "a.b", 0, Message("q", {"id": run_id}, b""), time.time())
        self.line(run_id, Deadline(begun, time.monotonic() + seconds, seconds))

    def stop(self, timeout: float) -> None:
        note(self.directory, "told", os.getpid(), timeout)
        self.stopped.set()


@dataclass(frozen=True)
class Boot:
    directory: Path
    conduct: str

    def __call__(self, part: Part, line: Line, journal: Journal) -> tuple[Service, Callable[[float], None], float, Any]:
        note(self.directory, "boot", os.getpid())
        conduct = self.conduct
        if conduct == "fail" or (conduct == "fail later" and (self.directory / "broken").exists()):
            raise RuntimeError("there is no table ps_outcome")
        if conduct == "hang":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            threading.Event().wait()
        if conduct == "die":
            os._exit(9)
        service = Service(self.directory, part, conduct, line, journal)
        return service, service.stop, SHUTDOWN_SECONDS, str(self.directory)


class Home:
    """Writes down what the supervisor asks of broker and ledger."""

    shutdown_seconds = SHUTDOWN_SECONDS

    def __init__(self, hello: str) -> None:
        self.directory = Path(hello)
        self.leases = self
        while (self.directory / "slow").exists():
            time.sleep(0.01)

    def beat(self, consumers: Sequence[str]) -> None:
        self._stumble("beat")
        note(self.directory, "beat", *sorted(consumers))

    def _stumble(self, over: str) -> None:
        if (self.directory / "stones").exists():
            note(self.directory, "stumbled", over)
            raise ValueError("not a word of ours")

    def release(self, consumer: str, begun: Sequence[Any] = ()) -> int:
        self._stumble("release")
        note(self.directory, "release", consumer, *begun)
        return 0

    def recover(self, silent_seconds: float) -> int:
        return 0

    def reopen(self, raw: bytes, queue: str, tag: Any) -> Delivery:
        raise AssertionError("none came in one piece")

    def settle(self, ending: Ending) -> None:
        note(self.directory, "killed", ending.begun.run_id, ending.worker, ending.cause)

    def banner(self, processes: int) -> Sequence[str]:
        return (f"up: {processes}",)

    def close(self) -> None:
        note(self.directory, "closed")


def supervise(directory: Path, processes: int, conduct: str) -> int:
    supervising.BEAT_SECONDS = 0.2
    return Supervisor(
        boot=Boot(directory, conduct),
        make_home=Home,
        processes=processes,
        announce=lambda line: print(line, flush=True),
    ).run()


def main(directory: str, processes: str, conduct: str, within: str = "") -> int:
    """``within`` another program the supervisor is a daemon of its own, which is never told to stop."""
    order = (Path(directory), int(processes), conduct)
    if not within:
        return supervise(*order)
    kind: Any = {"thread": threading.Thread, "process": multiprocessing.get_context("fork").Process}[within]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored by what a shell runs in the background
    daemon = kind(target=supervise, args=order, daemon=True)
    daemon.start()
    daemon.join()
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
