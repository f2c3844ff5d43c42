"""django-celery-beat and django-celery-results under ``compat.install_as_celery()``, in real workers and beats."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.compat.project import Site
from tests.fleet import ROOT, wait_for

pytest.importorskip("django_celery_beat")
pytest.importorskip("django_celery_results")
PROJECT = Path(__file__).parent / "django_packages"
SET_UP = "import django, json, depot; django.setup(); from depot.tasks import *\n"


class Depot(Site):
    """A copy of the project, its database, and its processes."""

    def script(self, text: str) -> Any:
        """In the project; the last line that it prints, read as JSON."""
        path = self.directory / "script.py"
        path.write_text(SET_UP + text)
        lines = self.run(str(path)).splitlines()
        return json.loads(lines[-1]) if lines else None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.directory / "depot.sqlite") as database:
            return database.execute(query).fetchall()


@pytest.fixture
def open_depot(tmp_path: Path) -> Iterator[Callable[..., Depot]]:
    opened: list[Depot] = []

    def make(broker: str = "redis", **environ: str) -> Depot:
        directory = tmp_path / "project"
        shutil.copytree(PROJECT, directory, ignore=shutil.ignore_patterns("__pycache__"))
        with servers.fresh_broker(broker, tmp_path) as url:
            said = {
                "DEPOT_DIRECTORY": str(directory),
                "DEPOT_BROKER": url,
                "DEPOT_QUEUE": servers.unique("depot"),
                "DJANGO_SETTINGS_MODULE": "depot.settings",
            }
        depot = Depot("depot", directory, {**os.environ, "PYTHONPATH": f"{ROOT}:{directory}", **said, **environ})
        opened.append(depot)
        depot.run("-m", "django", "migrate", "--run-syncdb", "-v", "0", "--skip-checks")
        return depot

    yield make
    for depot in opened:
        depot.end()


ONE_PROCESS = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler
from django_celery_results.models import TaskResult

app = depot.celery_app
often, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
PeriodicTask.objects.create(name="mine", task="depot.tasks.add", interval=often, args="[2, 3]", one_off=True)
scheduler = DatabaseScheduler(app=app)
sent = []
for entry in list(scheduler.schedule.values()):
    if entry.name == "mine":
        sent.append(scheduler.apply_async(entry).id)
scheduler.close()
app.backend.store_result(sent[0], 5, "SUCCESS")
mine = PeriodicTask.objects.get(name="mine")
row = TaskResult.objects.get(task_id=sent[0])
# What is due at another hour of the day is in the table, but not in scheduler.schedule.
names = sorted(PeriodicTask.objects.values_list("name", flat=True))
print(json.dumps([names, mine.total_run_count, row.status, app.AsyncResult(sent[0]).get()]))
"""


def test_the_packages_work_with_the_apps_own_classes(open_depot: Callable[..., Depot]) -> None:
    names, runs, status, result = open_depot("sqlite").script(ONE_PROCESS)

    assert names == ["celery.backend_cleanup", "mine", "often"]
    assert (runs, status, result) == (1, "SUCCESS", 5)


@pytest.mark.peer
def test_what_is_changed_in_django_s_tables_counts_while_beat_runs(open_depot: Callable[..., Depot]) -> None:
    depot = open_depot()
    depot.start("worker", "-c", "1")
    beat = depot.start("beat")
    depot.wait_for("often", 2)

    depot.script(
        "from datetime import timedelta\n"
        "from django.utils import timezone\n"
        "from django_celery_beat.models import *\n"
        "often, _ = IntervalSchedule.objects.get_or_create(every=1, period='seconds')\n"
        "soon = ClockedSchedule.objects.create(clocked_time=timezone.now() + timedelta(seconds=1))\n"
        "sunset = SolarSchedule.objects.create(event='sunset', latitude=52, longitude=13)\n"
        "yearly = CrontabSchedule.objects.create(minute=0, hour=0, day_of_month=29, month_of_year=2)\n"
        "make = PeriodicTask.objects.create\n"
        "make(name='edited', task='depot.tasks.note', interval=often, args='[\"before\"]')\n"
        "make(name='once', task='depot.tasks.note', interval=often, args='[\"once\"]', one_off=True)\n"
        "make(name='clocked', task='depot.tasks.note', clocked=soon, args='[\"clocked\"]', one_off=True)\n"
        "make(name='sunset', task='depot.tasks.note', solar=sunset, args='[\"sunset\"]')\n"
        "make(name='yearly', task='depot.tasks.note', crontab=yearly, args='[\"yearly\"]')\n"
    )
    for word in ("before", "once", "clocked"):
        wait_for(lambda word=word: depot.noted(word), what=word)
    change = "from django_celery_beat.models import *\np = PeriodicTask.objects.get(name='edited')\n{}\np.save()\n"
    depot.script(change.format("p.args = '[\"after\"]'"))
    depot.wait_for("after", 2)
    depot.script(change.format("p.enabled = False"))
    depot.wait_for("often", 2)
    stopped = depot.noted("after")
    depot.wait_for("often", 2)

    beat.terminate()
    assert beat.wait(20) == 0
    counted = dict(depot.rows("SELECT name, total_run_count FROM django_celery_beat_periodictask"))
    wait_for(lambda: depot.noted("often") == counted["often"], what=f"{counted}, {depot.directory}")
    assert depot.noted("after") == stopped
    assert (depot.noted("once"), depot.noted("clocked")) == (1, 1)
    assert depot.noted("sunset") + depot.noted("yearly") == counted["sunset"] + counted["yearly"] == 0
    assert depot.rows("SELECT name FROM django_celery_beat_periodictask WHERE NOT enabled ORDER BY name") == [
        ("clocked",),
        ("edited",),
        ("once",),
    ]
    told = (
        "SELECT status, task_name, task_args FROM django_celery_results_taskresult WHERE periodic_task_name = 'clocked'"
    )
    assert depot.rows(told) == [("SUCCESS", "depot.tasks.note", "\"['clocked']\"")]


