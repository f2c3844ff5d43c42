"""The beat schedule as declared jobs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from compat.exceptions import ImproperlyConfigured
from compat.periodic import declare_beat_schedule, declared_job
from compat.schedules import BaseSchedule, crontab, schedule
from compat.utils.time import LocalTimezone
from compat.utils.time import timezone as zones
from pyramid_scheduler.api import JobKind
from pyramid_scheduler.schedule import triggers
from pyramid_scheduler.schedule.declared import reconcile


def fires(trigger: Any, start: datetime, count: int) -> list[str]:
    found, at = [], start.timestamp()
    previous = None
    for _ in range(count):
        following = triggers.next_fire(trigger, previous, at)
        assert following is not None
        found.append(datetime.fromtimestamp(following, UTC).strftime("%a %H:%M"))
        previous = at = following
    return found


def test_zero_is_sunday_and_hours_wrap_around_midnight(app: Any) -> None:
    sunday = declared_job(app, "a", {"task": "t", "schedule": crontab(minute=0, hour=0, day_of_week=0)})
    night = declared_job(app, "b", {"task": "t", "schedule": crontab(minute=30, hour="22-1")})
    tuesday = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)

    assert fires(sunday.trigger, tuesday, 2) == ["Sun 00:00", "Sun 00:00"]
    assert fires(night.trigger, tuesday, 4) == ["Tue 22:30", "Tue 23:30", "Wed 00:30", "Wed 01:30"]


def test_a_number_and_a_timedelta_are_intervals(app: Any) -> None:
    job = declared_job(app, "i", {"task": "t", "schedule": timedelta(minutes=2), "args": (1,)})

    assert (job.kind, job.trigger["seconds"], job.declared) == (JobKind.INTERVAL, 120.0, True)
    assert job.message.headers["celery_beat_task"] is True


def test_the_runs_of_an_entry_have_ids_that_are_uuids_and_the_same_for_every_timekeeper(app: Any) -> None:
    one, other = (declared_job(app, "nightly", {"task": "t", "schedule": 5}) for _ in range(2))

    ids = [one.run_id("2026-11-26T03:00:00+00:00"), other.run_id("2026-11-26T03:00:00+00:00")]

    assert str(UUID(ids[0])) == ids[1]
    assert one.run_id("2026-11-26T03:00:05+00:00") not in ids


def test_an_entry_goes_where_its_options_say(app: Any) -> None:
    entry = {"task": "t", "schedule": 5, "options": {"queue": "elsewhere", "priority": 3}}

    job = declared_job(app, "q", entry)

    assert (job.queue, job.message.priority) == ("elsewhere", 3)


@pytest.mark.parametrize("kind", [BaseSchedule, schedule, crontab])
def test_a_schedule_of_an_own_kind_is_refused_with_the_way_out(app: Any, kind: Any) -> None:
    class Odd(kind):  # type: ignore[misc]
        def __init__(self) -> None: ...

    with pytest.raises(ImproperlyConfigured, match=r"beat_schedule\['odd'\].* own kind.*in beat_scheduler"):
        declared_job(app, "odd", {"task": "t", "schedule": Odd()})


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"schedule": timedelta(hours=1), "relative": True}, ["Tue 21:30", "Tue 22:30", "Tue 23:30"]),
        ({"schedule": schedule(86400, relative=True)}, ["Wed 18:30", "Thu 18:30", "Fri 18:30"]),
    ],
    ids=["full hours", "days"],
)
def test_what_is_relative_runs_when_the_clock_of_its_zone_is_round(
    app: Any, entry: dict[str, Any], expected: list[str]
) -> None:
    app.conf.timezone = "Asia/Kolkata"  # half an hour off

    job = declared_job(app, "round", {"task": "t", **entry})

    assert fires(job.trigger, datetime(2026, 11, 24, 21, 10, tzinfo=UTC), 3) == expected


@pytest.mark.parametrize(
    ("zone", "due"),
    [
        (timezone(timedelta(hours=2)), "Wed 01:00"),
        (timezone(-timedelta(hours=3, minutes=30), "EET"), "Wed 06:30"),
        (UTC, "Wed 03:00"),
        ("Europe/Berlin", "Wed 02:00"),
    ],
)
def test_a_zone_may_be_an_offset_without_a_name(app: Any, zone: Any, due: str) -> None:
    app.conf.timezone = zone

    nightly = declared_job(app, "a", {"task": "t", "schedule": crontab(minute=0, hour=3)})

    assert fires(nightly.trigger, datetime(2026, 11, 24, 21, 0, tzinfo=UTC), 1) == [due]


def test_where_the_machines_zone_has_no_name_it_is_still_the_machines(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(zones.__dict__, "local", LocalTimezone())
    app.conf.update(timezone=None, enable_utc=False)

    nightly = declared_job(app, "a", {"task": "t", "schedule": crontab(minute=0, hour=3)})

    due = datetime.fromtimestamp(nightly.next_fire_at or 0).astimezone()
    assert (due.hour, due.minute) == (3, 0)


def test_a_zone_that_no_other_process_could_know_is_refused_with_the_way_out(app: Any) -> None:
    class Odd(LocalTimezone): ...

    app.conf.timezone = Odd()

    with pytest.raises(ImproperlyConfigured, match=r"'Europe/Berlin'"):
        declared_job(app, "a", {"task": "t", "schedule": crontab()})


@pytest.mark.parametrize(
    ("said", "own", "seconds"),
    [
        ({"expires": 15}, None, 15.0),
        ({"expires": 15}, 5, 15.0),
        ({}, 5, 5.0),
        ({"expires": datetime(2030, 1, 1)}, None, None),
        ({}, None, None),
    ],
)
def test_a_run_that_begins_later_than_expires_after_its_tick_is_missed(
    app: Any, said: dict[str, Any], own: Any, seconds: float | None
) -> None:
    def hourly() -> None: ...

    app.task(name="hourly", expires=own)(hourly)
    made = declared_job(app, "hourly", {"task": "hourly", "schedule": 3600, "options": said})

    assert made.misfire_grace_seconds == seconds
    assert "expires" not in made.message.headers  # which would be the same moment for all runs


def test_the_whole_schedule_is_declared(app: Any) -> None:
    app.conf.beat_schedule = {"one": {"task": "t", "schedule": 5}, "two": {"task": "t", "schedule": crontab()}}
    scheduler = app.pipeline.scheduler

    declare_beat_schedule(app, scheduler)

    assert {"beat:one", "beat:two"} <= set(scheduler.declared)


def test_an_entry_that_was_changed_is_changed_in_the_store_too(app: Any) -> None:
    scheduler = app.pipeline.scheduler
    for seconds in (60, 30):
        app.conf.beat_schedule = {"changed": {"task": "t", "schedule": seconds, "args": (seconds,)}}
        declare_beat_schedule(app, scheduler)
        reconcile(list(scheduler.declared.values()), scheduler.ledger.schedules, scheduler.emit)

    stored = scheduler.ledger.schedules.get("beat:changed")

    assert stored.trigger["seconds"] == 30
    assert json.loads(stored.message.body)[0] == [30]
