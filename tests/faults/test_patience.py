"""Minutes on every broker at once: a long job runs once; a worker that stands still for half a minute loses nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pyramid_scheduler.core.run import RunState
from tests import servers
from tests.fleet import Fleet, wait_for
from tests.shop import jobs

SERVED = ("sqlite", "postgresql", "mariadb", "redis", "rabbitmq")
LONG_SECONDS, STOPPED_SECONDS = 180.0, 30.0
JOBS, SECONDS, THREADS = 2000, 0.02, 2
#: What runs, and what ended within the tenth of a second in which outcomes wait to be written together.
UNSETTLED = THREADS + int(THREADS * 0.1 / SECONDS)

Fleets = dict[str, Fleet]
MakeFleets = Callable[..., Fleets]


@pytest.fixture
def make_fleets(tmp_path: Path) -> Iterator[MakeFleets]:
    """Makes a fleet on each of these brokers, in a directory of its own."""
    with ExitStack() as stack:
        yield lambda kinds: {kind: stack.enter_context(fleet_on(kind, tmp_path / kind)) for kind in kinds}


@contextmanager
def fleet_on(kind: str, directory: Path) -> Iterator[Fleet]:
    directory.mkdir()
    with servers.fresh_broker(kind, directory) as url:
        settings = {
            "scheduler.broker.url": url,
            "scheduler.ledger.url": url if "sql" in url else f"sqlite:///{directory}/ledger.sqlite",
            "scheduler.queues": servers.unique("queue"),
            "scheduler.worker.processes": 1,
            "scheduler.worker.threads": THREADS,
        }
        fleet = Fleet(directory, **settings)
        fleet.command("db", "upgrade", str(fleet.ini))
        try:
            yield fleet
        finally:
            fleet.end()


def outcomes(fleet: Fleet, ids: list[str]) -> list[RunState | None]:
    """What the ledger says of them, once it has something to say of all; at the latest in half a minute."""
    with fleet.scheduler() as scheduler:
        history = scheduler.ledger.history
        wait_for(lambda: all(history.outcome(job) for job in ids), what="their outcomes")
        return [history.outcome(job).state for job in ids]


def began_by(fleet: Fleet, group: int) -> list[str]:
    """The jobs that a process of that group has begun, in their order."""
    return [name for what, name, pid in fleet.lines("effects") if what == "start" and os.getpgid(int(pid)) == group]


def wait_until_all_ended(fleets: Fleets, count: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for kind, fleet in fleets.items():
        left = max(deadline - time.monotonic(), 0.1)
        wait_for(lambda fleet=fleet: len(fleet.ends()) >= count, left, f"the jobs on {kind}")  # type: ignore[misc]


@pytest.mark.timeout(420)
def test_a_job_of_three_minutes_runs_once_on_every_broker(
    make_fleets: MakeFleets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleets = make_fleets(("memory", *SERVED))
    ids: dict[str, str] = {}
    for kind in SERVED:
        fleets[kind].start()
        fleets[kind].start()
        with fleets[kind].scheduler() as scheduler:
            ids[kind] = scheduler.add_async_job(jobs.work, args=("long", LONG_SECONDS))
    monkeypatch.setenv("SHOP_DIRECTORY", str(tmp_path / "memory"))  # its job runs in this process
    with fleets["memory"].scheduler() as scheduler:
        scheduler.start_consumer()
        ids["memory"] = scheduler.add_async_job(jobs.work, args=("long", LONG_SECONDS))
        wait_until_all_ended(fleets, 1, LONG_SECONDS + 60)
        came = {kind: outcomes(fleets[kind], [ids[kind]]) for kind in fleets}

    assert came == {kind: [RunState.SUCCEEDED] for kind in fleets}
    assert {kind: fleet.count("start") for kind, fleet in fleets.items()} == {kind: {"long": 1} for kind in fleets}


@pytest.mark.timeout(420)
def test_a_worker_that_is_stopped_for_half_a_minute_and_goes_on_loses_nothing_on_every_broker(
    make_fleets: MakeFleets,
) -> None:
    fleets = make_fleets(SERVED)
    stopped = {kind: fleet.start() for kind, fleet in fleets.items()}
    ids: dict[str, list[str]] = {}
    began: dict[str, list[str]] = {}
    for kind, fleet in fleets.items():
        fleet.start()
        with fleet.scheduler() as scheduler:
            ids[kind] = scheduler.add_many([(jobs.work, (f"job{n}", SECONDS)) for n in range(JOBS)])
        wait_for(lambda fleet=fleet: len(fleet.ends()) >= JOBS // 10)  # type: ignore[misc]
        os.killpg(stopped[kind].pid, signal.SIGSTOP)
        began[kind] = began_by(fleet, stopped[kind].pid)
    stopped_at = time.monotonic()
    wait_for(lambda: time.monotonic() - stopped_at > STOPPED_SECONDS, seconds=STOPPED_SECONDS + 10)
    for process in stopped.values():
        os.killpg(process.pid, signal.SIGCONT)
    wait_until_all_ended(fleets, JOBS, 60)

    for kind, fleet in fleets.items():
        assert set(outcomes(fleet, ids[kind])) == {RunState.SUCCEEDED}, kind
        again = [name for name, count in fleet.count("start").items() if count > 1]
        print(f"{kind}: {len(again)} jobs ran again")
        assert set(again) <= set(began[kind][-UNSETTLED:]), (
            f"on {kind}, jobs ran twice that it had not begun or settled"
        )
        assert fleet.stop(stopped[kind]) == 0
