"""Workers that are killed, and timekeepers; none of it may lose a job."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.fleet import Fleet, wait_for
from tests.shop import jobs

MakeFleet = Callable[..., Fleet]
JOBS, SECONDS = 200, 0.2
SHORT_JOBS, SHORT_SECONDS, KILLS = 4000, 0.002, 8
RUNNING_AGAIN_SECONDS = 10.0


@pytest.fixture(params=("sqlite", "postgresql", "mariadb", "redis", "rabbitmq"))
def broker_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with servers.fresh_broker(request.param, tmp_path) as url:
        yield url


def make(make_fleet: MakeFleet, broker_url: str, **settings: object) -> Fleet:
    ledger = broker_url if "sql" in broker_url else "sqlite:///ledger.sqlite"
    return make_fleet(broker_url, **{"scheduler.ledger.url": ledger, **settings})


def submit(fleet: Fleet, count: int = JOBS) -> set[str]:
    with fleet.scheduler() as scheduler:
        names = [f"job{n}" for n in range(count)]
        scheduler.add_many([(jobs.work, (name, SECONDS)) for name in names])
        return set(names)


def running(fleet: Fleet) -> set[str]:
    return set(fleet.count("start")) - set(fleet.ends())


def test_a_killed_child_loses_no_job_and_its_jobs_run_again_at_once(make_fleet: MakeFleet, broker_url: str) -> None:
    fleet = make(make_fleet, broker_url, **{"scheduler.worker.threads": 2})
    names = submit(fleet, JOBS // 3)
    fleet.start()
    wait_for(lambda: len(fleet.ends()) >= 20)
    victim = int(fleet.lines("effects")[-1][2])
    os.kill(victim, signal.SIGKILL)
    lost_at_once = {line[1] for line in fleet.lines("effects") if line[0] == "start" and int(line[2]) == victim}
    interrupted = lost_at_once - set(fleet.ends())
    killed_at = time.monotonic()
    wait_for(lambda: interrupted <= set(fleet.ends()), seconds=RUNNING_AGAIN_SECONDS)
    print(f"interrupted {len(interrupted)}, ended again after {time.monotonic() - killed_at:.2f} s")
    wait_for(lambda: set(fleet.ends()) == names, seconds=60)
    repeated = sum(fleet.count("start").values()) - len(names)
    assert repeated <= 2


def test_a_killed_pscheduler_loses_no_job_and_another_takes_over_in_time(
    make_fleet: MakeFleet, broker_url: str
) -> None:
    fleet = make(make_fleet, broker_url, **{"scheduler.worker.threads": 2})
    names = submit(fleet)
    first, _second = fleet.start(), fleet.start()
    wait_for(lambda: len(fleet.ends()) >= 40)
    fleet.kill(first)
    killed_at = time.monotonic()
    wait_for(lambda: set(fleet.ends()) == names, seconds=60)
    interrupted = sum(fleet.count("start").values()) - len(names)
    print(f"{interrupted} jobs ran again; all were over {time.monotonic() - killed_at:.2f} s after the kill")
    assert interrupted <= 4


def test_what_a_lone_killed_pscheduler_held_runs_again_within_ten_seconds(
    make_fleet: MakeFleet, broker_url: str
) -> None:
    fleet = make(make_fleet, broker_url, **{"scheduler.worker.threads": 2})
    with fleet.scheduler() as scheduler:
        scheduler.add_async_job(jobs.work, args=("long", 3.0))
    first = fleet.start()
    wait_for(lambda: fleet.count("start")["long"])
    fleet.kill(first)
    killed_at = time.monotonic()
    fleet.start()
    wait_for(lambda: fleet.count("start")["long"] == 2, seconds=RUNNING_AGAIN_SECONDS)
    print(f"running again {time.monotonic() - killed_at:.2f} s after the kill")
    wait_for(lambda: fleet.ends()["long"] == 1)


def test_jobs_survive_a_stop_and_those_that_did_not_finish_go_back(make_fleet: MakeFleet, broker_url: str) -> None:
    fleet = make(make_fleet, broker_url, **{"scheduler.shutdown_timeout": "1s", "scheduler.worker.threads": 2})
    with fleet.scheduler() as scheduler:
        scheduler.add_async_job(jobs.work, args=("long", 4.0))
        scheduler.add_async_job(jobs.work, args=("short", 0.5))
    first = fleet.start()
    wait_for(lambda: len(fleet.count("start")) == 2)
    assert fleet.stop(first, seconds=6) == 0
    assert set(fleet.ends()) == {"short"}
    fleet.start()
    wait_for(lambda: fleet.count("start")["long"] == 2, seconds=RUNNING_AGAIN_SECONDS)
    wait_for(lambda: fleet.ends() == {"short": 1, "long": 1})


def test_over_killed_children_a_job_that_is_acked_early_runs_at_most_once_and_is_called_lost_if_it_did_not_end(
    make_fleet: MakeFleet, broker_url: str
) -> None:
    fleet = make(make_fleet, broker_url, **{"scheduler.worker.threads": 2})
    names = [f"job{n}" for n in range(SHORT_JOBS)]
    with fleet.scheduler() as scheduler:
        ids = scheduler.add_many([(jobs.work_at_most_once, (name, SHORT_SECONDS)) for name in names])
        fleet.start()
        killed: set[int] = set()
        for kill in range(1, KILLS + 1):
            wait_for(lambda due=SHORT_JOBS * kill // (KILLS + 2): len(fleet.lines("effects")) / 2 >= due)  # type: ignore[misc]
            running = wait_for(lambda: [pid for *_, pid in fleet.lines("effects")[-20:] if int(pid) not in killed])
            killed.add(int(running[-1]))
            os.kill(int(running[-1]), signal.SIGKILL)
        name_of = dict(zip(ids, names, strict=True))

        def lost() -> set[str]:
            parked = scheduler.ledger.parked.find(SHORT_JOBS)
            return {name_of[one.id] for one in parked if "WorkerLost" in one.reason}

        wait_for(lambda: set(names) == set(fleet.ends()) | lost(), seconds=60, what="each to end, or be called lost")
        both = lost() & set(fleet.ends())  # killed between its last line and its return
        print(f"{len(lost())} were lost by {KILLS} kills; {len(both)} of them at their very end")
        assert set(fleet.count("start").values()) == {1}
        assert len(lost()) <= KILLS * 2


def test_beside_a_long_job_that_was_acked_early_the_short_ones_run_once_though_their_worker_is_killed(
    make_fleet: MakeFleet, broker_url: str
) -> None:
    fleet = make(make_fleet, broker_url, **{"scheduler.worker.threads": 2, "scheduler.worker.processes": 1})
    names = {f"job{n}" for n in range(JOBS)}
    with fleet.scheduler() as scheduler:
        fleet.start()
        scheduler.add_async_job(jobs.work_at_most_once, args=("long", 300.0))
        wait_for(lambda: fleet.count("start")["long"])
        scheduler.add_many([(jobs.work_at_most_once, (name, SHORT_SECONDS)) for name in names])
        wait_for(lambda: len(fleet.ends()) >= JOBS // 4)
        os.kill(int(fleet.lines("effects")[-1][2]), signal.SIGKILL)
        lost = wait_for(lambda: scheduler.ledger.parked.find(JOBS), what="the long one, called lost")
        wait_for(lambda: len(set(fleet.ends()) & names) > JOBS - 2)
    assert len(lost) <= 2
    assert set(fleet.count("start").values()) == {1}


def test_a_job_that_kills_its_worker_is_parked_and_the_others_run(make_fleet: MakeFleet, broker_url: str) -> None:
    fleet = make(make_fleet, broker_url, **{"scheduler.worker.threads": 1, "scheduler.worker.processes": 1})
    with fleet.scheduler() as scheduler:
        good = [f"good{n}" for n in range(20)]
        poison = scheduler.add_async_job(jobs.die, args=("poison",))
        for name in good:
            scheduler.add_async_job(jobs.mark, args=(name,))
        fleet.start()
        wait_for(lambda: set(good) <= set(fleet.ends()), seconds=60)
        parked = wait_for(lambda: scheduler.ledger.parked.get(poison), seconds=60)
        assert "killed its worker 3 times" in parked.reason
    assert fleet.count("start")["poison"] == 3
    assert {fleet.ends()[name] for name in good} == {1}


def test_a_stopped_and_continued_worker_loses_nothing(make_fleet: MakeFleet, broker_url: str) -> None:
    fleet = make(make_fleet, broker_url, **{"scheduler.worker.threads": 2})
    names = submit(fleet)
    first, _second = fleet.start(), fleet.start()
    wait_for(lambda: len(fleet.ends()) >= 20)
    os.killpg(first.pid, signal.SIGSTOP)
    stopped_at = time.monotonic()
    wait_for(lambda: time.monotonic() - stopped_at > 12, seconds=20)
    os.killpg(first.pid, signal.SIGCONT)
    wait_for(lambda: set(fleet.ends()) == names, seconds=60)
    assert fleet.stop(first) == 0
