"""A Django project as Celery's guide has it, under Celery and with its imports rewritten; run by real workers."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat import Celery, signals
from compat.exceptions import FixupWarning
from compat.fixups.django import DjangoFixup
from compat.local import Proxy
from pyramid_scheduler.migrate.inspecting import inspect_code
from tests import servers
from tests.compat.project import run_python
from tests.fleet import ROOT, end, wait_for

pytest.importorskip("django")
PROJECT = Path(__file__).parent / "django_project"
POOLS = pytest.mark.parametrize("pool", ["prefork", pytest.param("threads", marks=pytest.mark.peer)])


class Bakery:
    """A copy of the project, its database, and its workers. ``library`` is what its imports say."""

    def __init__(self, library: str, directory: Path, environ: dict[str, str]) -> None:
        self.library, self.directory, self.environ = library, directory, environ
        self.workers: list[subprocess.Popen[bytes]] = []

    def manage(self, *words: str) -> str:
        return self._run("manage.py", *words)

    def script(self, text: str) -> str:
        """Run it in the project's directory, but from a file that lies elsewhere, as console scripts do."""
        path = self.directory.parent / "script.py"
        path.write_text(text)
        return self._run(str(path))

    def sell(self, what: str) -> Any:
        return json.loads(self.manage("sell", what).splitlines()[-1])

    def call(self, task: str, *args: object) -> None:
        """By its name, from this process, which knows nothing of Django."""
        app = Celery("till", broker=self.environ["BAKERY_BROKER"], set_as_current=False, fixups=[])
        with app:
            app.send_task(task, args, queue=self.environ["BAKERY_QUEUE"])

    def command(self, *words: str) -> str:
        return self._run("-m", self.library, "-A", "bakery", *words)

    def _run(self, *words: str) -> str:
        return run_python(self.directory, self.environ, *words)

    def start(self, *before: str, pool: str = "prefork", **environ: str) -> None:
        """A worker that runs one task at a time."""
        words = [self.library, "-A", "bakery", *before, "worker", "-l", "INFO", "-c", "1", "-P", pool]
        with self.log.open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=self.directory,
                env={**self.environ, **environ},
                stdout=output,
                stderr=output,
            )
        self.workers.append(worker)

    def end(self) -> None:
        for worker in self.workers:
            end(worker)

    @property
    def log(self) -> Path:
        return self.directory / "worker.log"

    def notes(self, what: str) -> list[list[Any]]:
        path = self.directory / "notes"
        notes = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [said for kind, *said in notes if kind == what]

    def wait_for(self, what: str, *said: object) -> None:
        wait_for(lambda: list(said) in self.notes(what), what=f"{what} {said}, {self.log}")

    def loaves(self) -> list[str]:
        """The orders that were committed."""
        with sqlite3.connect(self.directory / "bakery.sqlite") as database:
            return [loaf for (loaf,) in database.execute("SELECT loaf FROM orders_order ORDER BY id")]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's, its tables made: they are the same whatever its imports say."""
    directory = tmp_path_factory.mktemp("database") / "project"
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "BAKERY_DIRECTORY": str(directory),
        "BAKERY_BROKER": "memory://",
        "BAKERY_QUEUE": "bakery",
    }
    shutil.copytree(PROJECT, directory, ignore=shutil.ignore_patterns("__pycache__"))
    inspect_code([directory], write=True)
    run_python(directory, environ, "manage.py", "migrate", "-v", "0", "--run-syncdb", "--skip-checks")
    return directory / "bakery.sqlite"


@pytest.fixture
def open_bakery(tmp_path: Path, database: Path) -> Iterator[Callable[[str], Bakery]]:
    servers.require("redis")
    opened: list[Bakery] = []

    def make(library: str) -> Bakery:
        if library == "celery":
            pytest.importorskip("celery")
        directory = tmp_path / "project"
        shutil.copytree(PROJECT, directory, ignore=shutil.ignore_patterns("__pycache__"))
        if library == "compat":
            assert len(inspect_code([directory], write=True).rewritten) == 3
        with servers.fresh_broker("redis", tmp_path) as url:
            environ = {
                **os.environ,
                "PYTHONPATH": str(ROOT),  # the project itself is found in the working directory
                "BAKERY_DIRECTORY": str(directory),
                "BAKERY_BROKER": url,
                "BAKERY_QUEUE": servers.unique("bakery"),
            }
        shutil.copy(database, directory)
        opened.append(Bakery(library, directory, environ))
        return opened[-1]

    yield make
    for bakery in opened:
        bakery.end()


