"""pyramid_scheduler: acked after the run, outcomes written to a ledger (SQLite, or the broker's database)."""

import sys
from contextlib import contextmanager

from pyramid_scheduler import Scheduler, Settings

from . import PROCESSES, broker, directory, queue, url, work

GUARANTEE = "at least once; a killed worker's job returns at once (killed machine: ≤ 10 s)"
SETTINGS = "1 thread a process; JSON; history kept; RabbitMQ: always confirmed"


def urls():
    ledger = f"sqlite:///{directory()}/ledger.sqlite"
    return {
        "redis": (url(), ledger),
        "rabbitmq": (url(), ledger),
        "postgresql": (url(), url()),
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


def job(note):
    work(note)


class Producer:
    def __init__(self):
        broker_url, ledger_url = urls()
        self.scheduler = Scheduler(Settings(broker_url=broker_url, ledger_url=ledger_url, queues=(queue(),)))
        self.scheduler.wiring.closed_ledger.upgrade()

    def each(self, notes):
        for note in notes:
            self.scheduler.add_async_job(job, (note,))

    def batch(self, notes):
        self.scheduler.add_many([(job, (note,)) for note in notes])

    def later(self, notes, at):
        for note in notes:
            self.scheduler.add_date_job(job, at, (note,))


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
    return [[sys.executable, "-c", "from systems.ours import write_and_run; write_and_run('--no-timekeeper')"]]


def keepers():
    """A timekeeper beside the two workers."""
    return [[sys.executable, "-c", "from systems.ours import write_and_run; write_and_run('--processes', '0')"]]


def write_and_run(*options):
    from pyramid_scheduler.cli.main import main as pscheduler

    lines = "\n".join(f"{key} = {value}" for key, value in settings().items()).replace("%", "%%")
    (directory() / "ours.ini").write_text(f"[app:main]\nuse = call:systems.ours:main\n{lines}\n")
    sys.exit(pscheduler(["worker", "ours.ini", *options]))
