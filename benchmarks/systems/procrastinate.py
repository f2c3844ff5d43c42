"""procrastinate on PostgreSQL, two processes of ten coroutines."""

import asyncio
import sys
from contextlib import contextmanager

import procrastinate

from . import POSTGRESQL_URL, queue, work

GUARANTEE = "at least once, with a task of yours that restarts stalled jobs"
BATCH = None

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=POSTGRESQL_URL))
sync_app = app.with_connector(procrastinate.SyncPsycopgConnector(conninfo=POSTGRESQL_URL))


@app.task(name="job", queue=queue())
async def job(marked):
    work(marked)


class Producer:
    def add(self, marked):
        job.defer(marked=marked)


@contextmanager
def producer():
    asyncio.run(apply_schema())
    with (
        app.replace_connector(procrastinate.SyncPsycopgConnector(conninfo=POSTGRESQL_URL)) as replaced,
        replaced.open(),
    ):
        yield Producer()


async def apply_schema():
    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()


def run():
    async def work_on():
        async with app.open_async():
            await app.run_worker_async(queues=[queue()], concurrency=10, delete_jobs="always")

    asyncio.run(work_on())


def commands():
    return [[sys.executable, "-c", "from systems.procrastinate import run; run()"]] * 2
