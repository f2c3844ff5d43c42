"""The app: its settings, its tasks, its proxies."""

from __future__ import annotations

import pickle
import types
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat import Celery, _state, current_app, current_task, shared_task
from compat._state import set_default_app
from compat.app.base import PendingConfiguration
from compat.app.outcomes import traceback_clear
from compat.app.trace import reset_worker_optimizations, setup_worker_optimizations
from compat.apps.beat import Beat
from compat.apps.beat import logger as beat_logger
from compat.apps.worker import Worker
from compat.apps.worker import logger as worker_logger
from compat.concurrency import asynpool
from compat.exceptions import DuplicateTaskNameWarning, ImproperlyConfigured, NotRegistered
from compat.local import PromiseProxy


def test_a_setting_is_known_under_its_old_and_its_new_name(app: Any) -> None:
    app.conf.task_always_eager = True

    assert app.conf["CELERY_ALWAYS_EAGER"] is True
    assert app.conf.CELERY_ALWAYS_EAGER is True


def test_worker_and_beat_are_where_programs_that_start_them_look_for_them(app: Any) -> None:
    assert issubclass(app.Worker, Worker)
    assert issubclass(app.Beat, Beat)
    assert Beat(app=app, loglevel="info").app is app
    assert {loggers.name for loggers in (worker_logger, beat_logger)} == {"celery.apps.worker", "celery.beat"}


def test_a_program_may_wish_for_more_time_for_processes_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asynpool, "PROC_ALIVE_TIMEOUT", asynpool.PROC_ALIVE_TIMEOUT * 20)


def test_an_unknown_keyword_of_the_app_is_a_setting() -> None:
    assert Celery("x", set_as_current=False, task_acks_late=True).conf.task_acks_late is True


def test_mixed_old_and_new_names_are_refused_with_the_renames() -> None:
    made = Celery("x", set_as_current=False)
    made.config_from_object({"task_serializer": "json", "task_acks_late": True, "CELERY_RESULT_SERIALIZER": "json"})

    with pytest.raises(ImproperlyConfigured, match=r"CELERY_RESULT_SERIALIZER +-> result_serializer"):
        made.conf.task_serializer  # noqa: B018


def test_a_namespace_is_stripped_from_the_names_of_a_module() -> None:
    module = types.SimpleNamespace(CELERY_TASK_ACKS_LATE=True, OTHER=1)
    made = Celery("x", set_as_current=False)
    made.config_from_object(module, namespace="CELERY")

    assert made.conf.task_acks_late is True


def test_the_environment_wins_over_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere/1")

    assert Celery("x", broker="memory://", set_as_current=False).conf.broker_url == "redis://elsewhere/1"


def test_an_unset_environment_variable_for_the_configuration_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_CONFIG", raising=False)

    with pytest.raises(ImproperlyConfigured, match="NO_SUCH_CONFIG"):
        Celery("x", set_as_current=False).config_from_envvar("NO_SUCH_CONFIG")


def test_a_default_that_is_set_before_the_configuration_is_read_does_not_read_it() -> None:
    made = Celery("x", set_as_current=False)

    assert made.conf.setdefault("task_acks_late", True) is True
    assert not made.configured
    assert made.conf.setdefault("task_acks_late", False) is True


def test_beat_of_an_app_is_its_timekeeping_command(app: Any, mocker: MockerFixture) -> None:
    start = mocker.patch.object(app, "start", return_value=0)

    assert app.Beat(loglevel=20, logfile="beat.log", max_interval=5).run() == 0
    start.assert_called_once_with(["beat", "--loglevel", "INFO", "--logfile", "beat.log"])


def test_a_worker_of_an_app_runs_its_tasks_until_it_is_stopped(app: Any) -> None:
    @app.task
    def stop_the_worker() -> None:
        worker.stop()

    worker = app.Worker(hostname="here@host", concurrency=1)
    stop_the_worker.delay()
    worker.start()

    assert worker.app is app
    assert app.Worker.__name__ == "Worker"


def test_the_configuration_is_read_when_it_is_needed_and_no_sooner() -> None:
    made = Celery("x", set_as_current=False)
    made.config_from_object("no.such.module")  # a typo shows at the first access

    with pytest.raises(ModuleNotFoundError):
        made.conf.task_serializer  # noqa: B018


def test_a_task_is_made_when_it_is_first_used(app: Any) -> None:
    @app.task
    def add(x: int, y: int) -> int:
        return x + y

    assert type(add) is PromiseProxy
    assert not add.__evaluated__()
    assert add.name == f"{__name__}.add"
    assert add.__evaluated__()
    assert app.tasks[add.name] is add._get_current_object()


def test_a_task_of_the_main_module_has_the_name_of_the_app() -> None:
    assert Celery("shop", set_as_current=False).gen_task_name("add", "__main__") == "shop.add"


def test_a_missing_task_is_a_key_error_that_says_so(app: Any) -> None:
    with pytest.raises(NotRegistered, match="nope"):
        app.tasks["nope"]


def test_the_first_of_two_callables_of_one_name_stays_with_a_warning(app: Any) -> None:
    first = app.task(name="same")(one)
    first.name  # noqa: B018
    with pytest.warns(DuplicateTaskNameWarning, match="same"):
        second = app.task(name="same", lazy=False)(two)

    assert second() == 1


