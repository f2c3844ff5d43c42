"""taskiq on Redis streams, which are acked; two worker processes."""

import asyncio
import sys
from contextlib import contextmanager

from taskiq_redis import RedisStreamBroker

from . import PROCESSES, REDIS_URL, queue, work

GUARANTEE = "at least once (streams)"
BATCH = None

taskiq_broker = RedisStreamBroker(url=REDIS_URL, queue_name=queue(), consumer_group_name=queue())


@taskiq_broker.task(task_name="job")
async def job(marked: bool) -> None:
    work(marked)


class Producer:
    def __init__(self, loop):
        self.loop = loop

    def add(self, marked):
        self.loop.run_until_complete(job.kiq(marked))


@contextmanager
def producer():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(taskiq_broker.startup())
    yield Producer(loop)
    loop.run_until_complete(taskiq_broker.shutdown())


def commands():
    return [
        [
            sys.executable,
            "-m",
            "taskiq",
            "worker",
            "systems.taskiq:taskiq_broker",
            "-w",
            str(PROCESSES),
            "--log-level",
            "ERROR",
        ]
    ]