@pytest.mark.peer
def test_a_worker_may_be_the_beat(open_depot: Callable[..., Depot]) -> None:
    depot = open_depot("sqlite")
    worker = depot.start("worker", "-B", "-c", "1")
    depot.wait_for("often", 3)

    worker.terminate()
    assert worker.wait(20) == 0
    count = depot.rows("SELECT total_run_count FROM django_celery_beat_periodictask WHERE name = 'often'")
    assert abs(depot.noted("often") - count[0][0]) <= 1  # the last may have been sent as the worker stopped


RESULTS = """
from celery import chain, chord, group
from celery.result import AsyncResult, GroupResult

failed = drop.delay("crate")
error = repr(failed.get(timeout=20, propagate=False))
saved = group(add.s(i, i) for i in range(3))()
saved.save()
restored = GroupResult.restore(saved.id).get(timeout=20)
summed = chord([add.s(i, i) for i in range(4)], total.s())().get(timeout=20)
broken = chord([add.s(1, 1), drop.s("pallet")], total.s())().get(timeout=20, propagate=False)
chained = (group(add.s(i, i) for i in range(2)) | total.s() | add.s(10))().get(timeout=20)
failed.forget()
said = [error, restored, summed, type(broken).__name__, chained, AsyncResult(failed.id).state]
print(json.dumps(said))
"""


@pytest.mark.peer
@pytest.mark.parametrize("backend", ["django-db", "django-cache"])
def test_results_groups_and_chords_are_kept_by_django(open_depot: Callable[..., Depot], backend: str) -> None:
    depot = open_depot(DEPOT_BACKEND=backend)
    depot.start("worker", "-c", "2")

    error, restored, summed, broken, chained, forgotten = depot.script(RESULTS)

    assert (error, restored, summed, chained) == ("ValueError('crate')", [0, 2, 4], 12, 12)
    assert broken in ("ChordError", "ValueError")  # with django-cache it is this first, and then that
    assert forgotten == "PENDING"
    if backend == "django-db":
        told = "SELECT task_args, task_kwargs, worker FROM django_celery_results_taskresult WHERE result = '12'"
        told += " AND task_name = 'depot.tasks.total'"
        assert depot.rows(told)[0][:2] == ('"([0, 2, 4, 6],)"', '"{}"')
        assert "celery" in depot.rows(told)[0][2]
        assert depot.rows("SELECT * FROM django_celery_results_chordcounter") == []


@pytest.mark.peer
def test_what_has_expired_is_cleaned_up(open_depot: Callable[..., Depot]) -> None:
    depot = open_depot("sqlite")
    depot.start("worker", "-c", "1")
    depot.script(
        "from datetime import timedelta\n"
        "from django.utils import timezone\n"
        "from django_celery_results.models import TaskResult\n"
        "add.delay(1, 1).get(timeout=20)\n"
        "TaskResult.objects.update(date_done=timezone.now() - timedelta(days=3))\n"
        "depot.celery_app.send_task('celery.backend_cleanup')\n"
    )

    wait_for(
        lambda: depot.rows("SELECT task_name FROM django_celery_results_taskresult") == [("celery.backend_cleanup",)],
        what=f"the cleanup, {depot.directory}",
    )
