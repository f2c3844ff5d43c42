"""rq's SimpleWorker (no fork per job: its fastest), two processes."""

import sys
from contextlib import contextmanager

import redis
from rq import Queue, SimpleWorker

from . import REDIS_URL, queue, work

GUARANTEE = "at least once, after a restart"
BATCH = None


def job(marked):
    work(marked)


class Producer:
    def __init__(self):
        self.queue = Queue(queue(), connection=redis.Redis.from_url(REDIS_URL))

    def add(self, marked):
        self.queue.enqueue(job, marked, result_ttl=0)


@contextmanager
def producer():
    yield Producer()


def run():
    SimpleWorker([queue()], connection=redis.Redis.from_url(REDIS_URL)).work(logging_level="ERROR")


def commands():
    return [[sys.executable, "-c", "from systems.rq import run; run()"]] * 2
