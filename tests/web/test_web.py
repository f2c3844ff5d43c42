"""Pyramid's side: inclusion, directives, decorators, what a job runs in, when combined mode starts."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction
from pyramid import testing
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationConflictError, ConfigurationError
from pyramid.request import Request
from pyramid.threadlocal import get_current_registry, get_current_request, manager
from webtest import TestApp

import pyramid_scheduler
from pyramid_scheduler.api import Event, EventType
from tests import servers
from tests.fleet import Fleet, at_once, wait_for
from tests.shop import jobs

SEEN: list[Any] = []


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {"scheduler.broker.url": f"sqlite:///{tmp_path}/jobs.sqlite"}


@pytest.fixture
def config(settings: dict[str, str]) -> Iterator[Configurator]:
    config = testing.setUp(settings=settings)
    SEEN.clear()
    yield config
    scheduler = getattr(config.registry, "scheduler", None)
    if scheduler is not None:
        scheduler.shutdown(1)
    testing.tearDown()


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("pscheduler")}


def test_including_configures_and_starts_nothing(config: Configurator) -> None:
    config.include("pyramid_scheduler")
    assert isinstance(config.registry.scheduler, pyramid_scheduler.Scheduler)
    assert threads() == set()


def test_pyramid_includes_in_the_settings_works(settings: dict[str, str]) -> None:
    config = Configurator(settings={**settings, "pyramid.includes": "pyramid_scheduler"})
    app = config.make_wsgi_app()
    assert app.registry.scheduler.settings.allow == ("tests",)
    assert threads() == set()


@pytest.mark.parametrize("setting", [{"scheduler.combind": "1"}, {"scheduler.history": "soon"}])
def test_a_wrong_setting_is_a_configuration_error(setting: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"scheduler\."):
        Configurator(settings={**setting, "pyramid.includes": "pyramid_scheduler"})


def see() -> None:
    request = get_current_request()
    SEEN.append((request, get_current_registry(), request.registry, request.tm))


def see_the_registry() -> None:
    """Asked for in the two ways that Pyramid has."""
    SEEN.extend([get_current_registry(), manager.get()["registry"]])


class Ledgered:
    """A data manager that says what became of its transaction."""

    def __init__(self, *, conflicts: int = 0) -> None:
        self.conflicts = conflicts
        self.transaction_manager = None

    def tpc_begin(self, txn: Any) -> None: ...
    def commit(self, txn: Any) -> None: ...

    def tpc_vote(self, txn: Any) -> None:
        if len([s for s in SEEN if s == "tried"]) <= self.conflicts:
            raise transaction.interfaces.TransientError("conflict")

    def tpc_finish(self, txn: Any) -> None:
        SEEN.append("committed")

    def tpc_abort(self, txn: Any) -> None: ...

    def abort(self, txn: Any) -> None:
        SEEN.append("aborted")

    def sortKey(self) -> str:
        return "x"

    def should_retry(self, error: Any) -> bool:
        return isinstance(error, transaction.interfaces.TransientError)


def join(fail: bool = False, conflicts: int = 0) -> None:
    SEEN.append("tried")
    get_current_request().tm.get().join(Ledgered(conflicts=conflicts))
    if fail:
        raise ValueError("no")


def finish() -> None:
    get_current_request().add_finished_callback(lambda request: SEEN.append("finished"))


def start(config: Configurator) -> Any:
    config.include("pyramid_scheduler")
    config.commit()
    config.registry.scheduler.start_consumer()
    return config.registry.scheduler


def test_each_job_gets_a_request_of_its_own_with_its_registry_and_transaction(config: Configurator) -> None:
    scheduler = start(config)
    scheduler.add_async_job(see)
    scheduler.add_async_job(see)
    wait_for(lambda: len(SEEN) == 2)
    (one, registry, same, tm), (other, *_, other_tm) = SEEN
    assert one is not other
    assert tm is not other_tm
    assert registry is same is config.registry
    assert one.job.task == "tests.web.test_web.see"


def test_a_job_that_asks_for_no_request_is_spared_one_and_has_its_registry_all_the_same(config: Configurator) -> None:
    config.set_root_factory(lambda request: SEEN.append("root"))
    scheduler = start(config)
    scheduler.add_async_job(see_the_registry)
    wait_for(lambda: len(SEEN) == 2)
    assert [config.registry, config.registry] == SEEN
    scheduler.add_async_job(see)
    wait_for(lambda: len(SEEN) == 4)
    assert SEEN[2] == "root"


def test_a_request_that_cannot_be_made_is_the_failure_of_the_job_that_asked_for_it(config: Configurator) -> None:
    config.set_root_factory(lambda request: 1 / 0)
    scheduler = start(config)
    job = scheduler.add_async_job(see)
    wait_for(lambda: scheduler.get_job(job))
    assert scheduler.get_job(job).state == "failed"
    scheduler.add_async_job(see_the_registry)
    wait_for(lambda: [config.registry, config.registry] == SEEN)


def test_a_job_s_transaction_commits_when_it_returns_and_aborts_when_it_raises(config: Configurator) -> None:
    scheduler = start(config)
    scheduler.add_async_job(join)
    wait_for(lambda: SEEN == ["tried", "committed"])
    SEEN.clear()
    scheduler.add_async_job(join, kwargs={"fail": True})
    wait_for(lambda: SEEN == ["tried", "aborted"])


def test_a_conflict_of_transactions_calls_the_job_again_at_once(config: Configurator) -> None:
    scheduler = start(config)
    job = scheduler.add_async_job(join, kwargs={"conflicts": 1})
    wait_for(lambda: SEEN[-1:] == ["committed"])
    assert SEEN.count("tried") == 2
    wait_for(lambda: scheduler.get_job(job))
    assert scheduler.get_job(job).state == "succeeded"


def test_a_job_s_finished_callbacks_are_called(config: Configurator) -> None:
    start(config).add_async_job(finish)
    wait_for(lambda: SEEN == ["finished"])


def test_pyramid_tm_s_request_method_gives_the_same_transaction(config: Configurator) -> None:
    config.include("pyramid_tm")
    scheduler = start(config)
    scheduler.add_async_job(join)
    wait_for(lambda: SEEN == ["tried", "committed"])


def test_subscribers_are_told_of_events(config: Configurator) -> None:
    heard: list[Event] = []
    config.add_subscriber(heard.append, Event)
    start(config).add_async_job(see)
    wait_for(lambda: [e.type for e in heard] == [EventType.JOB_CREATED, EventType.JOB_EXECUTED, EventType.JOB_REMOVED])


def test_declared_jobs_are_stored_changed_and_removed_with_the_configuration(config: Configurator) -> None:
    config.include("pyramid_scheduler")
    config.add_interval_job("tests.shop.jobs.tick", id="one", hours=1)
    config.add_cron_job(jobs.tick, id="two", hour=3, timezone="Europe/Berlin")
    config.commit()
    scheduler = config.registry.scheduler
    scheduler.start_consumer()
    scheduler.add_interval_job(jobs.tick, id="at run time", hours=1)
    wait_for(lambda: {job.id for job in scheduler.get_jobs()} == {"one", "two", "at run time"})
    scheduler.shutdown(1)
    del scheduler.declared["two"]
    scheduler.declare("interval", jobs.tick, id="one", hours=2)
    scheduler.start_consumer()
    stored = {job.id: job.trigger for job in scheduler.get_jobs()}
    assert stored == {"one": "every 2h", "at run time": "every 1h"}


def test_two_declarations_of_one_id_conflict(settings: dict[str, str]) -> None:
    config = Configurator(settings=settings)
    config.include("pyramid_scheduler")
    config.add_interval_job(jobs.tick, id="one", hours=1)
    config.add_cron_job(jobs.mark, id="one", hour=1)
    with pytest.raises(ConfigurationConflictError):
        config.commit()


def test_a_wrong_declaration_is_a_configuration_error(config: Configurator) -> None:
    config.include("pyramid_scheduler")
    with pytest.raises(ConfigurationError, match="positive interval"):
        config.add_interval_job(jobs.tick, id="one")


def test_declarations_can_be_introspected(settings: dict[str, str]) -> None:
    config = Configurator(settings=settings)
    config.include("pyramid_scheduler")
    config.add_interval_job(jobs.tick, id="one", hours=1)
    config.add_scheduler_task(jobs.mark, name="mark")
    config.commit()
    introspector = config.registry.introspector
    [job] = introspector.get_category("scheduler jobs")
    assert job["introspectable"]["options"] == {"hours": 1}
    [task] = introspector.get_category("scheduler tasks")
    assert task["introspectable"]["func"] is jobs.mark


def test_decorated_functions_are_found_by_a_scan(settings: dict[str, str]) -> None:
    from tests.web import decorated

    config = Configurator(settings=settings)
    config.include("pyramid_scheduler")
    config.scan("tests.web.decorated")
    config.commit()
    scheduler = config.registry.scheduler
    assert set(scheduler.declared) == {"sweep", "report"}
    assert scheduler.tasks.name_for(decorated.greet) == "greet"
    assert decorated.greet("x") == "hello x"


def test_a_registered_task_goes_by_its_name(config: Configurator) -> None:
    config.include("pyramid_scheduler")
    config.add_scheduler_task(see, name="look")
    config.commit()
    scheduler = config.registry.scheduler
    scheduler.add_async_job(see)
    scheduler.add_async_job("look")
    scheduler.start_consumer()
    wait_for(lambda: len(SEEN) == 2)
    assert {request.job.task for request, *_ in SEEN} == {"look"}


def test_a_view_creates_jobs(settings: dict[str, str]) -> None:
    config = Configurator(settings={**settings, "scheduler.combined": "false"})
    config.include("pyramid_scheduler")
    config.add_route("home", "/")
    config.add_view(
        lambda request: {"job": request.registry.scheduler.add_async_job(jobs.mark, args=("x",))},
        route_name="home",
        renderer="json",
    )
    app = config.make_wsgi_app()
    assert TestApp(app).get("/").json["job"]
    assert app.registry.scheduler.broker.size("default") == 1
    assert not app.registry.scheduler.is_consuming


def test_combined_mode_does_not_start_under_webtest(settings: dict[str, str]) -> None:
    config = Configurator(settings=settings)
    config.include("pyramid_scheduler")
    app = config.make_wsgi_app()
    TestApp(app).get("/nowhere", status=404)
    assert not app.registry.scheduler.is_consuming


def ask(app: Any) -> int:
    """As a server does."""
    request = Request.blank("/nowhere", environ={"REMOTE_ADDR": "127.0.0.1"})
    return int(request.get_response(app).status_code)


def test_where_combined_mode_cannot_start_the_site_is_served_and_a_later_request_starts_it(tmp_path: Path) -> None:
    with servers.fresh_database("postgresql", tmp_path) as url:
        config = Configurator(settings={"scheduler.broker.url": url})
        config.include("pyramid_scheduler")
        app = config.make_wsgi_app()
        scheduler = app.registry.scheduler
        assert ask(app) == 404
        assert not scheduler.is_consuming
        scheduler.wiring.make_tables()
        wait_for(lambda: ask(app) == 404 and scheduler.is_consuming)
        scheduler.shutdown(1)


def test_of_many_first_requests_one_starts_combined_mode(settings: dict[str, str]) -> None:
    config = Configurator(settings=settings)
    config.include("pyramid_scheduler")
    app = config.make_wsgi_app()
    assert at_once([lambda: ask(app)] * 8) == [404] * 8
    keepers = [thread for thread in threading.enumerate() if thread.name == "pscheduler-timekeeper"]
    app.registry.scheduler.shutdown(1)
    assert len(keepers) == 1


def test_pshell_starts_nothing_and_pserve_does(make_fleet: Any, tmp_path: Path) -> None:
    fleet: Fleet = make_fleet(f"sqlite:///{tmp_path}/jobs.sqlite", **{"scheduler.combined": "true"})
    script = "import threading; print(sorted(t.name for t in threading.enumerate()), registry.scheduler.is_consuming)"
    shell = subprocess.run(
        [sys.executable, "-c", "from pyramid.scripts.pshell import main; main()", "-p", "python", str(fleet.ini)],
        input=script, cwd=fleet.directory, env=fleet.environ, text=True, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert "['MainThread'] False" in shell.stdout, shell.stdout + shell.stderr
    fleet.start("serve", str(fleet.ini), module="tests.shop.serving", ready="Serving on")
    with fleet.scheduler() as scheduler:
        scheduler.add_async_job(jobs.mark, args=("served",))
        wait_for(lambda: fleet.ends()["served"] == 1)


@pytest.mark.parametrize("words", [(), ("--preload",)], ids=["loaded in the children", "preloaded"])
def test_under_gunicorn_each_serving_process_runs_jobs_and_the_parent_does_not(
    make_fleet: Any, tmp_path: Path, words: tuple[str, ...]
) -> None:
    fleet: Fleet = make_fleet(f"sqlite:///{tmp_path}/jobs.sqlite", **{"scheduler.combined": "true"})
    bind = ("--bind", f"unix:{tmp_path}/socket", "--workers", "2", "--paste", str(fleet.ini))
    parent = fleet.start(*bind, *words, module="gunicorn", ready="Listening at")
    with fleet.scheduler() as scheduler:
        wait_for(lambda: sum(w.role == "worker" for w in scheduler.ledger.presence.find()) == 2)
        for n in range(20):
            scheduler.add_async_job(jobs.mark, args=(f"job{n}",))
        wait_for(lambda: len(fleet.ends()) == 20)
    assert str(parent.pid) not in {line[2] for line in fleet.lines("effects")}
    assert set(fleet.ends().values()) == {1}
