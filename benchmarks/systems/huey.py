"""huey: two consumers of one thread each; a popped task is gone."""

import os
import sys
from contextlib import contextmanager

from huey import RedisHuey, SqliteHuey

from . import REDIS_URL, broker, queue, work

GUARANTEE = "at most once (popped before the run)"
BATCH = None

if broker() == "redis":
    huey = RedisHuey(queue(), url=REDIS_URL, results=False)
else:
    huey = SqliteHuey(
        queue(), filename=os.path.join(os.environ.get("BENCH_DIRECTORY", "."), "huey.sqlite"), results=False
    )


@huey.task()
def job(marked):
    work(marked)


class Producer:
    def add(self, marked):
        job(marked)


@contextmanager
def producer():
    yield Producer()


def commands():
    program = (
        "import sys; sys.argv = ['huey', 'systems.huey.huey', '-w', '1', '-n', '-q'];"
        "from huey.bin.huey_consumer import consumer_main; consumer_main()"
    )
    return [[sys.executable, "-c", program]] * 2
