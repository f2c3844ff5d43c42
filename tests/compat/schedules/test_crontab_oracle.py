"""Crontabs mean what they mean in Celery itself, at every hour of every zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compat import Celery
from compat.schedules import crontab, crontab_parser, schedule

real_celery = pytest.importorskip("celery")
real = pytest.importorskip("celery.schedules")

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
#: Around changes of clocks, month ends and leap days.
MOMENTS = (
    *(datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    *(datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
    *(datetime(2026, 4, 4, 15, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)),
)


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high)
    spans = st.just("*") | st.builds("{}-{}".format, numbers, numbers)
    stepped = st.builds("{}/{}".format, spans, st.integers(1, 15))
    return spans | stepped | numbers.map(str) | st.builds("{},{}".format, numbers, stepped)


LINES = st.tuples(fields(0, 59), fields(0, 23), fields(0, 6), fields(1, 31), fields(1, 12))
NOWS = st.builds(
    lambda moment, away: moment + timedelta(seconds=away), st.sampled_from(MOMENTS), st.integers(-9e3, 9e3)
)
AGO = st.sampled_from((0, 1, 60, 3600, 86400)) | st.integers(0, 200_000)


def apps(zone: str, **conf: Any) -> list[Any]:
    made: list[Any] = []
    for make in (Celery, real_celery.Celery):
        app = make("times", broker="memory://", set_as_current=False)
        app.conf.update(timezone=zone, **conf)
        made.append(app)
    return made


@given(fields(0, 59))
def test_fields_are_read_as_celery_reads_them(text: str) -> None:
    assert crontab_parser(60).parse(text) == real.crontab_parser(60).parse(text)


@settings(max_examples=150)
@given(LINES, st.sampled_from(ZONES), NOWS, AGO, st.sampled_from((None, None, 60, 7200)))
def test_a_crontab_is_due_when_celery_says_so(
    line: tuple[str, ...], zone: str, now: datetime, ago: int, deadline: float | None
) -> None:
    local = now.astimezone(ZoneInfo(zone))
    last = (now - timedelta(seconds=ago)).astimezone(ZoneInfo(zone))
    said = []
    for app, kind in zip(apps(zone, beat_cron_starting_deadline=deadline), (crontab, real.crontab), strict=True):
        try:
            made = kind(*line, nowfun=lambda: local, app=app)
            said.append((made.remaining_estimate(last), tuple(made.is_due(last)), repr(made)))
        except ValueError:
            said.append("no such day")

    assert said[0] == said[1]


@settings(max_examples=150)
@given(
    st.sampled_from((-5, 0, 0.5, 1, 59, 60, 90, 3600, 5400, 86400, 129600)),
    st.booleans(),
    st.sampled_from(ZONES),
    NOWS,
    AGO,
)
def test_an_interval_is_due_when_celery_says_so(
    seconds: float, relative: bool, zone: str, now: datetime, ago: int
) -> None:
    local = now.astimezone(ZoneInfo(zone))
    last = (now - timedelta(seconds=ago)).astimezone(ZoneInfo(zone))
    said = []
    for app, kind in zip(apps(zone), (schedule, real.schedule), strict=True):
        made = kind(seconds, relative, nowfun=lambda: local, app=app)
        said.append((made.remaining_estimate(last), tuple(made.is_due(last)), repr(made)))

    assert said[0] == said[1]
