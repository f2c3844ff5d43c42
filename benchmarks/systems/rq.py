"""rq's SimpleWorker (no fork per job: its fastest), two processes."""

import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from . import PROCESSES, queue, url, work

GUARANTEE = "at most once; a killed worker's job is found failed after ten minutes"
SETTINGS = "SimpleWorker (no fork per job), blocking reads; no results; JSON"


def job(note):
    work(note)


class Producer:
    def __init__(self):
        self.queue = Queue(queue(), connection=redis.Redis.from_url(url()), serializer=JSONSerializer)

    def each(self, notes):
        for note in notes:
            self.queue.enqueue(job, note, result_ttl=0)

    def batch(self, notes):
        self.queue.enqueue_many([Queue.prepare_data(job, (note,), result_ttl=0) for note in notes])

    def later(self, notes, at):
        moment = datetime.fromtimestamp(at, UTC)
        for note in notes:
            self.queue.enqueue_at(moment, job, note, result_ttl=0)


@contextmanager
def producer():
    yield Producer()


def run():
    worker = SimpleWorker([queue()], connection=redis.Redis.from_url(url()), serializer=JSONSerializer)
    worker.work(logging_level="ERROR")


def keep():
    from rq.scheduler import RQScheduler

    scheduler = RQScheduler([queue()], connection=redis.Redis.from_url(url()), serializer=JSONSerializer)
    scheduler.acquire_locks()
    scheduler.work()


def commands():
    return [[sys.executable, "-c", "from systems.rq import run; run()"]] * PROCESSES


def keepers():
    return [[sys.executable, "-c", "from systems.rq import keep; keep()"]]
