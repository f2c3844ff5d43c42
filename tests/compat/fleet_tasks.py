"""A Celery project; ``FLEET_SIDE`` says which package it imports."""

from __future__ import annotations

import os
from typing import Any

SIDE = os.environ["FLEET_SIDE"]
if SIDE == "celery":
    from celery import Celery
else:
    from compat import Celery

app: Any = Celery("fleet", broker=os.environ["FLEET_BROKER"], backend=os.environ["FLEET_BACKEND"])
app.conf.update(task_default_queue=os.environ["FLEET_QUEUE"], broker_connection_retry_on_startup=True)


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task
def who() -> str:
    return SIDE


@app.task
def boom() -> None:
    raise ValueError("bad", 3)


@app.task(bind=True, max_retries=3)
def flaky(self: Any) -> int:
    if self.request.retries < 2:
        raise self.retry(countdown=0.2)
    return int(self.request.retries)
