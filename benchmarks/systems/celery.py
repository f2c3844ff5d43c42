"""Celery as it comes: acked before the run, results ignored, prefork."""

import sys
from contextlib import contextmanager

from celery import Celery

from . import PROCESSES, RABBITMQ_URL, REDIS_URL, broker, queue, work

GUARANTEE = "at most once (acks early)"
BATCH = None

app = Celery(
    "bench",
    broker={"redis": REDIS_URL, "rabbitmq": RABBITMQ_URL}[broker()] if broker() in ("redis", "rabbitmq") else None,
)
app.conf.update(task_ignore_result=True, task_default_queue=queue(), worker_prefetch_multiplier=64)


@app.task(name="bench.job")
def job(marked):
    work(marked)


class Producer:
    def add(self, marked):
        job.delay(marked)


@contextmanager
def producer():
    yield Producer()


def commands():
    words = "-m celery -A systems.celery worker -l ERROR --without-gossip --without-mingle --without-heartbeat -c"
    return [[sys.executable, *words.split(), str(PROCESSES)]]
