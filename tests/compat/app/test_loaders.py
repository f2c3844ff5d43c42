"""Where settings and task modules come from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compat import Celery, signals
from compat.contrib.testing.app import TestApp
from compat.contrib.testing.worker import start_worker
from compat.loaders import get_loader_cls
from compat.loaders.app import AppLoader
from compat.loaders.base import autodiscover_tasks, find_related_module
from compat.loaders.default import Loader
from compat.utils.imports import NotAPackage


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package ``loadershop`` with tasks, and another, ``loaderempty``, without."""
    for name in ("loadershop", "loaderempty"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "loadershop" / "tasks.py").write_text("LOADED = True\n")
    (tmp_path / "loadershop" / "jobs.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("loadershop", "loaderempty"))]:
        del sys.modules[name]


def test_a_loader_is_had_by_alias_or_name() -> None:
    assert get_loader_cls("app") is AppLoader
    assert get_loader_cls("default") is Loader
    assert get_loader_cls("celery.loaders.app:AppLoader") is AppLoader


def test_the_tasks_of_packages_are_found_where_there_are_some(app: Any, shop: Path) -> None:
    app.loader.autodiscover_tasks(["loadershop", "loaderempty"])

    assert app.loader.task_modules == {"loadershop.tasks"}


def test_an_error_inside_a_task_module_is_not_passed_over(shop: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        autodiscover_tasks(["loadershop"], "jobs")
    assert [module.__name__ for module in autodiscover_tasks(["loadershop"])] == ["loadershop.tasks"]


def test_tasks_are_looked_for_beside_what_is_no_module(shop: Path) -> None:
    assert find_related_module("loadershop.Config", "tasks").LOADED
    assert find_related_module("loadershop", None).__name__ == "loadershop"


def test_a_package_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        find_related_module("no_such_package", "tasks")


def test_discovery_waits_until_tasks_are_needed_unless_forced(app: Any, shop: Path) -> None:
    app.autodiscover_tasks(lambda: ["loadershop"])
    assert "loadershop.tasks" not in sys.modules
    app.loader.import_default_modules()
    assert "loadershop.tasks" in sys.modules
    del sys.modules["loadershop.tasks"]
    app.autodiscover_tasks(["loadershop"], force=True)

    assert "loadershop.tasks" in sys.modules


def test_what_imports_and_include_name_is_imported_for_a_worker(shop: Path) -> None:
    made = Celery("x", set_as_current=False, include=["loadershop.tasks"])
    made.conf.imports = ("loaderempty",)
    made.loader.init_worker()

    assert {"loadershop.tasks", "loaderempty"} <= sys.modules.keys()
    assert made.loader.task_modules == {"loadershop.tasks", "loaderempty"}


def test_a_receiver_that_fails_before_the_imports_stops_them(app: Any) -> None:
    def failing(**kwargs: Any) -> None:
        raise LookupError("mine")

    signals.import_modules.connect(failing)
    try:
        with pytest.raises(LookupError, match="mine"):
            app.loader.import_default_modules()
    finally:
        signals.import_modules.disconnect(failing)


def test_the_default_loader_reads_the_module_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_CONFIG_MODULE", "tests.compat.app.celeryconfig_sample")
    loader = Loader(app=None)

    assert loader.conf["task_acks_late"] is True
    assert loader.configured


def test_the_default_loader_does_without_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_CONFIG_MODULE", "no_such_celeryconfig")
    loader = Loader(app=None)

    assert "task_acks_late" not in loader.conf
    assert not loader.configured
    with pytest.raises(ImportError):
        loader.read_configuration(fail_silently=False)


def test_a_configuration_named_like_a_file_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_CONFIG_MODULE", "celeryconfig_sample.py")
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    with pytest.raises(NotAPackage, match="Did you mean 'celeryconfig_sample'"):
        Loader(app=None).read_configuration(fail_silently=False)


def test_the_loader_is_told_when_workers_and_processes_start() -> None:
    told: list[str] = []

    class Telling(AppLoader):
        def on_worker_init(self) -> None:
            told.append("worker")

        def on_worker_process_init(self) -> None:
            told.append("process")

        def on_worker_shutdown(self) -> None:
            told.append("end")

    loader = Celery("x", set_as_current=False, loader=Telling).loader
    for call in (loader.init_worker, loader.init_worker, loader.init_worker_process, loader.shutdown_worker):
        call()

    assert told == ["worker", "process", "end"]


@pytest.mark.parametrize(("pool", "told"), [("prefork", ["process"]), ("solo", [])])
def test_a_worker_in_this_process_is_its_own_process_where_it_was_to_have_some(pool: str, told: list[str]) -> None:
    heard: list[str] = []

    class Telling(AppLoader):
        def on_worker_process_init(self) -> None:
            heard.append("process")

    app = TestApp(set_as_current=False, loader=Telling)
    with start_worker(app, pool=pool, perform_ping_check=False):
        assert heard == told
    app.close()
