"""Jobs that run for longer than RabbitMQ lets a consumer have a message."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from tests import own_servers
from tests.fleet import Fleet, wait_for
from tests.shop import jobs

MakeFleet = Callable[..., Fleet]
TIMEOUT_SECONDS, LONG_SECONDS = 5.0, 16.0
RUNNING_AGAIN_SECONDS = 10.0


@pytest.fixture(scope="module")
def rabbitmq_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with own_servers.rabbitmq(tmp_path_factory.mktemp("rabbitmq"), consumer_timeout_seconds=TIMEOUT_SECONDS) as url:
        yield url


@pytest.fixture(params=("classic", "quorum"))
def fleet(request: pytest.FixtureRequest, make_fleet: MakeFleet, rabbitmq_url: str) -> Fleet:
    settings = {
        "scheduler.broker.queue_type": request.param,
        "scheduler.broker.renew_seconds": 1,
        "scheduler.worker.threads": 2,
    }
    return make_fleet(rabbitmq_url, **{"scheduler.ledger.url": "sqlite:///ledger.sqlite", **settings})


def test_a_job_that_runs_for_longer_than_the_consumer_timeout_runs_once(fleet: Fleet) -> None:
    fleet.start()
    fleet.start()
    with fleet.scheduler() as scheduler:
        long = [scheduler.add_async_job(jobs.work, args=(f"long{n}", LONG_SECONDS)) for n in range(4)]
        wait_for(lambda: len(fleet.count("start")) == 4)
        short = [scheduler.add_async_job(jobs.work, args=(f"short{n}", 0.1)) for n in range(100)]
        wait_for(lambda: len(fleet.ends()) == 104, seconds=LONG_SECONDS * 2)
        wait_for(lambda: all(scheduler.ledger.history.outcome(job) for job in (*long, *short)), what="their outcomes")
        assert scheduler.broker.size(scheduler.settings.queues[0]) == 0
    assert set(fleet.count("start").values()) == {1}
    assert "does not answer" not in fleet.logs()


def test_a_job_that_ran_for_longer_than_the_consumer_timeout_when_its_worker_died_runs_again_in_time(
    fleet: Fleet,
) -> None:
    crews = {process.pid: process for process in (fleet.start(), fleet.start())}
    with fleet.scheduler() as scheduler:
        job = scheduler.add_async_job(jobs.work, args=("long", LONG_SECONDS))
        ((_, _, pid),) = wait_for(lambda: fleet.lines("effects"))
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > TIMEOUT_SECONDS * 2, what="the timeout, twice")
        fleet.kill(crews[os.getpgid(int(pid))])
        killed_at = time.monotonic()
        wait_for(lambda: fleet.count("start")["long"] == 2, seconds=RUNNING_AGAIN_SECONDS)
        print(f"running again {time.monotonic() - killed_at:.2f} s after the kill")
        wait_for(lambda: scheduler.ledger.history.outcome(job), what="its outcome")
    assert fleet.count("start") == {"long": 2}
    assert fleet.ends() == {"long": 1}
