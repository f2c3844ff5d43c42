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
    queue = servers.unique("queue")
    with servers.fresh_broker(kind, directory) as url:
        settings = {
            "scheduler.broker.url": url,
            "scheduler.ledger.url": url if "sql" in url else f"sqlite:///{directory}/ledger.sqlite",
            "scheduler.queues": queue,
            "scheduler.worker.processes": 1,
            "scheduler.worker.threads": THREADS,
        }
        fleet = Fleet(directory, **settings)
        fleet.command("db", "upgrade", str(fleet.ini))
        try:
            yield fleet
        finally:
            fleet.end()
            servers.drop_queues([queue])


def outcomes(fleet: Fleet, ids: list[str]) -> list[RunState | None]:
    """What the ledger says of them, once it has something to say of all; at the latest in half a minute."""
    with fleet.scheduler() as scheduler:
        history = scheduler.ledger.history
        wait_for(lambda: all(history.outcome(job) for job in ids), what="their outcomes")
        return [history.outcome(job).state for job in ids]


def settled(fleet: Fleet) -> set[str]:
    """The ids of the jobs that the ledger calls done."""
    with fleet.scheduler() as scheduler:
        return {record.job_id for record in scheduler.ledger.history.find(state=RunState.SUCCEEDED, limit=JOBS)}


class Halt:
    """Of a fleet's two workers, one that is stopped while both are at work."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.process = fleet.start()
        self.ids: list[str] = []

    def stop_in_the_midst(self) -> None:
        self.fleet.start()
        names = [f"job{n}" for n in range(JOBS)]
        with self.fleet.scheduler() as scheduler:
            self.ids = scheduler.add_many([(jobs.work, (name, SECONDS)) for name in names])
        wait_for(lambda: len(self.fleet.ends()) >= JOBS // 10)
        os.killpg(self.process.pid, signal.SIGSTOP)
        self._children = {pid for *_, pid in self.fleet.lines("effects") if os.getpgid(int(pid)) == self.process.pid}
        self._before = self.began()
        done = settled(self.fleet)
        self.settled = {name for job, name in zip(self.ids, names, strict=True) if job in done} & set(self._before)

    def began(self) -> list[str]:
        """The jobs that its processes have begun, in their order."""
        return [name for what, name, pid in self.fleet.lines("effects") if what == "start" and pid in self._children]

    def ran_again(self) -> set[str]:
        return {name for name, count in self.fleet.count("start").items() if count > 1}

    def ran_again_late(self) -> set[str]:
        """Begun after the stop only, and by others, too: what was on its way to the call cannot be held back."""
        return self.ran_again() & set(self.began()) - set(self._before)


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
    halts = {kind: Halt(fleet) for kind, fleet in fleets.items()}
    for halt in halts.values():
        halt.stop_in_the_midst()
    stopped_at = time.monotonic()
    wait_for(lambda: time.monotonic() - stopped_at > STOPPED_SECONDS, seconds=STOPPED_SECONDS + 10)
    for halt in halts.values():
        os.killpg(halt.process.pid, signal.SIGCONT)
    wait_until_all_ended(fleets, JOBS, 120)

    for kind, halt in halts.items():
        assert set(outcomes(halt.fleet, halt.ids)) == {RunState.SUCCEEDED}, kind
        again = halt.ran_again()
        print(f"{kind}: {len(again)} jobs ran again, {len(halt.ran_again_late())} of them late")
        assert again <= set(halt.began()), f"on {kind}, jobs ran twice that it had not begun"
        assert halt.settled, f"on {kind}, nothing was done before the stop: nothing is shown"
        assert not again & halt.settled, f"on {kind}, jobs ran twice that were done when it was stopped"
        assert len(halt.ran_again_late()) <= THREADS, f"on {kind}, it began what was not its own any more"
        assert halt.fleet.stop(halt.process) == 0
