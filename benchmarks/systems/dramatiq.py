"""dramatiq with its default of eight threads a process; acked after the run."""

import sys
from contextlib import contextmanager

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

from . import PROCESSES, RABBITMQ_URL, REDIS_URL, broker, queue, work

GUARANTEE = "at least once, acked after the run"
BATCH = None

dramatiq.set_broker(
    RedisBroker(url=REDIS_URL) if broker() == "redis" else RabbitmqBroker(url=RABBITMQ_URL.rstrip("/") + "/%2f")
)


@dramatiq.actor(queue_name=queue())
def job(marked):
    work(marked)


class Producer:
    def add(self, marked):
        job.send(marked)


@contextmanager
def producer():
    yield Producer()


def commands():
    return [[sys.executable, "-m", "dramatiq", "systems.dramatiq", "-p", str(PROCESSES)]]
