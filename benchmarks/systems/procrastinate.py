"""procrastinate on PostgreSQL, two processes of ten coroutines."""

import asyncio
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import procrastinate

from . import PROCESSES, queue, url, work

GUARANTEE = "at least once, if a periodic task of yours restarts stalled jobs (after 30 s)"
SETTINGS = "10 coroutines a process, LISTEN/NOTIFY; finished jobs deleted; JSON"

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url()))


@app.task(name="job", queue=queue())
async def job(note):
    work(note)


class Producer:
    def each(self, notes):
        for note in notes:
            job.defer(note=note)

    def batch(self, notes):
        job.batch_defer(*({"note": note} for note in notes))

    def later(self, notes, at):
        moment = datetime.fromtimestamp(at, UTC)
        for note in notes:
            job.configure(schedule_at=moment).defer(note=note)


@contextmanager
def producer():
    asyncio.run(apply_schema())
    with app.replace_connector(procrastinate.SyncPsycopgConnector(conninfo=url())) as replaced, replaced.open():
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
    return [[sys.executable, "-c", "from systems.procrastinate import run; run()"]] * PROCESSES


def keepers():
    """None: what is due later waits in the same table."""
    return []
