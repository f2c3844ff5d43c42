"""Redis as people run it: a socket and an account, TLS, a sentinel, a cluster."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pyramid_scheduler.core.errors import BrokerUnavailable
from pyramid_scheduler.scheduler import Scheduler
from tests import own_servers
from tests.fleet import Fleet, wait_for
from tests.shop import jobs

MakeFleet = Callable[..., Fleet]
RUNNING_AGAIN_SECONDS = 15.0  # ten, and what starting takes


def make(make_fleet: MakeFleet, place: str) -> Fleet:
    url, options = own_servers.url_and_options(place)
    given = {f"scheduler.broker.{name}": value for name, value in options.items()}
    return make_fleet(url, **{"scheduler.ledger.url": "sqlite:///ledger.sqlite", **given})


@pytest.mark.parametrize("kind", own_servers.REDIS_DEPLOYMENTS)
def test_every_way_to_run_redis_serves_jobs_and_gives_back_what_a_killed_worker_held(
    make_fleet: MakeFleet, redis_deployment: Callable[[str], str], kind: str
) -> None:
    fleet = make(make_fleet, redis_deployment(kind))
    victim = fleet.start()
    with fleet.scheduler() as scheduler:
        names = {f"job{n}" for n in range(20)}
        scheduler.add_many([(jobs.work, (name, 0.1)) for name in names])
        wait_for(lambda: len(fleet.ends()) >= 5)
        fleet.kill(victim)
        heir = fleet.start()
        wait_for(lambda: set(fleet.ends()) == names, RUNNING_AGAIN_SECONDS)
        scheduler.add_async_job(jobs.work, args=("after a pause", 0.0))
        wait_for(lambda: "after a pause" in fleet.ends())
    assert fleet.stop(heir) == 0
    assert "Traceback" not in fleet.logs()


def accepted(scheduler: Scheduler, name: str) -> bool:
    """Whether the job was taken; while there is no master, it is not, and the caller is told."""
    try:
        scheduler.add_async_job(jobs.work, args=(name, 0.0))
    except BrokerUnavailable:
        return False
    return True


def test_a_sentinel_that_names_another_master_is_followed(make_fleet: MakeFleet, tmp_path: Path) -> None:
    with own_servers.redis_pair(tmp_path) as (master, url):
        fleet = make(make_fleet, url)
        worker = fleet.start()
        with fleet.scheduler() as scheduler:
            scheduler.add_async_job(jobs.work, args=("before", 0.0))
            wait_for(lambda: "before" in fleet.ends())
            master.end(signal.SIGKILL)
            wait_for(lambda: accepted(scheduler, "after"))
            wait_for(lambda: "after" in fleet.ends())
        assert fleet.stop(worker) == 0
