"""A Celery project whose worker, of several processes, is asked and told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from compat import Celery
from compat.loaders.app import AppLoader

DIRECTORY = Path(os.environ["COMMANDED_DIRECTORY"])
QUEUE = os.environ["COMMANDED_QUEUE"]


def note(*words: object) -> None:
    with (DIRECTORY / "notes").open("a") as notes:
        notes.write("\t".join(map(str, words)) + "\n")


class Loader(AppLoader):
    """Notes what it is told."""

    def on_worker_process_init(self) -> None:
        note("process_init", os.getpid())

    def on_worker_shutdown(self) -> None:
        note("shutdown", os.getpid())


app = Celery("commanded", broker=os.environ["COMMANDED_BROKER"], backend=os.environ["COMMANDED_BACKEND"], loader=Loader)
app.conf.update(
    task_default_queue=QUEUE,
    pyramid_scheduler={"ledger.url": f"sqlite:///{DIRECTORY}/ledger.sqlite"},
)


@app.task(shared=False)
def add(x: int, y: int) -> int:
    return x + y


@app.task(shared=False)
def ask_another() -> Any:
    return add.delay(1, 1).get(timeout=20)
