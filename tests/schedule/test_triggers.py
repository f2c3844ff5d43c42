"""When jobs are due: in every zone, over every change of the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
import tzlocal
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyramid_scheduler.core.errors import InvalidJob
from pyramid_scheduler.schedule import triggers
from pyramid_scheduler.schedule.dates import parse_date

ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc", "SystemV")))
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
MONTHS = [YEAR.replace(month=month) for month in range(1, 13)]
CHANGING = [zone for zone in ZONES if len({month.astimezone(ZoneInfo(zone)).utcoffset() for month in MONTHS}) > 1]


def fires(trigger: triggers.Trigger, start: datetime, end: datetime) -> list[datetime]:
    found, due = [], triggers.next_fire(trigger, None, start.timestamp())
    while due is not None and due < end.timestamp():
        found.append(datetime.fromtimestamp(due, UTC))
        due = triggers.next_fire(trigger, due, due)
    return found


def changes(zone: ZoneInfo) -> list[datetime]:
    """The hours of 2026 after which the zone's offset is another."""
    hours = [YEAR + timedelta(hours=n) for n in range(365 * 24)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return [hours[n] for n in range(1, len(hours)) if offsets[n] != offsets[n - 1]]


DAYS: dict[str, tuple[dict[str, Any], Callable[[datetime], bool]]] = {
    "every day": ({}, lambda day: True),
    "a day of the week": ({"day_of_week": "mon"}, lambda day: day.weekday() == 0),
    "a day of the month": ({"day": 1}, lambda day: day.day == 1),
}


@pytest.mark.parametrize("days", DAYS)
@settings(max_examples=60)
@given(
    st.sampled_from(CHANGING),
    st.sets(st.integers(0, 3) | st.integers(0, 23), min_size=1, max_size=2),
    st.sets(st.integers(0, 59), min_size=1, max_size=3),
)
@example("Europe/Berlin", {2}, {0, 30})
@example("Europe/Berlin", {0}, {0})
@example("Pacific/Chatham", {3}, {0, 44, 45})
def test_fixed_local_times_fire_exactly_once_on_every_local_day(
    days: str, name: str, hours: set[int], minutes: set[int]
) -> None:
    fields, wanted = DAYS[days]
    said: dict[str, Any] = {"hour": ",".join(map(str, hours)), "minute": ",".join(map(str, minutes))}
    trigger = triggers.cron_trigger(timezone=name, **said, **fields)
    for change in changes(ZoneInfo(name)):
        start = (change - timedelta(days=2)).astimezone(ZoneInfo(name)).replace(hour=0, minute=0)
        local = [day for n in range(40) if wanted(day := start + timedelta(days=n))]
        expected = {day.replace(hour=hour, minute=minute) for day in local for hour in hours for minute in minutes}
        found = fires(trigger, start - timedelta(seconds=1), start + timedelta(days=40))
        assert found == sorted({moment.astimezone(UTC) for moment in expected}), (name, said)


@pytest.mark.parametrize("days", DAYS)
@settings(max_examples=20)
@given(st.sampled_from(CHANGING))
def test_a_job_of_every_hour_of_some_days_leaves_none_out(days: str, name: str) -> None:
    fields, wanted = DAYS[days]
    trigger = triggers.cron_trigger(hour="*", timezone=name, **fields)
    for change in changes(ZoneInfo(name)):
        minutes = [change - timedelta(days=1) + timedelta(minutes=30 * n) for n in range(2 * 24 * 9)]
        local = [minute.astimezone(ZoneInfo(name)) for minute in minutes]
        expected = [moment.astimezone(UTC) for moment in local if moment.minute == 0 and wanted(moment)]
        assert set(expected) <= set(fires(trigger, minutes[0], minutes[-1] + timedelta(minutes=1))), name


@settings(max_examples=30)
@given(st.sampled_from(ZONES), st.integers(0, 59))
def test_a_job_of_every_hour_follows_elapsed_time(name: str, minute: int) -> None:
    zone = ZoneInfo(name)
    trigger = triggers.cron_trigger(minute=minute, timezone=name)
    for change in changes(zone)[:2] or [YEAR]:
        start, end = change - timedelta(hours=6), change + timedelta(hours=6)
        walked = [start + timedelta(minutes=n) for n in range(12 * 60)]
        expected = [moment for moment in walked if moment.astimezone(zone).minute == minute]
        offset = change.astimezone(zone).utcoffset() - (change - timedelta(hours=1)).astimezone(zone).utcoffset()  # type: ignore[operator]
        if abs(offset) == timedelta(hours=1):
            assert fires(trigger, start, end) == expected


def test_the_autumn_hour_counts_once_and_the_spring_hour_is_made_up_for() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    trigger = triggers.cron_trigger(hour=2, minute=30, timezone="Europe/Berlin")
    autumn = fires(trigger, datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC))
    assert [f.astimezone(berlin).strftime("%d %H:%M %z") for f in autumn] == [
        "24 02:30 +0200",
        "25 02:30 +0200",
        "26 02:30 +0100",
    ]
    spring = fires(trigger, datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC))
    assert [f.astimezone(berlin).strftime("%d %H:%M %z") for f in spring] == [
        "28 02:30 +0100",
        "29 03:30 +0200",
        "30 02:30 +0200",
    ]


