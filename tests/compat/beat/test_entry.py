"""One line of the beat schedule."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import pytest

from compat.beat import BeatLazyFunc, ScheduleEntry
from compat.schedules import crontab, schedule
from tests.compat.beat.recording import HOUR, NOON


def entry(app: Any, **fields: Any) -> ScheduleEntry:
    return ScheduleEntry(**{"name": "hourly", "task": "shop.count", "schedule": HOUR, "app": app, **fields})


def test_a_timedelta_and_a_number_become_schedules(app: Any) -> None:
    assert entry(app, schedule=30).schedule == schedule(30)
    assert entry(app, schedule=HOUR, relative=True).schedule.relative is True


def test_one_that_never_ran_counts_from_now(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "now", lambda: NOON)
    made = entry(app)

    assert (made.last_run_at, made.total_run_count) == (NOON, 0)
    assert made.is_due() == (False, 3600)


def test_it_is_due_when_its_schedule_says_so(app: Any) -> None:
    made = entry(app, schedule=crontab(minute=0, nowfun=lambda: NOON), last_run_at=NOON - HOUR)

    assert made.is_due().is_due


def test_the_next_one_has_run_once_more_and_just_now(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "now", lambda: NOON)
    made = entry(app, last_run_at=NOON - HOUR, total_run_count=4, args=(1,), options={"queue": "q"})
    following = next(made)

    assert (following.total_run_count, following.last_run_at) == (5, NOON)
    assert (following.args, following.options, following.name) == ((1,), {"queue": "q"}, "hourly")
    assert made.total_run_count == 4


def test_an_update_changes_what_it_does_and_keeps_when_it_ran(app: Any) -> None:
    made = entry(app, last_run_at=NOON, total_run_count=7)
    made.update(entry(app, task="shop.sum", args=(2,), schedule=timedelta(minutes=5)))

    assert (made.task, made.args, made.schedule) == ("shop.sum", (2,), schedule(300))
    assert (made.last_run_at, made.total_run_count) == (NOON, 7)


def test_two_are_equal_when_they_do_the_same_at_the_same_times(app: Any) -> None:
    assert entry(app, last_run_at=NOON) == entry(app, total_run_count=3, name="other")
    assert entry(app) != entry(app, args=(1,))
    assert entry(app) != entry(app, schedule=5)


def test_it_comes_back_from_a_pickle(app: Any) -> None:
    made = entry(app, schedule=crontab(minute=5), last_run_at=NOON, total_run_count=2, kwargs={"x": 1})
    again = pickle.loads(pickle.dumps(made))

    assert again == made
    assert (again.name, again.last_run_at, again.total_run_count) == ("hourly", NOON, 2)


def test_its_repr_shows_the_call_and_the_schedule(app: Any) -> None:
    text = repr(entry(app, args=(1,), kwargs={"x": 2}))

    assert text.startswith("<ScheduleEntry: hourly shop.count(1, x=2) <freq: 1.00 hour>")


def test_a_lazy_argument_is_computed_at_each_call() -> None:
    numbers = iter((1, 2))
    lazy = BeatLazyFunc(lambda step, times=1: next(numbers) * step * times, 10, times=2)

    assert (lazy(), lazy.delay()) == (20, 40)
