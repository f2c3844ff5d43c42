"""When a crontab is due: month ends, leap years, clocks that change, deadlines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from compat.schedules import crontab

Zoned = Callable[[str], Any]


def following(made: crontab, moment: datetime) -> datetime:
    """The run after ``moment``."""
    made.nowfun = lambda: moment
    return (moment.astimezone(UTC) + made.remaining_estimate(moment)).astimezone(moment.tzinfo)


def runs(made: crontab, moment: datetime, count: int) -> list[str]:
    found = []
    for _ in range(count):
        moment = following(made, moment)
        found.append(moment.strftime("%Y-%m-%d %H:%M %Z"))
    return found


def test_every_minute_means_the_next_full_minute(app: Any) -> None:
    assert following(crontab(app=app), datetime(2026, 5, 1, 12, 0, 59, 500, tzinfo=UTC)) == datetime(
        2026, 5, 1, 12, 1, tzinfo=UTC
    )


def test_the_31st_skips_months_without_one(app: Any) -> None:
    monthly = crontab(minute=0, hour=0, day_of_month=31, app=app)

    found = runs(monthly, datetime(2026, 1, 31, 0, 0, tzinfo=UTC), 3)

    assert found == ["2026-03-31 00:00 UTC", "2026-05-31 00:00 UTC", "2026-07-31 00:00 UTC"]


def test_the_29th_of_february_waits_for_leap_years(app: Any) -> None:
    leap = crontab(minute=0, hour=0, day_of_month=29, month_of_year=2, app=app)

    assert runs(leap, datetime(2096, 2, 29, tzinfo=UTC), 1) == ["2104-02-29 00:00 UTC"]


def test_day_of_month_and_day_of_week_must_both_match(app: Any) -> None:
    friday_the_13th = crontab(minute=0, hour=0, day_of_month=13, day_of_week="fri", app=app)

    found = runs(friday_the_13th, datetime(2026, 1, 1, tzinfo=UTC), 3)

    assert [text[:10] for text in found] == ["2026-02-13", "2026-03-13", "2026-11-13"]


def test_the_last_minute_of_a_year_is_followed_by_the_next_year(app: Any) -> None:
    yearly = crontab(minute=59, hour=23, day_of_month=31, month_of_year=12, app=app)

    assert runs(yearly, datetime(2026, 12, 31, 23, 59, tzinfo=UTC), 1) == ["2027-12-31 23:59 UTC"]


def test_fields_are_times_of_the_apps_zone(in_zone: Zoned) -> None:
    nightly = crontab(minute=0, hour=4, app=in_zone("Asia/Tokyo"))

    assert runs(nightly, datetime(2026, 5, 1, tzinfo=UTC), 1) == ["2026-05-01 19:00 UTC"]


def test_a_time_the_clocks_jump_over_comes_an_hour_later_that_day(in_zone: Zoned) -> None:
    app = in_zone("Europe/Berlin")
    before = datetime(2026, 3, 28, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))

    found = runs(crontab(minute=30, hour=2, app=app), before, 2)

    assert found == ["2026-03-29 03:30 CEST", "2026-03-30 02:30 CEST"]


def test_a_time_the_clocks_show_twice_comes_once(in_zone: Zoned) -> None:
    app = in_zone("Europe/Berlin")
    before = datetime(2026, 10, 24, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))

    found = runs(crontab(minute=30, hour=2, app=app), before, 2)

    assert found == ["2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"]


def test_a_task_is_due_at_its_minute_and_says_when_to_look_again(app: Any) -> None:
    now = datetime(2026, 5, 1, 12, 30, 10, tzinfo=UTC)
    hourly = crontab(minute=30, nowfun=lambda: now, app=app)

    assert hourly.is_due(now - timedelta(hours=1)) == (True, 3590)
    assert hourly.is_due(now) == (False, 3590)


def test_a_task_that_missed_many_runs_is_due_once(app: Any) -> None:
    now = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    minutely = crontab(nowfun=lambda: now, app=app)

    assert minutely.is_due(now - timedelta(days=3)) == (True, 60)


@pytest.mark.parametrize(
    ("late", "is_due"),
    [(timedelta(0), True), (timedelta(seconds=59), True), (timedelta(seconds=60), True), (timedelta(minutes=2), False)],
)
def test_a_run_that_is_later_than_the_starting_deadline_is_left_out(app: Any, late: timedelta, is_due: bool) -> None:
    app.conf.beat_cron_starting_deadline = 60
    daily_at = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    daily = crontab(minute=0, hour=12, nowfun=lambda: daily_at + late, app=app)

    assert daily.is_due(daily_at - timedelta(days=1)).is_due is is_due


def test_a_naive_last_run_is_read_as_utc(app: Any) -> None:
    now = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    hourly = crontab(minute=0, nowfun=lambda: now, app=app)

    assert hourly.remaining_estimate(datetime(2026, 5, 1, 11, 30)) == timedelta(0)


def test_without_a_clock_it_asks_the_app(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    monkeypatch.setattr(app, "now", lambda: now)

    assert crontab(minute=10, app=app).remaining_estimate(now) == timedelta(minutes=10)
