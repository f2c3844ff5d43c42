"""huey: a popped task is gone."""

import sys
from contextlib import contextmanager
from datetime import datetime

from huey import PostgresHuey, RedisHuey, SqliteHuey

from . import PROCESSES, broker, queue, url, work

GUARANTEE = "at most once (popped before the run)"
SETTINGS = "2 worker processes; blocking reads (SQLite: polls every 10 ms); no results; pickle, its only serializer"

if broker() == "redis":
    huey = RedisHuey(queue(), url=url(), results=False)
elif broker() == "postgresql":
    huey = PostgresHuey(queue(), dsn=url(), results=False)
else:
    huey = SqliteHuey(queue(), filename=url(), results=False)


@huey.task()
def job(note):
    work(note)


class Producer:
    def each(self, notes):
        for note in notes:
            job(note)

    def later(self, notes, at):
        eta = datetime.fromtimestamp(at)
        for note in notes:
            job.schedule(args=(note,), eta=eta)


@contextmanager
def producer():
    yield Producer()


def commands():
    options = f"-k process -w {PROCESSES} -n -q -d 0.01 -m 0.01"
    program = (
        f"import sys; sys.argv = ['huey', 'systems.huey.huey', *'{options}'.split()];"
        "from huey.bin.huey_consumer import consumer_main; consumer_main()"
    )
    return [[sys.executable, "-c", program]]


def keepers():
    """None: every consumer has a scheduler."""
    return []
