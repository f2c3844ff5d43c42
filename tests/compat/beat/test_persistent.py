"""The schedule in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compat.beat import PersistentScheduler
from compat.schedules import crontab, schedule
from tests.compat.beat.recording import NOON


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "beat-schedule")


def opened(app: Any, file: str) -> PersistentScheduler:
    app.__dict__.pop("timezone", None)
    return PersistentScheduler(app, schedule_filename=file)


def test_it_remembers_when_each_entry_ran(app: Any, file: str) -> None:
    app.conf.beat_schedule = {"a": {"task": "t", "schedule": crontab(minute=0)}}
    first = opened(app, file)
    first.schedule["a"].last_run_at, first.schedule["a"].total_run_count = NOON, 3
    first.close()
    second = opened(app, file)

    assert (second.schedule["a"].last_run_at, second.schedule["a"].total_run_count) == (NOON, 3)
    second.close()


def test_an_entry_that_was_changed_is_changed_and_one_that_was_removed_is_gone(app: Any, file: str) -> None:
    app.conf.beat_schedule = {"a": {"task": "t", "schedule": 5}, "b": {"task": "t", "schedule": 5}}
    opened(app, file).close()
    app.conf.beat_schedule = {"a": {"task": "other", "schedule": 7}}
    second = opened(app, file)

    assert "b" not in second.schedule
    assert (second.schedule["a"].task, second.schedule["a"].schedule) == ("other", schedule(7))
    second.close()


@pytest.mark.parametrize("change", [{"timezone": "Asia/Tokyo"}, {"enable_utc": False}])
def test_times_of_another_zone_are_forgotten(app: Any, file: str, change: dict[str, Any]) -> None:
    app.conf.beat_schedule = {"a": {"task": "t", "schedule": 5}}
    first = opened(app, file)
    first.schedule["a"].total_run_count = 3
    first.close()
    app.conf.update(change)
    second = opened(app, file)

    assert second.schedule["a"].total_run_count == 0
    second.close()


def test_a_file_that_cannot_be_read_is_made_anew(app: Any, file: str, caplog: pytest.LogCaptureFixture) -> None:
    app.conf.beat_schedule = {"a": {"task": "t", "schedule": 5}}
    Path(file).write_bytes(b"no database")
    made = opened(app, file)

    assert "a" in made.schedule
    assert "cannot be read" in caplog.text
    made.close()


def test_it_says_where_its_file_is(app: Any, file: str) -> None:
    made = opened(app, file)

    assert file in made.info
    made.close()
