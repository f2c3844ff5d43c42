"""A Celery project whose tasks do not end by themselves."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from compat import Celery, signals
from compat.exceptions import SoftTimeLimitExceeded

DIRECTORY = Path(os.environ["ENDING_DIRECTORY"])
app = Celery("ending", broker=os.environ["ENDING_BROKER"], backend=os.environ["ENDING_BACKEND"])
app.conf.update(
    task_default_queue=os.environ["ENDING_QUEUE"],
    task_track_started=True,
    pyramid_scheduler={"ledger.url": f"sqlite:///{DIRECTORY}/ledger.sqlite", "shutdown_timeout": 1},
)


def note(*words: object) -> None:
    with (DIRECTORY / "notes").open("a") as notes:
        notes.write("\t".join(map(str, words)) + "\n")


class Told(app.Task):  # type: ignore[misc,name-defined]
    def on_failure(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        note("on_failure", task_id, type(exc).__name__, args, self.request.id)


@signals.task_failure.connect(weak=False)
def failed(sender: Any, task_id: str, exception: Any, **kwargs: Any) -> None:
    note("task_failure", task_id, type(exception).__name__)


@signals.task_revoked.connect(weak=False)
def revoked(sender: Any, request: Any, terminated: bool, signum: Any, expired: bool, **kwargs: Any) -> None:
    note("task_revoked", request.id, terminated, signum, expired)


def forever(word: str) -> None:
    note("running", word, os.getpid())
    while True:
        time.sleep(0.05)


@app.task(base=Told, time_limit=1)
def long(word: str) -> None:
    forever(word)


@app.task(base=Told, time_limit=1, acks_late=True)
def long_and_late(word: str) -> None:
    forever(word)


@app.task(base=Told)
def hang(word: str) -> None:
    forever(word)


@app.task(acks_late=True)
def hang_late(word: str) -> None:
    forever(word)


@app.task(base=Told)
def fatal() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(base=Told)
def fatal_once() -> str:
    if not (DIRECTORY / "died").exists():
        (DIRECTORY / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


@app.task
def tidy(word: str, seconds: float) -> str:
    """Asleep for so long at a time."""
    note("running", word, os.getpid())
    try:
        while True:
            time.sleep(seconds)
    except SoftTimeLimitExceeded:
        return "tidied up"


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task
def sorry(uuid: str) -> None:
    note("errback", uuid)
