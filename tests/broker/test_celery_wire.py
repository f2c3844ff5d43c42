"""Real Celery as the other end of the wire: its workers run our messages, our workers run its."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyramid_scheduler import Scheduler, Settings
from tests import servers
from tests.fleet import ROOT, Fleet, wait_for

CELERY = """
import os, sys
from celery import Celery
app = Celery("wire", broker=os.environ["WIRE_URL"])
app.conf.task_default_queue = os.environ["WIRE_QUEUE"]
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True

@app.task(name="tests.shop.jobs.mark")
def mark(name):
    with open(os.path.join(os.environ["SHOP_DIRECTORY"], "effects"), "a") as file:
        file.write(f"end\\t{name}\\t{os.getpid()}\\n")
"""


@pytest.fixture(params=["redis", "rabbitmq"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with servers.fresh_broker(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet], url: str, queue: str) -> Fleet:
    fleet = make_fleet(url, **{"scheduler.ledger.url": "sqlite:///ledger.sqlite"})
    (fleet.directory / "wire.py").write_text(CELERY)
    fleet.environ.update(WIRE_URL=url, WIRE_QUEUE=queue, PYTHONPATH=f"{ROOT}{os.pathsep}{fleet.directory}")
    return fleet


CELERY_WORKER = ("-A", "wire", "worker", "-P", "solo", "-l", "INFO", "--without-gossip", "--without-mingle")


def test_a_celery_worker_runs_our_jobs(fleet: Fleet, url: str, queue: str) -> None:
    fleet.start(*CELERY_WORKER, module="celery", ready="ready.")
    scheduler = Scheduler(Settings(broker_url=url, queues=(queue,)))
    for n in range(5):
        scheduler.add_async_job("tests.shop.jobs.mark", args=(f"ours{n}",))
    wait_for(lambda: len(fleet.ends()) == 5)
    scheduler.shutdown(0)


def test_our_worker_runs_what_celery_delays(fleet: Fleet) -> None:
    fleet.start()
    program = (
        "from wire import mark\nfor n in range(5): mark.delay(f'celery{n}')\nmark.apply_async(('later',), countdown=1)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=fleet.directory, env=fleet.environ, check=True, timeout=30)
    wait_for(lambda: len(fleet.ends()) == 6)
    assert set(fleet.ends().values()) == {1}


def test_a_queue_is_served_by_one_worker_of_each_kind(fleet: Fleet, url: str, queue: str) -> None:
    theirs, ours = fleet.launch(*CELERY_WORKER, module="celery"), fleet.launch()
    fleet.wait_until_up(theirs, "ready.")
    fleet.wait_until_up(ours)
    scheduler = Scheduler(Settings(broker_url=url, queues=(queue,)))
    names = {f"job{n}" for n in range(300)}
    for name in sorted(names):
        scheduler.add_async_job("tests.shop.jobs.mark", args=(name,))
    wait_for(lambda: set(fleet.ends()) == names)
    assert set(fleet.ends().values()) == {1}
    assert len({line[2] for line in fleet.lines("effects")}) >= 2
    scheduler.shutdown(0)
