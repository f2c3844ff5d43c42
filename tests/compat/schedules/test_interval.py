"""Every so often."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compat.schedules import crontab, maybe_schedule, schedule

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def every(app: Any, interval: Any, relative: bool = False, now: datetime = NOON) -> schedule:
    return schedule(interval, relative, nowfun=lambda: now, app=app)


def test_it_is_due_an_interval_after_the_last_run(app: Any) -> None:
    assert every(app, 30).is_due(NOON - timedelta(seconds=30)) == (True, 30)
    assert every(app, 30).is_due(NOON - timedelta(seconds=10)) == (False, 20)


def test_a_late_run_does_not_make_the_next_one_earlier(app: Any) -> None:
    assert every(app, 30).is_due(NOON - timedelta(hours=1)) == (True, 30)


def test_a_relative_one_is_due_at_full_hours(app: Any) -> None:
    half_past = NOON + timedelta(minutes=30)
    hourly = every(app, timedelta(hours=1), relative=True, now=half_past)

    assert hourly.is_due(half_past - timedelta(minutes=5)) == (False, 1800)
    assert hourly.is_due(NOON - timedelta(minutes=5)) == (True, 1800)


def test_a_naive_last_run_is_read_as_utc(app: Any) -> None:
    assert every(app, 60).is_due(datetime(2026, 5, 1, 11, 59, 30)) == (False, 30)


def test_a_negative_interval_counts_as_none(app: Any) -> None:
    assert every(app, -5).seconds == 0


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (1, "<freq: 1.00 second>"),
        (90, "<freq: 1.50 minutes>"),
        (timedelta(days=2), "<freq: 2.00 days>"),
        (0, "<freq: now>"),
    ],
)
def test_its_repr_says_how_often(app: Any, interval: Any, text: str) -> None:
    assert repr(every(app, interval)) == text


def test_two_of_the_same_interval_are_equal_and_equal_to_a_timedelta() -> None:
    assert schedule(60) == schedule(timedelta(minutes=1))
    assert schedule(60) == timedelta(minutes=1)
    assert schedule(60) != schedule(61)


def test_it_comes_back_from_a_pickle() -> None:
    again = pickle.loads(pickle.dumps(schedule(60, relative=True)))

    assert (again.run_every, again.relative) == (timedelta(minutes=1), True)


@pytest.mark.parametrize("given", [5, 5.0, timedelta(seconds=5)])
def test_numbers_and_timedeltas_become_schedules_of_the_app(app: Any, given: Any) -> None:
    made = maybe_schedule(given, app=app)

    assert (made.run_every, made.app) == (timedelta(seconds=5), app)


def test_a_schedule_stays_what_it_is_and_none_stays_none(app: Any) -> None:
    given = crontab()

    assert maybe_schedule(given, app=app) is given
    assert given.app is app
    assert maybe_schedule(None) is None