@pytest.fixture(params=[pytest.param("celery", marks=pytest.mark.peer), "compat"])
def bakery(request: pytest.FixtureRequest, open_bakery: Callable[[str], Bakery]) -> Bakery:
    return open_bakery(request.param)


@pytest.fixture
def ours(open_bakery: Callable[[str], Bakery]) -> Bakery:
    """Where we do better than Celery."""
    return open_bakery("compat")


# The app


def test_the_packages_of_the_installed_applications_are_looked_through(bakery: Bakery) -> None:
    assert bakery.sell("packages") == ["deliveries.tasks", "orders.tasks"]


def test_the_project_is_found_in_the_working_directory(bakery: Bakery) -> None:
    text = (
        f"from {bakery.library} import Celery\n"
        "import os, sys\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'bakery.settings'\n"
        "app = Celery('bakery')\n"
        "import bakery.settings\n"
        "print(sys.path[0])\n"
    )

    assert bakery.script(text).strip() == str(bakery.directory)


def test_a_thread_that_has_made_no_app_finds_the_project_s(bakery: Bakery) -> None:
    assert bakery.sell("wheat") == ["bakery", "bakery"]


def test_the_settings_in_django_s_module_are_read_with_their_prefix(bakery: Bakery) -> None:
    assert bakery.sell("zone") == ["Europe/Lisbon", "UTC", "Europe/Lisbon"]


def test_the_report_and_the_shell_know_the_tasks(bakery: Bakery) -> None:
    assert "deliveries" in bakery.command("report")


# Transactions


def test_a_task_is_sent_after_the_commit_and_not_after_a_rollback(bakery: Bakery) -> None:
    pk, returned = bakery.sell("rye")

    bakery.start()

    assert returned == [None, None]
    wait_for(lambda: len(bakery.notes("baked")) == 2, what=f"two runs, {bakery.log}")
    assert bakery.notes("baked") == [[pk, 1], [pk, 1]]


# The worker


@POOLS
def test_each_task_begins_without_a_connection(bakery: Bakery, pool: str) -> None:
    bakery.start(pool=pool)

    for loaf in ("rye", "wheat"):
        bakery.call("orders.tasks.take", loaf)
        bakery.wait_for("taken", loaf)

    assert bakery.notes("open") == [["rye", False], ["wheat", False]]


def test_a_connection_is_kept_for_as_many_tasks_as_db_reuse_max_says(bakery: Bakery) -> None:
    bakery.start(BAKERY_DB_REUSE_MAX="100")

    for loaf in ("rye", "wheat"):
        bakery.call("orders.tasks.take", loaf)
        bakery.wait_for("taken", loaf)

    assert bakery.notes("open")[-1] == ["wheat", True]


def test_a_connection_that_broke_under_a_task_is_not_the_next_one_s(bakery: Bakery) -> None:
    bakery.start()
    bakery.call("orders.tasks.lose_the_connection", "rye")
    bakery.wait_for("lost", "rye")

    bakery.call("orders.tasks.take", "wheat")

    bakery.wait_for("taken", "wheat")
    assert bakery.loaves() == ["rye", "wheat"]


def test_a_task_that_another_one_runs_eagerly_shares_its_connection_and_its_transaction(bakery: Bakery) -> None:
    bakery.start()

    bakery.call("orders.tasks.take_three", "rye")

    bakery.wait_for("atomic", True, True)
    assert bakery.notes("open") == [["rye after it", True], ["rye within", True]]
    wait_for(lambda: bakery.loaves() == ["rye", "rye after it", "rye within"], what="the commit")


def test_a_transaction_around_a_task_is_left_to_who_began_it(ours: Bakery) -> None:
    assert ours.sell("barley") == [[True, True], True]
    assert ours.loaves() == ["barley"]


