"""What is found in code bases, where, and how it is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyramid_scheduler.migrate.finding import Finding
from pyramid_scheduler.migrate.inspecting import inspect_code
from pyramid_scheduler.migrate.table import Kind, Verdict


def found_in(directory: Path) -> dict[tuple[str, int, str], Finding]:
    inspection = inspect_code([directory])
    assert inspection.unreadable == []
    return {(one.file.relative_to(directory).as_posix(), one.line, one.label): one for one in inspection.findings}


def scan_text(directory: Path, text: str, name: str = "module.py") -> list[tuple[int, str, str]]:
    path = directory / name
    path.write_text(text)
    return [(one.line, one.verdict.value, one.label) for one in inspect_code([path]).findings]


def test_nothing_in_the_example_project_is_unsupported(bookshop: Path) -> None:
    inspection = inspect_code([bookshop])

    assert inspection.count(Verdict.UNSUPPORTED) == 0
    assert {one.label for one in inspection.findings if one.verdict is Verdict.DIFFERS} == {
        "app.start",
        "celery.signals.worker_ready",
        "setting accept_content",
        "setting beat_schedule",
        "setting worker_prefetch_multiplier",
        "task option acks_late",
        "task option time_limit",
    }


def test_what_is_unsupported_in_a_large_project_is_found(parcels: Path) -> None:
    found = found_in(parcels)

    assert [place for place, one in found.items() if one.verdict is Verdict.UNSUPPORTED] == [
        ("parcels/celery.py", 5, "celery.security"),
        ("parcels/celery.py", 46, "celery.security"),
    ]


@pytest.mark.parametrize(
    ("file", "line", "label"),
    [
        ("parcels/celery.py", 19, "celery.bootsteps.ConsumerStep"),
        ("parcels/celery.py", 29, "app.steps"),
        ("parcels/celery.py", 14, "setting task_reject_on_worker_lost"),
        ("parcels/celery.py", 15, "setting worker_state_db"),
        ("parcels/base.py", 15, "task option reject_on_worker_lost"),
        ("parcels/settings.py", 8, "django_celery_beat"),
        ("parcels/settings.py", 16, "setting CELERY_WORKER_PREFETCH_MULTIPLIER (worker_prefetch_multiplier)"),
        ("tracking/monitor.py", 17, "app.control.revoke(terminate)"),
        ("tracking/monitor.py", 18, "app.control.rate_limit"),
        ("tracking/monitor.py", 19, "app.control.revoke"),
        ("tracking/checks.py", 7, '"celery.contrib.pytest"'),
        ("tracking/tasks.py", 16, "task option acks_late"),
        ("tracking/tasks.py", 40, "call option serializer"),
        ("production.ini", 5, "pyramid_celery"),
        ("production.ini", 13, "setting worker_state_db"),
        ("production.ini", 19, "setting [celerybeat:nightly] (beat_schedule)"),
    ],
)
def test_what_differs_in_a_large_project_is_found(parcels: Path, file: str, line: int, label: str) -> None:
    assert found_in(parcels)[(file, line, label)].verdict is Verdict.DIFFERS


@pytest.mark.parametrize(
    ("file", "line", "label"),
    [
        ("parcels/base.py", 24, "task option on_failure"),
        ("parcels/celery.py", 13, "app.autodiscover_tasks"),
        ("parcels/settings.py", 17, "setting CELERYD_MAX_TASKS_PER_CHILD (worker_max_tasks_per_child)"),
        ("tracking/stamps.py", 4, "celery.canvas.StampingVisitor"),
        ("tracking/stamps.py", 14, "celery.canvas.maybe_signature"),
        ("tracking/tasks.py", 21, "call option countdown"),
        ("tracking/tasks.py", 50, "call option headers"),
        ("tracking/monitor.py", 12, "app.events.Receiver"),
        ("production.ini", 14, "setting BROKER_POOL_LIMIT (broker_pool_limit)"),
    ],
)
def test_what_is_the_same_in_a_large_project_is_found(parcels: Path, file: str, line: int, label: str) -> None:
    assert found_in(parcels)[(file, line, label)].verdict is Verdict.SAME


def test_what_celery_has_for_django_is_the_same(tmp_path: Path) -> None:
    text = (
        "from celery import Celery\nfrom celery.contrib.django.task import DjangoTask\n"
        "from celery.fixups.django import DjangoFixup\n\n"
        "app = Celery()\napp.config_from_object('django.conf:settings', namespace='CELERY')\n"
        "app.autodiscover_tasks()\n\n\n"
        "@app.task\ndef bake(): ...\n\n\nbake.delay_on_commit()\n"
    )

    found = scan_text(tmp_path, text)

    assert {verdict for _, verdict, _ in found} == {"same"}
    assert (2, "same", "celery.contrib.django.task.DjangoTask") in found
    assert (7, "same", "app.autodiscover_tasks") in found


def test_an_option_that_celery_does_not_have_is_pointed_out(parcels: Path) -> None:
    assert "not Celery's" in found_in(parcels)[("tracking/tasks.py", 16, "task option ignore_results")].way_out


def test_a_value_that_is_what_compat_does_anyway_is_the_same(tmp_path: Path) -> None:
    text = "task_serializer = 'json'\nworker_pool = 'prefork'\nworker_pool = 'gevent'\n"

    assert scan_text(tmp_path, text, "celeryconfig.py") == [
        (1, "same", "setting task_serializer"),
        (2, "same", "setting worker_pool"),
        (3, "differs", "setting worker_pool"),
    ]


def test_flask_s_dictionary_of_settings_is_read(tmp_path: Path) -> None:
    text = (
        "from celery import Celery\nCELERY = dict(broker_url='redis://', worker_direct=True)\ncelery_app = Celery()\n"
    )

    assert (2, "unsupported", "setting worker_direct") in scan_text(tmp_path, text)


def test_a_class_of_settings_is_read_where_it_is_named(tmp_path: Path) -> None:
    text = (
        "from celery import Celery\n\n\nclass Config:\n    worker_direct = True\n    colour = 'red'\n\n\n"
        "app = Celery()\napp.config_from_object(Config)\n"
    )

    assert (5, "unsupported", "setting worker_direct") in scan_text(tmp_path, text)


def test_other_libraries_decorators_and_settings_are_left_alone(tmp_path: Path) -> None:
    text = (
        "from huey import SqliteHuey\nfrom celery import shared_task\n\nhuey = SqliteHuey()\nworker_direct = True\n\n\n"
        "@huey.task(retries=2)\ndef one(self):\n    self.retry(countdown=1)\n"
    )

    assert scan_text(tmp_path, text) == [(2, "same", "celery.shared_task")]


@pytest.mark.parametrize(
    "text",
    [
        *("celery.scheduler_url", "celery.result_url", "celery.result.url", "celery.nothing.of_the.kind"),
        *("celery.ping", "celery.app.trace", "celery.beat", "celery.worker.strategy"),
    ],
)
def test_settings_and_loggers_and_tasks_whose_names_begin_with_celerys_are_left_alone(
    tmp_path: Path, text: str
) -> None:
    assert scan_text(tmp_path, f"said = {text!r}\n") == []


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("celery.utils.log", "differs"),
        ("celery.beat:PersistentScheduler", "differs"),
        ("celery.app.task.Task.apply_async", "differs"),
        ("celery.beat:Moon", "unsupported"),
        ("celery.backends.mongodb:MongoBackend", "unsupported"),
    ],
)
def test_modules_of_celerys_and_what_is_in_them_are_found_in_texts(tmp_path: Path, text: str, verdict: str) -> None:
    assert scan_text(tmp_path, f"said = {text!r}\n") == [(1, verdict, f'"{text}"')]


def test_an_app_is_known_in_the_files_that_import_it(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "app.py").write_text("import celery\n\nworkshop = celery.Celery('shop')\n")
    (tmp_path / "shop" / "tasks.py").write_text(
        "from .app import workshop as w\n\n\n@w.task(bind=True, Strategy=1)\ndef one(me):\n    me.retry(exc=None)\n"
    )

    found = {(one.kind, one.name) for one in inspect_code([tmp_path]).findings if one.file.name == "tasks.py"}

    assert found == {
        (Kind.APP, "task"),
        (Kind.OPTION, "bind"),
        (Kind.OPTION, "Strategy"),
        (Kind.OPTION, "retry"),
        (Kind.CALL, "exc"),
    }


def test_a_module_imported_whole_shows_what_is_used_of_it(tmp_path: Path) -> None:
    text = "import celery.beat\nfrom celery import security as s\n\nprint(celery.beat.Scheduler, s.key, celery.moon)\n"

    assert scan_text(tmp_path, text) == [
        (1, "same", "celery.beat"),
        (2, "unsupported", "celery.security"),
        (4, "differs", "celery.beat.Scheduler"),
        (4, "unsupported", "celery.moon"),
        (4, "unsupported", "celery.security"),
    ]


def test_a_file_that_is_no_python_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("import celery\nprint 'two'\n")
    (tmp_path / "latin.py").write_bytes(b"import celery  # \xe9\n")
    (tmp_path / "new.py").write_text("import celery\n")

    inspection = inspect_code([tmp_path])

    assert {one.file.name for one in inspection.unreadable} == {"old.py", "latin.py"}
    assert [one.file.name for one in inspection.findings] == ["new.py"]


def test_other_peoples_code_below_the_directory_is_passed_by(tmp_path: Path) -> None:
    for place in (".venv/lib", "node_modules", "shop"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "one.py").write_text("import celery\n")

    assert [one.file.parent.name for one in inspect_code([tmp_path]).findings] == ["shop"]
