"""Several timekeepers on one ledger, killed and restarted; a broker that is away while ticks are due."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests import servers
from tests.fleet import Fleet, wait_for
from tests.shop import jobs

MakeFleet = Callable[..., Fleet]
PERIOD_SECONDS, TICKS = 0.02, 1000


@pytest.fixture(params=("sqlite", "postgresql", "redis", "rabbitmq"))
def broker_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with servers.fresh_broker(request.param, tmp_path) as url:
        yield url


def make(make_fleet: MakeFleet, broker_url: str, **settings: object) -> Fleet:
    ledger = broker_url if "sql" in broker_url else "sqlite:///ledger.sqlite"
    return make_fleet(broker_url, **{"scheduler.ledger.url": ledger, **settings})


def due_times(fleet: Fleet) -> list[float]:
    return sorted(datetime.fromisoformat(run.partition("@")[2]).timestamp() for run in fleet.ends())


def assert_each_tick_ran_once(fleet: Fleet, period: float) -> None:
    assert {run: n for run, n in fleet.ends().items() if n != 1} == {}
    times = due_times(fleet)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(abs(gap - period) < period / 4 for gap in gaps), [gap for gap in gaps if abs(gap - period) >= period / 4]


def test_no_tick_is_lost_or_doubled_while_one_of_two_timekeepers_is_killed_five_times(
    make_fleet: MakeFleet, broker_url: str
) -> None:
    fleet = make(make_fleet, broker_url)
    fleet.start()
    with fleet.scheduler() as scheduler:
        job = scheduler.add_interval_job(jobs.tick, seconds=PERIOD_SECONDS, coalesce=False)
        for kill in range(1, 6):
            other = fleet.start(str(fleet.ini), "--processes", "0")
            wait_for(lambda kill=kill: len(fleet.ends()) >= kill * TICKS // 6, seconds=60)
            fleet.kill(other)
        wait_for(lambda: len(fleet.ends()) >= TICKS, seconds=60)
        scheduler.cancel_job(job)
        wait_for(lambda: scheduler.get_job(job) is None)
    assert_each_tick_ran_once(fleet, PERIOD_SECONDS)


@contextmanager
def redis_server(directory: Path) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """A Redis of the test's own, with an append-only file: its URL, how to stop and how to start it."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--appendonly", "yes"]
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        processes.append(subprocess.Popen([*command, "--appendfsync", "always"], stdout=subprocess.DEVNULL))
        wait_for(lambda: _answers(port))

    def stop() -> None:
        processes[-1].terminate()
        processes[-1].wait()

    start()
    yield f"redis://127.0.0.1:{port}/0", stop, start
    stop()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_no_tick_is_lost_while_the_broker_is_away_for_five_seconds(make_fleet: MakeFleet, tmp_path: Path) -> None:
    with redis_server(tmp_path) as (url, stop, start):
        fleet = make_fleet(url, **{"scheduler.ledger.url": "sqlite:///ledger.sqlite"})
        fleet.start()
        with fleet.scheduler() as scheduler:
            job = scheduler.add_interval_job(jobs.tick, seconds=0.1, coalesce=False)
            wait_for(lambda: len(fleet.ends()) >= 10)
            stop()
            stopped_at = time.monotonic()
            wait_for(lambda: time.monotonic() - stopped_at >= 5, seconds=10)
            start()
            wait_for(lambda: len(fleet.ends()) >= 80, seconds=30)
            scheduler.cancel_job(job)
            wait_for(lambda: scheduler.get_job(job) is None)
        assert_each_tick_ran_once(fleet, 0.1)