def one() -> int:
    return 1


def two() -> int:
    return 2


def test_a_shared_task_belongs_to_the_app_that_is_current(app: Any) -> None:
    @shared_task(name="shared.task")
    def task() -> None: ...

    assert task.app is app
    other = Celery("other", broker="memory://", set_as_current=False)
    other.set_current()
    assert task.app is other


def test_a_shared_task_is_not_shared_twice() -> None:
    with pytest.raises(TypeError, match="more than once"):
        shared_task(shared_task(one))


def test_without_autofinalize_a_task_cannot_be_used_before_finalize() -> None:
    made = Celery("x", autofinalize=False, set_as_current=False)
    task = made.task(one)

    with pytest.raises(RuntimeError, match="not finalized"):
        task.name  # noqa: B018
    assert "unbound" in repr(task)
    made.finalize()
    assert task() == 1


def test_a_base_class_is_made_then_bound_then_wrapped_for_retries(app: Any) -> None:
    order: list[str] = []

    class Base(app.Task):  # type: ignore[misc,name-defined]
        autoretry_for = (KeyError,)

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            order.append("made")
            return super().__new__(cls, *args, **kwargs)

        @classmethod
        def on_bound(cls, app: Any) -> None:
            order.append("bound")

    task = app.task(base=Base, name="ordered")(one)

    assert task._orig_run() == 1
    assert order[:2] == ["made", "bound"]


def test_annotations_change_attributes_and_wrap_methods(app: Any) -> None:
    seen: list[Any] = []
    app.conf.task_annotations = {
        "*": {"rate_limit": "7/s"},
        "annotated": {"@on_failure": lambda original: lambda *args: seen.append(args)},
    }
    task = app.task(name="annotated")(one)

    assert task.rate_limit == "7/s"
    task.on_failure("exc", "id")
    assert seen


def test_an_unknown_option_of_a_task_is_an_attribute(app: Any) -> None:
    assert app.task(name="typo", ignore_results=True)(one).ignore_results is True


def test_the_current_task_is_falsy_outside_of_a_task(app: Any) -> None:
    assert not current_task
    assert current_app._get_current_object() is app


def test_an_app_comes_back_from_a_pickle_with_its_changes() -> None:
    made = Celery("pickled", broker="memory://", set_as_current=False)
    made.conf.task_acks_late = True
    again = pickle.loads(pickle.dumps(made))

    assert (again.main, again.conf.task_acks_late, again.conf.broker_url) == ("pickled", True, "memory://")


def test_a_task_comes_back_from_a_pickle_as_the_registered_one(app: Any) -> None:
    task = app.task(name="pickled.task")(one)
    module = type(task._get_current_object())
    module.__module__ = __name__

    assert pickle.loads(pickle.dumps(task._get_current_object())) is app.tasks["pickled.task"]


def test_a_periodic_task_lands_in_the_beat_schedule_under_its_signature(app: Any) -> None:
    task = app.task(name="ticking")(one)
    key = app.add_periodic_task(10.0, task.s(), name="every ten")

    assert key == "every ten"
    assert app.conf.beat_schedule["every ten"]["task"] == "ticking"


def _one() -> int:
    return 1


def test_a_test_that_runs_tasks_as_a_worker_would_makes_its_app_that_of_every_thread() -> None:
    before = _state.default_app
    made = Celery("optimized", set_as_current=False)
    made.task(_one, name="optimized.one")
    try:
        setup_worker_optimizations(made, "one@here")
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: current_app.tasks["optimized.one"].app).result() is made
        reset_worker_optimizations(made)
    finally:
        set_default_app(before)
        _state._set_current_app(None)


def test_settings_that_are_not_read_yet_can_be_told_by_their_class() -> None:
    app = Celery("unread", set_as_current=False)

    assert isinstance(app.conf.changes, PendingConfiguration)


def test_what_an_app_computes_once_may_be_forgotten_before_it_was_computed() -> None:
    made = Celery("x", set_as_current=False)

    del made.timezone
    made.conf.timezone = "Europe/Oslo"
    assert str(made.timezone) == "Europe/Oslo"
    del made.timezone
    made.conf.timezone = "Asia/Tokyo"
    assert str(made.timezone) == "Asia/Tokyo"
    with pytest.raises(AttributeError):
        del made.nothing_of_that_name


def test_no_packages_are_discovered_where_none_are_said(mocker: MockerFixture) -> None:
    made = Celery("x", set_as_current=False)
    discover = mocker.patch.object(made.loader, "autodiscover_tasks")

    made.autodiscover_tasks([], force=True)

    discover.assert_called_once_with([], "tasks")


@pytest.mark.parametrize("given", ["the error", "nothing", "its text"])
def test_frames_of_an_error_are_cleared_whatever_is_said_of_it(given: str) -> None:
    def fail() -> None:
        held = object()
        raise KeyError(held)

    try:
        fail()
    except KeyError as error:
        traceback_clear(*{"the error": [error], "nothing": [], "its text": [str(error)]}[given])
        frames = error.__traceback__
        assert frames is not None
        assert frames.tb_next is not None
        assert frames.tb_next.tb_frame.f_locals == {}
