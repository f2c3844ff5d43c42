"""What is due is sent; what is changed is merged."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from compat import beat
from compat.beat import BeatLazyFunc, Scheduler, SchedulingError
from compat.producing import Catching, PipelineProducer
from compat.schedules import crontab, schedule
from tests.compat.beat.recording import HOUR, NOON, RecordingScheduler


@pytest.fixture
def at_noon(app: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The app, at noon."""
    monkeypatch.setattr(app, "now", lambda: NOON)
    return app


def scheduler(app: Any, **entries: Any) -> RecordingScheduler:
    """With these entries; their tasks are called like them."""
    made = RecordingScheduler(app, lazy=True)
    for name, said in entries.items():
        made.add(**{"name": name, "task": f"shop.{name}", **said})
    return made


def test_one_entry_is_sent_per_tick(at_noon: Any) -> None:
    made = scheduler(
        at_noon,
        a={"schedule": HOUR, "last_run_at": NOON - HOUR},
        b={"schedule": HOUR, "last_run_at": NOON - 2 * HOUR},
    )

    assert made.tick() == 0
    assert len(made.sent) == 1
    assert made.tick() == 0
    assert sorted(made.names) == ["shop.a", "shop.b"]


def test_when_nothing_is_due_a_tick_says_how_long_to_sleep(at_noon: Any) -> None:
    made = scheduler(at_noon, later={"schedule": timedelta(minutes=1), "last_run_at": NOON - timedelta(seconds=50)})

    assert made.tick() == pytest.approx(10, abs=0.05)
    assert made.sent == []


def test_it_never_sleeps_longer_than_the_longest_interval(at_noon: Any) -> None:
    at_noon.conf.beat_max_loop_interval = 7

    assert scheduler(at_noon, later={"schedule": HOUR, "last_run_at": NOON}).tick() == 7
    assert scheduler(at_noon).tick() == 7


def test_a_run_is_counted_when_it_is_sent(at_noon: Any) -> None:
    made = scheduler(at_noon, a={"schedule": HOUR, "last_run_at": NOON - HOUR})
    made.tick()

    assert (made.schedule["a"].total_run_count, made.schedule["a"].last_run_at) == (1, NOON)
    assert made.tick() > 0


def test_arguments_and_options_go_along_and_lazy_ones_are_computed(at_noon: Any) -> None:
    said = {"args": (BeatLazyFunc(lambda: 3),), "kwargs": {"x": BeatLazyFunc(lambda: 4)}, "options": {"queue": "q"}}
    made = scheduler(at_noon, a={"schedule": HOUR, "last_run_at": NOON - HOUR, **said})
    made.tick()

    assert made.sent == [("shop.a", [3], {"x": 4}, {"queue": "q", "headers": {"celery_beat_task": True}})]


def test_a_class_that_sends_by_itself_finds_what_celerys_module_has_for_that(at_noon: Any) -> None:
    class Sending(RecordingScheduler):
        def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
            entry = self.reserve(entry) if advance else entry
            self.send_task(entry.task, beat._evaluate_entry_args(entry.args), beat._evaluate_entry_kwargs(entry.kwargs))
            beat.reraise(SchedulingError, SchedulingError("no more"), None)

    made = Sending(at_noon, lazy=True)
    made.add(name="a", task="shop.a", schedule=HOUR, last_run_at=NOON - HOUR, args=(BeatLazyFunc(lambda: 3),))
    with pytest.raises(SchedulingError, match="no more"):
        made.apply_async(made.schedule["a"])

    assert made.sent == [("shop.a", [3], {}, {})]
    assert (beat._evaluate_entry_args(None), beat._evaluate_entry_kwargs({"x": 1})) == ([], {"x": 1})


def test_a_registered_task_is_sent_with_its_own_options(at_noon: Any) -> None:
    sent: list[Any] = []

    class Noting(at_noon.Task):  # type: ignore[misc,name-defined]
        def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
            sent.append((args, kwargs, options["priority"], options["headers"]))

    @at_noon.task(base=Noting, name="shop.a", lazy=False)
    def counted() -> None: ...

    made = scheduler(at_noon, a={"schedule": 1, "options": {"priority": 3}})
    made.apply_async(made.schedule["a"])

    assert sent == [([], {}, 3, {"celery_beat_task": True})]


