"""saq on Redis or PostgreSQL, two processes."""

import asyncio
import sys
from contextlib import contextmanager

from saq import Queue, Worker

from . import PROCESSES, AsyncProducer, queue, url, work

GUARANTEE = "at most once (one attempt, its default)"
SETTINGS = "100 coroutines a process, blocking reads; no results; JSON"


async def job(context, *, note):
    work(note)


class Producer(AsyncProducer):
    def __init__(self, loop, saq_queue):
        super().__init__(loop)
        self.queue = saq_queue

    async def add(self, note):
        await self.queue.enqueue("job", note=note, ttl=-1)

    async def add_later(self, note, at):
        await self.queue.enqueue("job", note=note, ttl=-1, scheduled=int(at))


@contextmanager
def producer():
    with asyncio.Runner() as runner:
        saq_queue = Queue.from_url(url(), name=queue())
        runner.run(saq_queue.connect())
        yield Producer(runner.get_loop(), saq_queue)
        runner.run(saq_queue.disconnect())


def run():
    async def work_on():
        saq_queue = Queue.from_url(url(), name=queue())
        await saq_queue.connect()
        await Worker(saq_queue, functions=[job], concurrency=100).start()

    asyncio.run(work_on())


def commands():
    return [[sys.executable, "-c", "from systems.saq import run; run()"]] * PROCESSES


def keepers():
    """None: every worker moves what is due."""
    return []
