"""What a timekeeper does about due schedules: each by itself, and at the right time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from pyramid_scheduler import Scheduler, Settings
from pyramid_scheduler.core.errors import QueueUnavailable
from pyramid_scheduler.core.kind import JobKind
from pyramid_scheduler.core.message import Message
from pyramid_scheduler.core.schedule import Schedule
from pyramid_scheduler.schedule import triggers
from tests import servers
from tests.moved_clock import MovedClock
from tests.shop import jobs


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def scheduler(tmp_path: Path, clock: MovedClock) -> Iterator[Scheduler]:
    scheduler = Scheduler(Settings(broker_url=f"sqlite:///{tmp_path}/jobs.sqlite", allow=("tests",)), clock=clock)
    yield scheduler
    scheduler.shutdown(0)


def store(scheduler: Scheduler, id_: str, due: float, trigger: triggers.Trigger | None = None, **more: Any) -> Schedule:
    """A recurring job that is stored as it is, whatever a call would say to it."""
    valid, options = scheduler.composer.trigger(JobKind.INTERVAL, None, {"minutes": 10, "id": id_, **more})
    made = scheduler.composer.schedule(JobKind.INTERVAL, valid, jobs.mark, ("x",), None, None, options)
    stored = replace(made, trigger=trigger or valid, next_fire_at=due, due_at=due)
    scheduler.ledger.schedules.add([stored])
    return stored


def fired(scheduler: Scheduler, seconds: float = 0) -> list[Message]:
    """What the timekeeper publishes now."""
    scheduler.wiring.timekeeper("keeper").tick()
    source = scheduler.broker.source(scheduler.settings.queues, "looker")
    deliveries = source.receive(100, seconds)
    source.ack(deliveries)
    source.close()
    return [delivery.message() for delivery in deliveries]


UNREADABLE: dict[str, triggers.Trigger] = {
    "a type that nobody registered": {"type": "moon"},
    "a zone that is gone": {"type": "cron", "fields": {"hour": "3"}, "timezone": "Mars/Olympus"},
    "an interval of nothing": {"type": "interval", "seconds": 0},
    "an interval into the past": {"type": "interval", "seconds": -1},
    "fields that are gone": {"type": "cron"},
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_schedule_that_cannot_be_fired_keeps_no_other_from_firing(scheduler: Scheduler, what: str) -> None:
    due = time.time() - 1
    store(scheduler, "bad", due - 1, UNREADABLE[what])
    store(scheduler, "good", due)
    assert [message.headers["ps-job"] for message in fired(scheduler)] == ["good"]
    bad = scheduler.ledger.schedules.get("bad")
    assert bad is not None
    assert bad.due_at == due - 1
    assert bad.next_fire_at is not None
    assert bad.next_fire_at > time.time()


UNPUBLISHABLE: dict[str, dict[str, Any]] = {
    "a header too large for AMQP": {"headers": {"x-count": 2**70}},
    "a header the server has a rule for": {"headers": {"CC": "x"}},
    "a property of another user's": {"properties": {"user_id": "somebody"}},
}


@pytest.mark.parametrize("what", UNPUBLISHABLE)
def test_a_message_that_can_never_be_published_keeps_no_other_from_firing(
    tmp_path: Path, clock: MovedClock, queue: str, what: str
) -> None:
    servers.require("rabbitmq")
    settings = Settings(
        broker_url=f"{servers.RABBITMQ_URL}//", ledger_url=f"sqlite:///{tmp_path}/ledger.sqlite", queues=(queue,)
    )
    scheduler = Scheduler(settings, clock=clock)
    due = time.time() - 1
    stored = store(scheduler, "bad", due - 1)
    changed = {name: {**getattr(stored.message, name), **more} for name, more in UNPUBLISHABLE[what].items()}
    message = replace(stored.message, **changed)
    scheduler.ledger.schedules.remove(["bad"])
    scheduler.ledger.schedules.add([replace(stored, message=message)])
    store(scheduler, "good", due)
    try:
        assert [message.headers["ps-job"] for message in fired(scheduler, 10)] == ["good"]
        put_off, done = (scheduler.ledger.schedules.get(id_) for id_ in ("bad", "good"))
        assert put_off is not None
        assert (put_off.due_at, put_off.last_fire_at) == (due - 1, None)
        assert done is not None
        assert done.last_fire_at == due
    finally:
        scheduler.shutdown(0)


def test_a_queue_that_takes_nothing_keeps_the_jobs_of_no_other_from_firing(
    scheduler: Scheduler, mocker: MockerFixture
) -> None:
    due = time.time() - 1
    for n in range(3):
        full = store(scheduler, f"bad{n}", due - 1)
        scheduler.ledger.schedules.remove([full.id])
        elsewhere = replace(full.message, queue="full")
        scheduler.ledger.schedules.add([replace(full, queue="full", message=elsewhere)])
    store(scheduler, "good", due)
    publish = scheduler.broker.publisher.publish

    def full_for_one(messages: Sequence[Message], within: Any = None) -> None:
        if any(message.queue == "full" for message in messages):
            raise QueueUnavailable("full")
        publish(messages, within=within)

    tried = mocker.patch.object(scheduler.broker.publisher, "publish", side_effect=full_for_one)
    assert [message.headers["ps-job"] for message in fired(scheduler)] == ["good"]
    assert tried.call_count == 3  # all at once, one for the queue, and the other
    assert scheduler.ledger.schedules.get("bad2").due_at == due - 1  # type: ignore[union-attr]


def test_a_schedule_fires_late_once_it_can_be_read(
    scheduler: Scheduler, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = store(scheduler, "bad", time.time() - 1, {"type": "tide", "seconds": 3600})
    assert fired(scheduler) == []
    hourly = triggers.load({"type": "cron", "fields": {"minute": "0"}})
    monkeypatch.setitem(triggers._MAKERS, "tide", lambda trigger: hourly)
    clock.ahead_seconds = 61
    [message] = fired(scheduler)
    assert message.id == stored.run_id(message.headers["ps-due"])
    assert scheduler.ledger.schedules.get("bad").last_fire_at >= stored.due_at  # type: ignore[union-attr, operator]


def test_a_declared_job_whose_end_has_come_is_removed_and_stops_nobody_from_starting(
    scheduler: Scheduler, clock: MovedClock
) -> None:
    season: dict[str, Any] = {"id": "season", "minutes": 10, "end_date": clock.time() + 1800}
    scheduler.declare(JobKind.INTERVAL, jobs.mark, **season)
    scheduler.wiring.timekeeper("first")
    assert scheduler.get_job("season") is not None
    clock.ahead_seconds = 3600
    scheduler.declare(JobKind.INTERVAL, jobs.mark, **season)
    scheduler.wiring.timekeeper("second")
    assert scheduler.get_jobs() == []
    scheduler.wiring.timekeeper("third")
    assert scheduler.get_jobs() == []


def test_a_job_that_is_resumed_after_its_end_is_removed(scheduler: Scheduler, clock: MovedClock) -> None:
    heard: list[str] = []
    scheduler.add_listener(lambda event: heard.append(event.type.name))
    store(scheduler, "season", clock.time() + 600, end_date=clock.time() + 1800)
    scheduler.pause_job("season")
    clock.ahead_seconds = 3600
    scheduler.resume_job("season")
    assert fired(scheduler) == []
    assert scheduler.get_jobs() == []
    assert heard == ["JOB_REMOVED"]


def test_what_is_put_off_by_its_jitter_is_not_late(scheduler: Scheduler, clock: MovedClock) -> None:
    store(scheduler, "spread", clock.time() - 1, jitter=300, misfire_grace_time=5)
    heard: list[str] = []
    scheduler.add_listener(lambda event: heard.append(event.type.name))
    assert len(fired(scheduler)) == 1
    for _ in range(5):
        pass_by(clock, scheduler, "spread", 1)
        [message] = fired(scheduler)
        late = clock.time() - datetime.fromisoformat(message.headers["ps-due"]).timestamp()
        assert late < message.headers["ps-grace"] <= 305  # a worker counts from when it was due
    pass_by(clock, scheduler, "spread", 6)
    assert fired(scheduler) == []
    assert heard == ["JOB_MISSED"]


def pass_by(clock: MovedClock, scheduler: Scheduler, id_: str, seconds: float) -> None:
    """Until so long after that job's next time."""
    stored = scheduler.ledger.schedules.get(id_)
    assert stored is not None
    assert stored.next_fire_at is not None
    clock.ahead_seconds += stored.next_fire_at - clock.time() + seconds