@POOLS
def test_a_transaction_that_a_task_left_open_does_not_swallow_the_next_one_s_rows(ours: Bakery, pool: str) -> None:
    ours.start(pool=pool)
    ours.call("orders.tasks.take_half", "rye")
    ours.wait_for("half", "rye")

    ours.call("orders.tasks.take", "wheat")

    ours.wait_for("taken", "wheat")
    assert ours.loaves() == ["wheat"]
    assert "orders.tasks.take_half left a transaction open on database 'default'" in ours.log.read_text()


def test_the_checks_run_before_the_tasks_are_imported_and_what_they_find_is_logged(ours: Bakery) -> None:
    ours.start()
    ours.command("call", "deliveries.tasks.deliver", "-a", "[1]")

    ours.wait_for("delivered", 1)

    assert (ours.directory / "ledger.sqlite").exists(), "a setting of pyramid_scheduler's, among Django's"
    assert ours.notes("checked")
    assert "(orders.E001) the oven is cold" in ours.log.read_text()


@pytest.mark.parametrize("said", [["--skip-checks"], []], ids=["an option", "the environment"])
def test_the_checks_are_left_out_where_that_is_said(bakery: Bakery, said: list[str]) -> None:
    bakery.start(*said, **({} if said else {"SKIP_CHECKS": "1"}))
    bakery.call("deliveries.tasks.deliver", 1)

    bakery.wait_for("delivered", 1)

    assert bakery.notes("checked") == []


@pytest.fixture
def same_process_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a fixup changes for the whole process is put back."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("compat._state.default_app", None)


# Several apps, other fixups, and none


@pytest.mark.usefixtures("same_process_afterwards")
def test_a_worker_of_another_app_is_none_of_a_fixup_s_business(mocker: MockerFixture) -> None:
    ours, theirs = (Celery(name, set_as_current=False, fixups=[]) for name in ("ours", "theirs"))
    fixup = DjangoFixup(ours).install()
    fixup.worker_fixup = mocker.Mock()

    signals.worker_init.send(sender=SimpleNamespace(app=theirs))
    assert fixup.worker_fixup.install.call_count == 0

    signals.worker_init.send(sender=SimpleNamespace(app=Proxy(lambda: ours)))
    assert fixup.worker_fixup.install.call_count == 1


@pytest.mark.usefixtures("same_process_afterwards")
def test_a_worker_that_does_not_say_who_it_is_is_warned_of(mocker: MockerFixture) -> None:
    fixup = DjangoFixup(Celery("ours", set_as_current=False, fixups=[])).install()
    fixup.worker_fixup = mocker.Mock()

    with pytest.warns(FixupWarning, match="without a sender"):
        signals.worker_init.send(sender=None)


class Shelf:
    """A fixup that knows packages."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def autodiscover_tasks(self) -> list[str]:
        return ["compat.contrib.testing"]


def test_without_packages_those_of_any_fixup_are_taken() -> None:
    app = Celery("shelves", set_as_current=False, fixups=[Shelf, f"{__name__}:Shelf"])
    app.autodiscover_tasks()

    app.loader.import_default_modules()

    assert app.loader.task_modules == {"compat.contrib.testing.tasks"}


def test_without_packages_and_without_a_fixup_there_is_nothing_to_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    app = Celery("bare", set_as_current=False)
    app.autodiscover_tasks()

    app.loader.import_default_modules()

    assert app.loader.task_modules == set()
    assert app._fixups == [None]


def test_an_app_that_wants_no_fixups_gets_none_in_a_django_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "no.such.settings")
    app = Celery("bare", set_as_current=False, fixups=[])

    assert not hasattr(app.Task, "delay_on_commit")


def test_where_django_is_not_installed_a_warning_says_so_and_the_app_goes_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "bakery.settings")
    monkeypatch.setitem(sys.modules, "django", None)

    with pytest.warns(FixupWarning, match="Install Django"):
        app = Celery("bare", set_as_current=False)

    assert app.tasks


@pytest.mark.usefixtures("same_process_afterwards")
def test_the_base_class_of_an_app_s_own_is_left_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "bakery.settings")

    theirs = Celery("theirs", set_as_current=False, task_cls="compat.contrib.abortable:AbortableTask")
    django_s = Celery("django's", set_as_current=False)

    assert not hasattr(theirs.Task, "delay_on_commit")
    assert hasattr(django_s.Task, "delay_on_commit")