def test_a_task_that_cannot_be_sent_is_logged_and_the_others_are(
    at_noon: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ValueError("no argument")

    made = scheduler(
        at_noon,
        a={"schedule": HOUR, "last_run_at": NOON - 2 * HOUR, "args": (BeatLazyFunc(broken),)},
        b={"schedule": HOUR, "last_run_at": NOON - HOUR},
    )
    for _ in range(2):
        made.tick()

    assert made.names == ["shop.b"]
    assert "Couldn't apply scheduled task a: no argument" in caplog.text


def test_the_error_of_sending_is_a_scheduling_error(at_noon: Any) -> None:
    made = scheduler(at_noon, a={"schedule": HOUR, "kwargs": {"x": BeatLazyFunc(lambda: 1 / 0)}})  # type: ignore[operator]

    with pytest.raises(SchedulingError, match="scheduled task a"):
        made.apply_async(made.schedule["a"])


def test_an_entry_that_cannot_tell_its_time_does_not_stop_the_others(at_noon: Any) -> None:
    class Broken(schedule):
        def is_due(self, last_run_at: Any) -> Any:
            raise RuntimeError("no time")

    made = scheduler(at_noon, broken={"schedule": Broken(1)}, b={"schedule": HOUR, "last_run_at": NOON - HOUR})
    for _ in range(2):
        made.tick()

    assert made.names == ["shop.b"]


def test_an_entry_that_is_not_due_when_it_is_looked_at_is_looked_at_again_when_it_says(at_noon: Any) -> None:
    class Hesitant(schedule):
        answers = iter(((True, 0), (False, 3)))

        def is_due(self, last_run_at: Any) -> Any:
            return next(self.answers)

    made = scheduler(at_noon, hesitant={"schedule": Hesitant(1)})

    assert made.tick() == pytest.approx(3, abs=0.05)
    assert made.sent == []


def test_an_entry_that_is_added_while_it_runs_is_seen(at_noon: Any) -> None:
    made = scheduler(at_noon, later={"schedule": HOUR, "last_run_at": NOON})
    made.tick()
    made.add(name="now", task="shop.now", schedule=HOUR, last_run_at=NOON - HOUR)
    made.tick()

    assert made.names == ["shop.now"]


def test_the_configured_entries_are_taken_over_and_others_forgotten(at_noon: Any) -> None:
    at_noon.conf.beat_schedule = {"kept": {"task": "shop.kept", "schedule": 60}}
    made = RecordingScheduler(at_noon)
    made.add(name="gone", task="shop.gone", schedule=60)
    made.schedule["kept"].total_run_count = 9
    made.merge_inplace({"kept": {"task": "shop.kept", "schedule": 30}, "new": {"task": "shop.new", "schedule": 5}})

    assert sorted(made.schedule) == ["kept", "new"]
    assert (made.schedule["kept"].total_run_count, made.schedule["kept"].schedule) == (9, schedule(30))


def test_entries_come_from_dicts_and_from_entries(at_noon: Any) -> None:
    made = scheduler(at_noon)
    made.update_from_dict({"a": {"task": "shop.a", "schedule": crontab(minute=0)}})
    made.update_from_dict({"b": made.schedule["a"]})

    assert [made.schedule[name].task for name in "ab"] == ["shop.a", "shop.a"]


@pytest.mark.parametrize(("expires", "names"), [(3600, ["celery.backend_cleanup"]), (None, [])])
def test_results_are_cleaned_up_nightly_where_they_expire(at_noon: Any, expires: Any, names: list[str]) -> None:
    at_noon.conf.result_expires = expires
    at_noon.backend.supports_autoexpire = False
    made = scheduler(at_noon)
    made.install_default_entries(made.schedule)

    assert list(made.schedule) == names


def test_it_is_synced_after_so_many_tasks(at_noon: Any) -> None:
    at_noon.conf.beat_sync_every = 2
    made = scheduler(at_noon, a={"schedule": HOUR})
    made.apply_async(made.schedule["a"])  # the first run is always written down
    synced = made.synced
    made.apply_async(made.schedule["a"])
    assert made.synced == synced
    made.apply_async(made.schedule["a"])
    assert made.synced == synced + 1


def test_schedules_are_compared_entry_by_entry(at_noon: Any) -> None:
    one, other = (scheduler(at_noon, a={"schedule": HOUR}) for _ in range(2))

    assert one.schedules_equal(one.schedule, other.schedule)
    other.schedule["a"].args = (1,)
    assert not one.schedules_equal(one.schedule, other.schedule)
    assert not one.schedules_equal(one.schedule, {})
    assert not one.schedules_equal(None, {})
    assert one.schedules_equal(None, None)


def test_closing_it_writes_the_schedule_down(at_noon: Any) -> None:
    made = scheduler(at_noon)
    made.close()

    assert made.synced == 1


@pytest.mark.parametrize("broker", ["memory://", "sqlite:///{}/broker.sqlite"], ids=["kombu's", "a database"])
def test_what_is_due_goes_through_the_pipeline_also_to_brokers_that_kombu_does_not_know(
    app: Any, tmp_path: Path, broker: str
) -> None:
    app.conf.broker_url = broker.format(tmp_path)
    beat = Scheduler(app)
    with Catching() as sent:
        beat.apply_async(beat.Entry("a", "shop.unknown", schedule=5, app=app), producer=beat.producer, advance=False)
        app.send_task("shop.other")

    assert isinstance(beat.producer, PipelineProducer)
    assert [message.headers["task"] for message in sent] == ["shop.unknown", "shop.other"]
