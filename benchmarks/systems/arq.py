"""arq on Redis, two processes."""

import asyncio
import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

from arq import create_pool, func
from arq.connections import RedisSettings
from arq.worker import Worker

from . import PROCESSES, AsyncProducer, queue, url, work

GUARANTEE = "at least once; a killed worker's job returns after 310 s"
SETTINGS = "100 coroutines a process, polls every 10 ms (0.5 s by default); no results; JSON"


async def job(context, note):
    work(note)


def dumps(value):
    return json.dumps(value).encode()


class Producer(AsyncProducer):
    def __init__(self, loop, pool):
        super().__init__(loop)
        self.pool = pool

    async def add(self, note):
        await self.pool.enqueue_job("job", note)

    async def add_later(self, note, at):
        await self.pool.enqueue_job("job", note, _defer_until=datetime.fromtimestamp(at, UTC))


@contextmanager
def producer():
    with asyncio.Runner() as runner:
        pool = runner.run(
            create_pool(
                RedisSettings.from_dsn(url()),
                job_serializer=dumps,
                job_deserializer=json.loads,
                default_queue_name=queue(),
            )
        )
        yield Producer(runner.get_loop(), pool)
        runner.run(pool.aclose())


def run():
    async def work_on():
        worker = Worker(
            functions=[func(job, name="job", keep_result=0)],
            queue_name=queue(),
            redis_settings=RedisSettings.from_dsn(url()),
            job_serializer=dumps,
            job_deserializer=json.loads,
            max_jobs=100,
            poll_delay=0.01,
            log_results=False,
        )
        await worker.async_run()

    asyncio.run(work_on())


def commands():
    return [[sys.executable, "-c", "from systems.arq import run; run()"]] * PROCESSES


def keepers():
    """None: what is due later waits in the same sorted set."""
    return []