def test_a_cron_job_without_a_zone_keeps_that_of_the_machine_where_it_was_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as machine:
        machine.setenv("TZ", "Asia/Tokyo")
        tzlocal.reload_localzone()
        trigger = triggers.cron_trigger(hour=3)
    tzlocal.reload_localzone()
    assert trigger["timezone"] == "Asia/Tokyo"
    assert triggers.next_fire(trigger, None, YEAR.timestamp()) == (YEAR + timedelta(hours=18)).timestamp()


@given(st.floats(0.01, 10**6), st.integers(0, 10**6), st.integers(1, 50))
def test_a_missed_interval_is_made_up_for_without_walking_through_it(seconds: float, late: int, limit: int) -> None:
    trigger = triggers.interval_trigger(seconds=seconds)
    now = 1000.0 + late
    dues, following = triggers.fires_until(trigger, 1000.0, now, limit)
    assert len(dues) <= limit
    assert dues == sorted(dues)
    assert all(1000.0 <= due <= now for due in dues)
    assert following is not None
    assert following > now
    assert abs(following - dues[-1] - seconds) < 1e-3


def test_an_interval_starts_a_period_from_now_or_at_its_start() -> None:
    assert triggers.next_fire(triggers.interval_trigger(minutes=1), None, 100.0) == 160.0
    start = triggers.interval_trigger(minutes=1, start_date=1000)
    assert triggers.next_fire(start, None, 100.0) == 1000.0
    assert triggers.next_fire(start, None, 1030.0) == 1060.0
    assert triggers.next_fire(start, 1060.0, 1060.0) == 1120.0


def test_an_interval_and_a_cron_end_at_their_end_date() -> None:
    interval = triggers.interval_trigger(seconds=10, start_date=0, end_date=25)
    assert [f.timestamp() for f in fires(interval, datetime.fromtimestamp(0, UTC), YEAR)] == [0, 10, 20]
    cron = triggers.cron_trigger(minute="*", end_date=datetime(2026, 1, 1, 0, 2, tzinfo=UTC), timezone="UTC")
    assert len(fires(cron, YEAR, YEAR + timedelta(days=1))) == 3


def test_triggers_are_described_in_words() -> None:
    assert triggers.describe(triggers.interval_trigger(hours=1, minutes=30)) == "every 1h30m"
    assert triggers.describe(triggers.cron_trigger(hour=3, timezone="Europe/Berlin")) == "cron hour=3 (Europe/Berlin)"
    assert triggers.describe(triggers.date_trigger("2030-01-01T00:00:00+00:00")) == "at 2030-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    "trigger", [{}, {"type": "cron"}, {"type": "moon"}, {"type": "cron", "fields": {"hour": "99"}}]
)
def test_a_trigger_that_cannot_be_read_is_an_error(trigger: dict[str, object]) -> None:
    with pytest.raises(InvalidJob, match="cannot be read"):
        triggers.load(trigger)


@given(st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1)))
def test_dates_are_read_alike_from_numbers_text_and_datetimes(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert parse_date(aware) == parse_date(aware.isoformat()) == parse_date(moment, "UTC") == aware
    assert abs(parse_date(aware.timestamp()) - aware) < timedelta(milliseconds=1)
