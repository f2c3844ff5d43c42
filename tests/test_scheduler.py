"""The registry's API: what it accepts, what it refuses and how, what it answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pyramid_scheduler import Scheduler, Settings
from pyramid_scheduler.api import (
    BrokerUnavailable,
    InvalidJob,
    InvalidMessage,
    InvalidQueue,
    JobNotFound,
    SchemaMismatch,
)
from pyramid_scheduler.core import message as wire
from pyramid_scheduler.core.message import Message
from pyramid_scheduler.core.run import Parked, RunState
from tests import servers
from tests.fleet import wait_for
from tests.shop import jobs


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    url = f"sqlite:///{tmp_path}/jobs.sqlite"
    scheduler = Scheduler(Settings(broker_url=url, queues=("default", "mail"), allow=("tests",)))
    yield scheduler
    scheduler.shutdown(1)


def waiting(scheduler: Scheduler, queue: str = "default") -> list[Message]:
    source = scheduler.broker.source([queue], "looker")
    deliveries = source.receive(100, 0)
    source.give_back(deliveries)
    source.close()
    return [delivery.message() for delivery in deliveries]


def test_an_async_job_is_a_message_with_its_options(scheduler: Scheduler) -> None:
    job = scheduler.add_async_job(
        jobs.mark, args=("x",), queue="mail", name="greeting", priority=3, time_limit=9, max_retries=2, retry_backoff=5
    )
    [message] = waiting(scheduler, "mail")
    assert (message.id, message.task, message.priority) == (job, "tests.shop.jobs.mark", 3)
    assert message.headers["timelimit"] == [9, None]
    assert message.headers["ps-retry"] == [2, 5.0, ["builtins.Exception"], True]
    assert message.headers["ps-name"] == "greeting"


def test_many_jobs_are_published_at_once(scheduler: Scheduler) -> None:
    ids = scheduler.add_many([(jobs.mark, (f"{n}",)) for n in range(20)] + [(jobs.tick,)], queue="mail")
    assert [message.id for message in waiting(scheduler, "mail")] == ids


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "a lambda": (lambda s: s.add_async_job(lambda: None), InvalidJob, "lambda"),
    "an unknown queue": (lambda s: s.add_async_job(jobs.mark, queue="male"), InvalidQueue, "default, mail"),
    "a generator": (lambda s: s.add_async_job(jobs.mark, args=((x for x in ()),)), InvalidMessage, "pickled"),
    "an unknown option": (lambda s: s.add_async_job(jobs.mark, prio=1), InvalidJob, "did you mean 'priority'"),
    "the old slip": (lambda s: s.add_date_job(jobs.mark, time.time(), minutes=10), InvalidJob, "add_interval_job"),
    "no date": (lambda s: s.add_date_job(jobs.mark, "soon"), InvalidJob, "not a date"),
    "a date of another kind": (lambda s: s.add_date_job(jobs.mark, object()), InvalidJob, "epoch seconds"),
    "no interval": (lambda s: s.add_interval_job(jobs.mark), InvalidJob, "positive interval"),
    "a negative interval": (lambda s: s.add_interval_job(jobs.mark, seconds=-1), InvalidJob, "positive"),
    "no cron field": (lambda s: s.add_cron_job(jobs.mark), InvalidJob, "at least one"),
    "a wrong cron field": (lambda s: s.add_cron_job(jobs.mark, hour=25), InvalidJob, "cannot be read"),
    "an unknown zone": (lambda s: s.add_cron_job(jobs.mark, hour=2, timezone="Mars/Olympus"), InvalidJob, "IANA"),
    "a moment for all runs": (lambda s: s.add_interval_job(jobs.mark, hours=1, expires=5), InvalidJob, "misfire_grace"),
    "an end that is past": (lambda s: s.add_interval_job(jobs.mark, hours=1, end_date=1000), InvalidJob, "end_date"),
    "no such day": (lambda s: s.add_cron_job(jobs.mark, month=2, day=30), InvalidJob, "never run"),
    "text for args": (lambda s: s.add_async_job(jobs.mark, args="x"), InvalidJob, "tuple or list"),
    "a list for kwargs": (lambda s: s.add_async_job(jobs.mark, kwargs=["x"]), InvalidJob, "dict"),
    "one id for many": (lambda s: s.add_many([(jobs.mark,)], id="x"), InvalidJob, "one id"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_said_at_the_call_and_nothing_is_published(scheduler: Scheduler, what: str) -> None:
    call, error, words = REFUSED[what]
    with pytest.raises(error, match=words):
        call(scheduler)
    assert [
        m for m in waiting(scheduler) if m.task != "tests.shop.jobs.mark" or what != "an unserialisable argument"
    ] == []


@pytest.mark.parametrize(
    "date",
    [
        1893456000,
        1893456000.0,
        datetime(2030, 1, 1, tzinfo=UTC),
        "2030-01-01T00:00:00+00:00",
        "2030-01-01T01:00:00+01:00",
    ],
    ids=repr,
)
def test_a_date_may_be_given_in_every_usual_way(scheduler: Scheduler, date: Any) -> None:
    scheduler.add_date_job(jobs.mark, date)
    [message] = waiting(scheduler)
    assert message.headers["eta"] == "2030-01-01T00:00:00+00:00"


def test_a_naive_date_is_local_time(scheduler: Scheduler) -> None:
    scheduler.add_date_job(jobs.mark, datetime(2030, 1, 1, 12), timezone="Asia/Tokyo")
    assert waiting(scheduler)[0].headers["eta"] == "2030-01-01T03:00:00+00:00"


@pytest.mark.parametrize(
    ("expires", "zone"),
    [
        (datetime(2030, 1, 1, tzinfo=UTC), {}),
        (datetime(2030, 1, 1, 9), {}),
        (datetime(2029, 12, 31, 19), {"timezone": "America/New_York"}),
    ],
    ids=str,
)
def test_a_naive_expires_is_in_the_zone_of_the_settings_or_of_the_job(tmp_path: Path, expires: Any, zone: Any) -> None:
    scheduler = Scheduler(Settings(broker_url=f"sqlite:///{tmp_path}/jobs.sqlite", timezone="Asia/Tokyo"))
    scheduler.add_async_job(jobs.mark, expires=expires, **zone)
    [message] = waiting(scheduler)
    assert datetime.fromisoformat(message.headers["expires"]) == datetime(2030, 1, 1, tzinfo=UTC)
    scheduler.shutdown(0)


@pytest.fixture
def running(scheduler: Scheduler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    monkeypatch.setenv("SHOP_DIRECTORY", str(tmp_path))
    scheduler.start_consumer()
    return scheduler


def marks(tmp_path: Path) -> list[str]:
    path = tmp_path / "effects"
    return [line.split("\t")[1] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_job_that_is_declared_twice_exists_once_and_replacing_it_keeps_its_place(running: Scheduler) -> None:
    running.add_interval_job(jobs.mark, id="sweep", hours=1, args=("a",))
    stored = wait_for(lambda: running.get_job("sweep"))
    running.add_interval_job(jobs.mark, id="sweep", hours=2)
    running.add_interval_job(jobs.mark, id="sweep", hours=1, args=("b",), replace_existing=True, name="renamed")
    replaced = wait_for(lambda: (view := running.get_job("sweep")) and view.name == "renamed" and view)
    assert replaced.trigger == "every 1h"
    assert replaced.next_run_time == stored.next_run_time
    assert len(running.get_jobs()) == 1


def test_a_stored_job_can_be_run_now_beside_its_schedule(running: Scheduler, tmp_path: Path) -> None:
    running.add_interval_job(jobs.mark, id="sweep", hours=1, args=("now",))
    wait_for(lambda: running.get_job("sweep"))
    running.run_job_now("sweep")
    wait_for(lambda: marks(tmp_path) == ["now"])
    assert running.get_job("sweep") is not None


def test_a_finished_job_is_answered_for(running: Scheduler, tmp_path: Path) -> None:
    job = running.add_async_job(jobs.mark, args=("done",))
    view = wait_for(lambda: running.get_job(job))
    assert (view.state, view.func, view.kind) == ("succeeded", "tests.shop.jobs.mark", "async")
    assert running.get_job("never heard of") is None


def test_an_expired_job_does_not_run_and_tells_so(scheduler: Scheduler, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SHOP_DIRECTORY", str(tmp_path))
    heard: list[str] = []
    scheduler.add_listener(lambda event: heard.append(event.type.name))
    scheduler.add_async_job(jobs.mark, args=("late",), expires=-1)
    scheduler.start_consumer()
    wait_for(lambda: heard == ["JOB_CREATED", "JOB_MISSED", "JOB_REMOVED"])
    assert marks(tmp_path) == []


def test_what_is_later_than_its_grace_is_skipped_and_what_has_none_runs(running: Scheduler, tmp_path: Path) -> None:
    heard: list[Any] = []
    running.add_listener(heard.append)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    late = running.add_date_job(jobs.mark, long_ago, args=("late",), misfire_grace_time=60)
    running.add_date_job(jobs.mark, long_ago, args=("never too late",))
    wait_for(lambda: marks(tmp_path) == ["never too late"])
    wait_for(lambda: "JOB_MISSED" in [event.type.name for event in heard if event.job_id == late])


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.PARKED])
def test_a_kept_message_that_is_retried_is_never_too_late(running: Scheduler, tmp_path: Path, state: RunState) -> None:
    past = "2020-01-01T00:00:00+00:00"
    headers = {"id": "kept", "retries": 3, "expires": past, wire.DUE: past, wire.GRACE: 60, wire.KIND: "date"}
    message = running.sealer.seal("tests.shop.jobs.mark", ("again",), {}, queue="default", headers=headers)
    running.ledger.history.settle([], [Parked("kept", message, state, "it was broken")], [])
    assert running.wiring.retry("kept")
    wait_for(lambda: running.ledger.history.outcome("kept"))
    assert marks(tmp_path) == ["again"]


def test_pausing_what_is_not_there_is_an_error(scheduler: Scheduler) -> None:
    for method in (scheduler.pause_job, scheduler.resume_job, scheduler.run_job_now):
        with pytest.raises(JobNotFound, match="get_jobs"):
            method("nowhere")


def test_a_message_becomes_an_event(running: Scheduler) -> None:
    heard: list[Any] = []
    running.add_listener(heard.append)
    running.send_message("hello")
    wait_for(lambda: [event.message for event in heard] == ["hello"])


def test_print_jobs_logs_the_stored_jobs(running: Scheduler, caplog: pytest.LogCaptureFixture) -> None:
    running.add_interval_job(jobs.mark, id="sweep", hours=1)
    wait_for(lambda: running.get_job("sweep"))
    with caplog.at_level("INFO", logger="pyramid_scheduler"):
        running.send_message("print-jobs")
        wait_for(lambda: "job sweep: tests.shop.jobs.mark, every 1h" in caplog.text)


def test_the_original_s_spellings_work(scheduler: Scheduler) -> None:
    heard: list[Any] = []
    listener = heard.append
    scheduler.addListener(listener)
    scheduler.startProducer()
    scheduler.startConsumer(queues=["mail"])
    job = scheduler.add_async_job(jobs.fail, args=("x",), queue="mail")
    wait_for(lambda: scheduler.ledger.parked.get(job))
    assert heard
    scheduler.removeListener(listener)


def test_a_delegator_may_run_a_job_in_our_place(tmp_path: Path) -> None:
    calls: list[Any] = []

    def delegator(func: Any, args: Any, kwargs: Any) -> bool:
        calls.append((func, list(args), dict(kwargs)))
        return True

    url = f"sqlite:///{tmp_path}/jobs.sqlite"
    scheduler = Scheduler(Settings(broker_url=url, delegator=delegator))
    scheduler.start_consumer()
    scheduler.add_async_job(jobs.fail, args=("never",), kwargs={"k": 1})
    wait_for(lambda: calls == [(jobs.fail, ["never"], {"k": 1})])
    scheduler.shutdown(1)


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:9/0", "amqp://guest:geheim@127.0.0.1:9//", "postgresql://x@127.0.0.1:9/x"]
)
def test_publishing_to_a_dead_broker_is_an_error_within_two_seconds(url: str) -> None:
    scheduler = Scheduler(Settings(broker_url=url, ledger_url="sqlite://"))
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable) as caught:
        scheduler.add_async_job(jobs.mark, args=("x",))
    assert time.monotonic() - started < 2
    assert "geheim" not in str(caught.value)


def test_a_server_without_our_tables_names_the_command_that_makes_them(tmp_path: Path) -> None:
    with servers.fresh_database("postgresql", tmp_path) as url:
        scheduler = Scheduler(Settings(broker_url=url))
        with pytest.raises(SchemaMismatch, match="pscheduler db upgrade"):
            scheduler.get_jobs()
        scheduler.shutdown(0)


def test_housekeeping_drops_what_is_old_and_calls_what_was_appended(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SHOP_DIRECTORY", str(tmp_path))
    called: list[int] = []
    url = f"sqlite:///{tmp_path}/jobs.sqlite"
    settings = Settings(broker_url=url, history_seconds=0.0, housekeeping_append=lambda: called.append(1))
    scheduler = Scheduler(settings)
    scheduler.start_consumer()
    job = scheduler.add_async_job(jobs.mark, args=("x",))
    wait_for(lambda: scheduler.ledger.history.find(job_id=job))
    scheduler.wiring.housekeeping.run()
    assert called == [1]
    assert scheduler.ledger.history.find(job_id=job) == []
    scheduler.shutdown(1)


def test_in_combined_mode_where_no_process_is_replaced_a_worker_goes_on_after_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DIRECTORY", str(tmp_path))
    url = f"sqlite:///{tmp_path}/jobs.sqlite"
    scheduler = Scheduler(Settings(broker_url=url, worker_max_jobs=1, worker_max_memory_bytes=1))
    scheduler.start_consumer()
    for name in ("a", "b"):
        scheduler.add_async_job(jobs.mark, args=(name,))
        wait_for(lambda name=name: name in marks(tmp_path))  # type: ignore[misc]
    scheduler.shutdown(1)


def test_a_scheduler_may_be_stopped_twice_and_before_it_started(scheduler: Scheduler) -> None:
    scheduler.shutdown(0)
    scheduler.start_consumer()
    scheduler.start_consumer()
    assert scheduler.is_consuming
    scheduler.shutdown(1)
    scheduler.shutdown(1)
    assert not scheduler.is_consuming


def test_limits_raise_in_the_job(running: Scheduler) -> None:
    soft = running.add_async_job("tests.shop.jobs.spin", soft_time_limit=0.2)
    hard = running.add_async_job("tests.shop.jobs.spin", time_limit=0.2)
    assert "SoftTimeLimitExceeded" in wait_for(lambda: running.ledger.parked.get(soft)).reason
    assert "TimeLimitExceeded" in wait_for(lambda: running.ledger.parked.get(hard)).reason
