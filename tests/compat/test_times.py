"""Dates, zones, rates and delays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.utils import time as times
from compat.utils.iso8601 import parse_iso8601
from compat.utils.time import LocalTimezone

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("10/s", 10), ("60/m", 1), ("7200/h", 2), ("3", 3), ("0.5/s", 0.5), (4, 4), (None, 0), ("", 0), (0, 0)],
)
def test_a_rate_is_so_many_per_second(text: Any, per_second: float) -> None:
    assert times.rate(text) == per_second


@pytest.mark.parametrize(("text", "error"), [("often", ValueError), ("1/d", KeyError)])
def test_a_rate_that_is_none_is_an_error(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        times.rate(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (1, "1.00 second"),
        (59.5, "59.50 seconds"),
        (60, "1.00 minute"),
        (7200, "2.00 hours"),
        (86400, "1.00 day"),
    ],
)
def test_seconds_are_told_in_the_coarsest_unit(seconds: float, text: str) -> None:
    assert times.humanize_seconds(seconds) == text


def test_a_prefix_and_fractions_are_told_where_they_are_wanted() -> None:
    assert times.humanize_seconds(60, "in", " ") == "in 1.00 minute"
    assert times.humanize_seconds(0.25, microseconds=True) == "0.25 seconds"


def test_naive_dates_are_utc_unless_said_otherwise() -> None:
    naive = datetime(2026, 5, 1, 12, 0)

    assert times.maybe_make_aware(naive, BERLIN) == NOON
    assert times.maybe_make_aware(naive, BERLIN, naive_as_utc=False) == datetime(2026, 5, 1, 12, 0, tzinfo=BERLIN)
    assert times.maybe_make_aware(NOON, BERLIN) is NOON


def test_a_time_the_clocks_jump_over_is_an_hour_later() -> None:
    assert times.make_aware(datetime(2026, 3, 29, 2, 30), BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_of_a_time_that_comes_twice_the_first_is_meant() -> None:
    made = times.make_aware(datetime(2026, 10, 25, 2, 30), BERLIN)

    assert made.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_utc_is_moved_to_a_zone_and_other_zones_stay() -> None:
    assert times.localize(NOON.replace(tzinfo=ZoneInfo("UTC")), BERLIN).tzinfo is BERLIN
    tokyo = NOON.astimezone(ZoneInfo("Asia/Tokyo"))
    assert times.localize(tokyo, BERLIN) is tokyo


def test_a_zone_is_had_by_its_name() -> None:
    assert times.timezone.get_timezone("Europe/Berlin") is BERLIN
    assert times.timezone.get_timezone(UTC) is UTC
    assert times.timezone.tz_or_local() is times.timezone.local
    assert times.timezone.to_local(datetime(2026, 5, 1, 12, 0), BERLIN).hour == 14


@given(st.datetimes(datetime(2026, 3, 28), datetime(2026, 3, 30)), st.integers(-90000, 90000))
def test_seconds_are_real_seconds_whatever_the_clocks_do(moment: datetime, seconds: int) -> None:
    start = moment.replace(tzinfo=UTC).astimezone(BERLIN)

    assert times.subtract_datetimes(times.add_seconds_to_datetime(start, seconds), start) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01T12:00:00Z", NOON),
        ("2026-05-01T14:00:00+02:00", NOON),
        ("2026-05-01", datetime(2026, 5, 1)),
        (NOON, NOON),
        (None, None),
        ("", None),
    ],
)
def test_iso_texts_are_dates(text: Any, moment: Any) -> None:
    assert times.maybe_iso8601(text) == moment
    if isinstance(text, str) and text:
        assert parse_iso8601(text) == moment


@pytest.mark.parametrize(
    ("delta", "cut"),
    [
        (timedelta(days=1), datetime(2026, 5, 1)),
        (timedelta(hours=1), datetime(2026, 5, 1, 10)),
        (timedelta(minutes=1), datetime(2026, 5, 1, 10, 20)),
        (timedelta(seconds=1), datetime(2026, 5, 1, 10, 20, 30)),
    ],
)
def test_a_date_is_cut_to_the_unit_of_a_delta(delta: timedelta, cut: datetime) -> None:
    assert times.delta_resolution(datetime(2026, 5, 1, 10, 20, 30), delta) == cut


def test_fields_of_a_date_are_replaced_and_days_cut_to_the_month() -> None:
    january = datetime(2026, 1, 15, 10, 20)

    assert january + times.ffwd(month=2, day=31) == datetime(2026, 2, 28, 10, 20)
    assert january + times.ffwd(weeks=1, weekday=0) == datetime(2026, 1, 26, 10, 20)
    assert january + times.ffwd(hour=3, minute=4) == datetime(2026, 1, 15, 3, 4)


@pytest.mark.parametrize(("retries", "seconds"), [(0, 2), (1, 4), (3, 16), (9, 60)])
def test_backing_off_doubles_up_to_a_maximum(retries: int, seconds: int) -> None:
    assert times.get_exponential_backoff_interval(2, retries, 60) == seconds


@given(st.integers(0, 20), st.integers(1, 100))
def test_with_jitter_it_is_any_time_up_to_that(retries: int, factor: int) -> None:
    longest = times.get_exponential_backoff_interval(factor, retries, 600)

    assert 0 <= times.get_exponential_backoff_interval(factor, retries, 600, full_jitter=True) <= longest


def test_a_timestamp_from_elsewhere_is_put_right() -> None:
    assert times.adjust_timestamp(10_000.0, 2, here=lambda: 1) == 6400.0


def test_names_of_days_and_months_are_numbers() -> None:
    assert (times.weekday("Sunday"), times.weekday("sat"), times.yearmonth("DEC")) == (0, 6, 12)
    with pytest.raises(KeyError):
        times.weekday("someday")


def test_the_c_librarys_zone_tells_its_offsets() -> None:
    zone = LocalTimezone()

    assert zone.DSTDIFF == zone.DSTOFFSET - zone.STDOFFSET
    assert zone.utcoffset(None) in (zone.STDOFFSET, zone.DSTOFFSET)


def test_a_text_that_is_no_date_is_named() -> None:
    with pytest.raises(ValueError, match="unable to parse date string 'tomorrow'"):
        parse_iso8601("tomorrow")
