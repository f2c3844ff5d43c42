"""A Celery project that promises: a task at its time, a revocation for good, every tick of its schedule once."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from compat import Celery, signals

DIRECTORY = Path(os.environ["PROMISE_DIRECTORY"])
VISIBILITY_SECONDS = 2
TICK_SECONDS = 0.5
app = Celery("promise", broker=os.environ["PROMISE_BROKER"], backend=os.environ["PROMISE_BACKEND"])
app.conf.update(
    task_default_queue=os.environ["PROMISE_QUEUE"],
    broker_transport_options={"visibility_timeout": VISIBILITY_SECONDS},
    pyramid_scheduler={"ledger.url": f"sqlite:///{DIRECTORY}/ledger.sqlite"},
)
if "PROMISE_TICKS" in os.environ:
    app.conf.beat_schedule = {"ticking": {"task": "tests.compat.promise_tasks.tick", "schedule": TICK_SECONDS}}


def note(*words: object) -> None:
    with (DIRECTORY / "notes").open("a") as notes:
        notes.write("\t".join(map(str, words)) + "\n")


@signals.worker_process_shutdown.connect(weak=False)
def left(sender: Any, pid: int, **kwargs: Any) -> None:
    note("left", sender, pid)


@signals.worker_shutting_down.connect(weak=False)
def leaving(sender: Any, sig: str, how: str, **kwargs: Any) -> None:
    note("leaving", sender, sig, how)


@app.task
def run(word: str) -> str:
    note("run", word, time.time())
    return word


@app.task(bind=True, acks_late=True)
def tick(self: Any) -> None:
    """The one that finds the file ``hang`` takes it away, and hangs until its process is killed."""
    try:
        (DIRECTORY / "hang").unlink()
    except FileNotFoundError:
        note("tick", self.request.id, getattr(self.request, "ps-due"))
        return
    note("hanging", self.request.id, os.getpgid(0))
    while True:
        time.sleep(0.05)
