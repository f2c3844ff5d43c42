"""dramatiq: acked after the run."""

import sys
from contextlib import contextmanager
from time import time

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

from . import PROCESSES, broker, confirms, queue, url, work

GUARANTEE = "at least once; from RabbitMQ at once, from Redis after 60 s and then by chance"
SETTINGS = "8 threads a process (its default); JSON"

dramatiq.set_broker(
    RedisBroker(url=url()) if broker() == "redis" else RabbitmqBroker(url=url(), confirm_delivery=confirms())
)


@dramatiq.actor(queue_name=queue())
def job(note):
    work(note)


class Producer:
    def each(self, notes):
        for note in notes:
            job.send(note)

    def later(self, notes, at):
        for note in notes:
            job.send_with_options(args=(note,), delay=int((at - time()) * 1000))


@contextmanager
def producer():
    yield Producer()


def commands():
    return [[sys.executable, "-m", "dramatiq", "systems.dramatiq", "-p", str(PROCESSES)]]


def keepers():
    """None: its workers hold what is due later."""
    return []
