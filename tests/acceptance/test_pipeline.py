"""All kinds of jobs through real processes, on every broker, with two ``pscheduler`` on one queue."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.fleet import Fleet, wait_for
from tests.shop import jobs

MakeFleet = Callable[..., Fleet]

#: The times are kept by the ledger: to pause a job is the same on all of them.
ALIKE = [pytest.param(kind, marks=pytest.mark.fault) for kind in ("memory", "postgresql", "mariadb", "rabbitmq")]
#: Broker and ledger are one SQL database, as on PostgreSQL.
JOINED = [pytest.param(kind, marks=pytest.mark.fault) for kind in ("sqlite", "mariadb")]


@pytest.fixture
def fleet(make_fleet: MakeFleet, broker_url: str) -> Fleet:
    """Two ``pscheduler`` of two processes each; the memory broker, which reaches no other process, runs in this one."""
    fleet = make_fleet(broker_url, **{"scheduler.ledger.url": _ledger(broker_url)})
    if not broker_url.startswith("memory"):
        for process in [fleet.launch(), fleet.launch()]:
            fleet.wait_until_up(process)
    return fleet


def _ledger(broker_url: str) -> str:
    return broker_url if "sql" in broker_url else "sqlite:///ledger.sqlite"


def test_every_kind_of_job_runs_as_often_as_it_should_and_tells_its_story_in_order(
    fleet: Fleet, broker_url: str
) -> None:
    with fleet.scheduler() as scheduler:
        if broker_url.startswith("memory"):
            scheduler.start_consumer()
        many = [scheduler.add_async_job(jobs.mark, args=(f"async{n}",)) for n in range(50)]
        soon = datetime.now(UTC) + timedelta(seconds=1)
        date = scheduler.add_date_job(jobs.mark, soon, args=("date",))
        past = scheduler.add_date_job(jobs.mark, time.time() - 60, args=("past",))
        every = scheduler.add_interval_job(jobs.tick, seconds=0.5)
        cron = scheduler.add_cron_job(jobs.tick, second="*")
        wrong = scheduler.add_async_job(jobs.fail, args=("no paper",))
        again = scheduler.add_async_job(jobs.fail_once, args=("again",), max_retries=1, retry_backoff=0.1)
        never = scheduler.add_date_job(jobs.mark, time.time() + 3600, args=("never",))
        context = scheduler.add_async_job(jobs.look_around, args=("context",))
        coroutine = scheduler.add_async_job(jobs.wait_a_little, args=("coroutine",))
        wait_for(lambda: scheduler.get_job(never) and scheduler.get_job(every), what="stored jobs")
        scheduler.cancel_job(never)

        expected = {f"async{n}" for n in range(50)} | {"date", "past", "again", "context", "coroutine"}
        wait_for(lambda: expected <= set(fleet.ends()), what=f"all jobs to run; {expected - set(fleet.ends())} did not")
        wait_for(lambda: len(ticks(fleet, every)) >= 3 and len(ticks(fleet, cron)) >= 2, what="ticks")
        scheduler.cancel_job(every)
        scheduler.cancel_job(cron)
        ended = [*many, date, past, every, cron, never, again, context, coroutine]
        wait_for(lambda: all(fleet.events(job)[-1:] == ["JOB_REMOVED"] for job in ended), what="every job's end")
        wait_for(lambda: scheduler.ledger.parked.get(wrong))

        assert {name: n for name, n in fleet.ends().items() if n != 1} == {}
        assert fleet.ends()["never"] == 0
        for job in (*many, date, past, context, coroutine):
            assert fleet.events(job) == ["JOB_CREATED", "JOB_EXECUTED", "JOB_REMOVED"], job
        assert fleet.events(wrong) == ["JOB_CREATED", "JOB_FAILED", "JOB_REMOVED"]
        assert fleet.events(again) == ["JOB_CREATED", "JOB_FAILED", "JOB_EXECUTED", "JOB_REMOVED"]
        assert fleet.events(never) == ["JOB_CREATED", "JOB_CANCELED", "JOB_REMOVED"]
        for job in (every, cron):
            first, *runs, canceled, removed = fleet.events(job)
            assert (first, canceled, removed) == ("JOB_CREATED", "JOB_CANCELED", "JOB_REMOVED")
            assert runs
            assert set(runs) == {"JOB_EXECUTED"}


@pytest.mark.parametrize("broker_url", ["sqlite", "redis", *ALIKE], indirect=True)
def test_a_paused_job_does_not_fire_until_it_is_resumed(fleet: Fleet, broker_url: str) -> None:
    with fleet.scheduler() as scheduler:
        if broker_url.startswith("memory"):
            scheduler.start_consumer()
        job = scheduler.add_interval_job(jobs.tick, seconds=0.3, id="paused")
        other = scheduler.add_interval_job(jobs.tick, seconds=0.3, id="other")
        wait_for(lambda: len(ticks(fleet, job)) >= 2)
        scheduler.pause_job(job)
        so_far = len(ticks(fleet, other))
        wait_for(lambda: len(ticks(fleet, other)) >= so_far + 2)
        paused_at = len(ticks(fleet, job))
        so_far = len(ticks(fleet, other))
        wait_for(lambda: len(ticks(fleet, other)) >= so_far + 4)
        assert len(ticks(fleet, job)) == paused_at
        assert scheduler.get_job(job).state == "paused"
        scheduler.resume_job(job)
        wait_for(lambda: len(ticks(fleet, job)) > paused_at)
        for one in (job, other):
            scheduler.cancel_job(one)


@pytest.mark.parametrize("broker_url", ["memory", "postgresql", "redis", "rabbitmq", *JOINED], indirect=True)
def test_a_job_canceled_before_anybody_took_it_never_runs(make_fleet: MakeFleet, broker_url: str) -> None:
    fleet = make_fleet(broker_url, **{"scheduler.ledger.url": _ledger(broker_url)})
    with fleet.scheduler() as scheduler:
        canceled = scheduler.add_async_job(jobs.mark, args=("canceled",))
        scheduler.add_interval_job(jobs.tick, seconds=0.1, id="unborn")
        scheduler.cancel_job(canceled)
        scheduler.cancel_job("unborn")
        scheduler.add_async_job(jobs.mark, args=("after",))
        if broker_url.startswith("memory"):
            scheduler.start_consumer()
        else:
            fleet.start()
        story = ["JOB_CREATED", "JOB_CANCELED", "JOB_REMOVED"]
        wait_for(lambda: fleet.ends()["after"])
        wait_for(lambda: fleet.events(canceled) == story)
        wait_for(lambda: fleet.events("unborn") == story)
        assert set(fleet.ends()) == {"after"}
        assert scheduler.get_job("unborn") is None


def ticks(fleet: Fleet, job: str) -> list[str]:
    return [run for run in fleet.ends() if run.startswith(f"{job}@")]
