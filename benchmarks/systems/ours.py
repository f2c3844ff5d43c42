"""pyramid_scheduler: acked after the run, outcomes written to a ledger (SQLite, or the broker's database)."""

import os
import sys
from contextlib import contextmanager

from pyramid_scheduler import Scheduler, Settings

from . import POSTGRESQL_URL, PROCESSES, RABBITMQ_URL, REDIS_URL, broker, queue, work

GUARANTEE = "at least once, acked after the run, history kept"
BATCH = 500


def urls():
    directory = os.environ["BENCH_DIRECTORY"]
    ledger = f"sqlite:///{directory}/ledger.sqlite"
    return {
        "redis": (REDIS_URL, ledger),
        "rabbitmq": (RABBITMQ_URL, ledger),
        "postgresql": (POSTGRESQL_URL, POSTGRESQL_URL),
        "sqlite": (ledger, ledger),
    }[broker()]


def settings():
    broker_url, ledger_url = urls()
    return {
        "scheduler.combined": "false",
        "scheduler.broker.url": broker_url,
        "scheduler.ledger.url": ledger_url,
        "scheduler.queues": queue(),
        "scheduler.allow": "systems",
        "scheduler.worker.processes": str(PROCESSES),
        "scheduler.worker.threads": "1",
    }


def job(marked):
    work(marked)


class Producer:
    def __init__(self):
        broker_url, ledger_url = urls()
        self.scheduler = Scheduler(Settings(broker_url=broker_url, ledger_url=ledger_url, queues=(queue(),)))
        self.scheduler.wiring.closed_ledger.upgrade()

    def add(self, marked):
        self.scheduler.add_async_job(job, (marked,))

    def add_many(self, marks):
        self.scheduler.add_many([(job, (marked,)) for marked in marks])


@contextmanager
def producer():
    yield Producer()


def main(global_config, **given):
    """The Pyramid application of the workers."""
    from pyramid.config import Configurator

    with Configurator(settings={**given, **settings()}) as config:
        config.include("pyramid_scheduler")
        return config.make_wsgi_app()


def commands():
    program = "import os, sys; from systems.ours import write_and_run; write_and_run()"
    return [[sys.executable, "-c", program]]


def write_and_run():
    from pyramid_scheduler.cli.main import main as pscheduler

    lines = "\n".join(f"{key} = {value}" for key, value in settings().items())
    with open("ours.ini", "w") as file:
        file.write(f"[app:main]\nuse = call:systems.ours:main\n{lines}\n")
    sys.exit(pscheduler(["worker", "ours.ini", "--no-timekeeper"]))
