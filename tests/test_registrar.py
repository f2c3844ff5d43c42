"""Timed jobs that arrive as messages: what could never be fired is not stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pyramid_scheduler import Scheduler, Settings
from pyramid_scheduler.core.kind import JobKind
from pyramid_scheduler.schedule.triggers import Trigger
from tests.fleet import wait_for
from tests.shop import jobs

UNUSABLE: dict[str, Trigger] = {
    "no interval": {"type": "interval", "seconds": 0},
    "an interval into the past": {"type": "interval", "seconds": -1},
    "an endless interval": {"type": "interval", "seconds": float("inf")},
    "an interval that is no number": {"type": "interval", "seconds": float("nan")},
    "an interval longer than time": {"type": "interval", "seconds": 1e300},
    "an end that is no date": {"type": "interval", "seconds": 5, "end": "soon"},
    "a type that nobody registered": {"type": "moon"},
}


UNSENDABLE: dict[str, dict[str, Any]] = {
    "a content type that is no text": {"content_type": 5},
    "a queue that is no text": {"queue": 5},
    "a priority that is no number": {"priority": "high"},
    "properties that are no table": {"properties": 5},
    "headers that are no table": {"headers": None},
    "an expiry that is no moment": {"expires_at": "soon"},
    "a body that is not what it says": {"body": b"\xff"},
}


def test_a_schedule_that_could_never_be_fired_is_kept_as_unreadable_and_not_stored(tmp_path: Path) -> None:
    scheduler = Scheduler(Settings(broker_url=f"sqlite:///{tmp_path}/jobs.sqlite", allow=("tests",)))
    trigger, options = scheduler.composer.trigger(JobKind.INTERVAL, None, {"hours": 1})
    for what, unusable in UNUSABLE.items():
        made = scheduler.composer.schedule(JobKind.INTERVAL, trigger, jobs.mark, ("x",), None, None, options)
        bad = replace(made, id=what, trigger=unusable)
        scheduler.send([scheduler.composer.schedule_message(bad)])
    for what, strange in UNSENDABLE.items():
        bad = replace(made, id=what, message=replace(made.message, **strange))
        scheduler.send([scheduler.composer.schedule_message(bad)])
    scheduler.send([scheduler.composer.schedule_message(replace(made, id="never", next_fire_at="noon"))])  # type: ignore[arg-type]
    scheduler.start_consumer()
    parked = wait_for(
        lambda: len(found := scheduler.ledger.parked.find()) == len({**UNUSABLE, **UNSENDABLE}) + 1 and found
    )
    assert all("carries no schedule that can be read" in one.reason for one in parked)
    assert scheduler.get_jobs() == []
    scheduler.shutdown(1)
