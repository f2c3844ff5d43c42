"""Combined mode under many web processes: every one of them keeps the times and runs the jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.faults.test_timekeepers import assert_each_tick_ran_once
from tests.fleet import Fleet, wait_for

WEB_PROCESSES = 8


@pytest.fixture(params=("sqlite", "postgresql"))
def broker_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with servers.fresh_broker(request.param, tmp_path) as url:
        yield url


def test_each_tick_runs_once_in_all_under_eight_web_processes(
    make_fleet: Callable[..., Fleet], broker_url: str
) -> None:
    settings = {"scheduler.combined": "true", "shop.ticks": "0.25", "scheduler.worker.threads": 2}
    fleet = make_fleet(broker_url, **settings)
    web = [
        fleet.start("serve", str(fleet.ini), module="tests.shop.serving", ready="Serving on")
        for _ in range(WEB_PROCESSES)
    ]
    wait_for(lambda: len(fleet.ends()) >= 60, seconds=60)
    assert len({line[2] for line in fleet.lines("effects")}) >= 2, "one process did all the work"
    for process in web:
        process.terminate()
    for process in web:
        process.wait(30)
    assert_each_tick_ran_once(fleet, 0.25)
