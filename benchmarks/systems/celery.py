"""Celery: acked before the run, results ignored; two solo workers, which are faster than two prefork children."""

import sys
from contextlib import contextmanager
from datetime import UTC, datetime

from celery import Celery

from . import PROCESSES, confirms, queue, url, work

GUARANTEE = "at most once (acks early); what was prefetched returns: RabbitMQ at once, Redis after an hour"
SETTINGS = "2 solo workers (faster here than prefork), prefetch 64; no results, gossip, mingle, heartbeat; JSON"

app = Celery("bench", broker=url())
app.conf.update(task_ignore_result=True, task_default_queue=queue(), worker_prefetch_multiplier=64)
if confirms():
    app.conf.broker_transport_options = {"confirm_publish": True}


@app.task(name="bench.job")
def job(note):
    work(note)


class Producer:
    def each(self, notes):
        for note in notes:
            job.delay(note)

    def later(self, notes, at):
        eta = datetime.fromtimestamp(at, UTC)
        for note in notes:
            job.apply_async((note,), eta=eta)


@contextmanager
def producer():
    yield Producer()


def commands():
    return [[sys.executable, "-c", f"from systems.celery import run; run({number})"] for number in range(PROCESSES)]


def run(number):
    words = f"worker -P solo -n {queue()}.{number}@%h -l ERROR --without-gossip --without-mingle --without-heartbeat"
    app.worker_main(words.split())


def keepers():
    """None: its workers hold what is due later."""
    return []
