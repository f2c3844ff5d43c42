"""Who keeps the times of an app."""

from __future__ import annotations

from typing import Any

import pytest

from compat.backends import by_name
from compat.beat import PersistentScheduler, Scheduler, Service
from compat.beat.keeper import is_the_ledger, own_scheduler, take_out_beat_schedule
from compat.exceptions import ImproperlyConfigured
from compat.periodic import declare_beat_schedule
from pyramid_scheduler.api import JobKind
from pyramid_scheduler.schedule.declared import reconcile
from tests.compat.beat.recording import RecordingScheduler


def noon() -> None:
    """A job that is none of Celery's."""


OWN = "tests.compat.beat.recording:RecordingScheduler"
ENTRIES = {"a": {"task": "shop.often", "schedule": 5}}


@pytest.mark.parametrize(
    ("scheduler", "ledger"),
    [
        ("celery.beat:PersistentScheduler", True),
        ("celery.beat.PersistentScheduler", True),
        ("compat.beat.Scheduler", True),
        (PersistentScheduler, True),
        (Scheduler, True),
        (OWN, False),
        (RecordingScheduler, False),
        ("proj.beat.PersistentScheduler", False),
        ("django", False),
    ],
)
def test_the_ledger_is_in_the_place_of_celerys_own_schedulers(scheduler: Any, ledger: bool) -> None:
    assert is_the_ledger(scheduler) is ledger


def test_the_setting_names_the_class_and_beat_may_be_told_of_another(app: Any) -> None:
    assert own_scheduler(app) is None
    app.conf.update(beat_scheduler=OWN, beat_schedule=ENTRIES)

    assert own_scheduler(app) == OWN
    assert own_scheduler(app, RecordingScheduler) is RecordingScheduler
    assert own_scheduler(app, PersistentScheduler) is PersistentScheduler


def test_a_class_that_only_beat_was_told_of_will_do_where_workers_have_no_entries_to_send(app: Any) -> None:
    assert own_scheduler(app, OWN) == OWN


def test_where_they_have_the_setting_must_tell_them(app: Any) -> None:
    @app.on_after_finalize.connect
    def add(sender: Any, **kwargs: Any) -> None:
        sender.add_periodic_task(5, sender.signature("shop.often"), name="often")

    with pytest.raises(ImproperlyConfigured, match=f"workers, who are not told: say beat_scheduler = '{OWN}'"):
        own_scheduler(app, OWN)


def test_the_ledger_has_none_of_the_entries_where_a_class_keeps_the_times(app: Any) -> None:
    app.conf.beat_schedule = ENTRIES
    scheduler = app.pipeline.scheduler
    schedules = scheduler.ledger.schedules

    def keep(schedule: Any) -> list[str]:
        scheduler.declared.clear()
        app.conf.beat_scheduler = schedule
        declare_beat_schedule(app, scheduler)
        reconcile(list(scheduler.declared.values()), schedules, scheduler.emit)
        return [one.name for one in schedules.find(declared=True)]

    assert "a" in keep("celery.beat:PersistentScheduler")
    assert keep(OWN) == []


def test_what_workers_of_before_have_put_into_the_ledger_is_taken_out_and_nothing_else(app: Any) -> None:
    app.conf.beat_schedule = ENTRIES
    scheduler = app.pipeline.scheduler
    declare_beat_schedule(app, scheduler)
    scheduler.declare(JobKind.INTERVAL, noon, id="mine", seconds=60)
    schedules = scheduler.ledger.schedules
    reconcile(list(scheduler.declared.values()), schedules, scheduler.emit)

    take_out_beat_schedule(app)

    assert [one.id for one in schedules.find()] == ["mine"]


def test_beat_goes_on_without_the_ledger_and_says_so(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    app.conf.pyramid_scheduler = {"ledger.url": "sqlite:////nowhere/to/be.found"}

    take_out_beat_schedule(app)

    assert "beat_schedule may be in the ledger still" in caplog.text


def test_a_class_made_of_the_real_celerys_is_refused_with_the_way_out(app: Any) -> None:
    real = pytest.importorskip("celery.beat")
    backends = pytest.importorskip("celery.backends.base")

    class Made(real.Scheduler):  # type: ignore[misc,name-defined]
        pass

    class Kept(backends.KeyValueStoreBackend):  # type: ignore[misc,name-defined]
        pass

    with pytest.raises(ImproperlyConfigured, match=r"Made is made of celery\.beat\.Scheduler.*install_as_celery"):
        Service(app, scheduler_cls=Made).get_scheduler(lazy=True)
    with pytest.raises(ImproperlyConfigured, match=r"Kept is made of celery\.backends\..*install_as_celery"):
        by_name(Kept)


def test_a_class_that_is_not_there_is_named(app: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"the scheduler no\.such:Class cannot be loaded: No module"):
        Service(app, scheduler_cls="no.such:Class").get_scheduler()
