"""saq on Redis, two processes."""

import asyncio
import sys
from contextlib import contextmanager

from saq import Queue, Worker

from . import REDIS_URL, queue, work

GUARANTEE = "at most once by default (one attempt)"
BATCH = None


async def job(context, *, marked):
    work(marked)


class Producer:
    def __init__(self, loop, saq_queue):
        self.loop, self.queue = loop, saq_queue

    def add(self, marked):
        self.loop.run_until_complete(self.queue.enqueue("job", marked=marked, ttl=-1))


@contextmanager
def producer():
    loop = asyncio.new_event_loop()
    yield Producer(loop, Queue.from_url(REDIS_URL, name=queue()))


def run():
    asyncio.run(Worker(Queue.from_url(REDIS_URL, name=queue()), functions=[job], concurrency=20).start())


def commands():
    return [[sys.executable, "-c", "from systems.saq import run; run()"]] * 2
