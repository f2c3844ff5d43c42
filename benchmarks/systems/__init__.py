"""One module for each system: GUARANTEE, SETTINGS, producer(), commands(), and for later jobs keepers().

``producer()`` yields an object with ``each(notes)``; where the system has them, also ``batch(notes)`` and
``later(notes, at)``. A note is the one argument of a job: 0 says nothing, a negative one is a mark (the job says when
it began), a positive one is the time of its enqueueing (the job says how long ago that was). Times are
CLOCK_MONOTONIC, which all processes of a machine share.
"""

import os
import socket
import time
from pathlib import Path

PROCESSES = 2


def broker() -> str:
    return os.environ.get("BENCH_BROKER", "redis")


def url() -> str:
    """Of the broker, in its own tongue: redis://, amqp://, postgresql://, or the path of a SQLite file."""
    return os.environ.get("BENCH_URL", "redis://127.0.0.1:6379/0")


def queue() -> str:
    return os.environ.get("BENCH_QUEUE", "bench")


def confirms() -> bool:
    """Whether publishing is to wait for RabbitMQ's confirmation."""
    return os.environ.get("BENCH_CONFIRMS") == "1"


def directory() -> Path:
    return Path(os.environ.get("BENCH_DIRECTORY", "."))


def work(note: int) -> None:
    """What every system's job does: nothing, but for a few that say when they began."""
    if note:
        began = time.monotonic_ns()
        name, said = ("marks", f"{-note} {began}") if note < 0 else ("latency", str(began - note))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(said.encode(), str(directory() / name))


class AsyncProducer:
    """``each`` and ``later`` for systems that produce with coroutines: in one run of their loop."""

    def __init__(self, loop):
        self.loop = loop

    def each(self, notes):
        self.loop.run_until_complete(self._each(notes))

    async def _each(self, notes):
        for note in notes:
            await self.add(note)

    def later(self, notes, at):
        self.loop.run_until_complete(self._later(notes, at))

    async def _later(self, notes, at):
        for note in notes:
            await self.add_later(note, at)
