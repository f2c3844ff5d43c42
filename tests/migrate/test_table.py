"""The tables of Celery's names, held against the façade and against Celery."""

from __future__ import annotations

import importlib
import inspect
import operator
import pkgutil
import warnings
from typing import Any

import pytest
from kombu import Producer

from compat import Celery
from compat.app.autoretry import DEFAULTS as RETRYING
from compat.app.conf import _TO_NEW_KEY
from compat.app.defaults import DEFAULTS
from compat.app.messages import as_task_v2
from compat.bootsteps import GIVEN
from compat.contrib.django.task import DjangoTask
from compat.exceptions import SoftTimeLimitExceeded
from pyramid_scheduler.migrate.table import Judgement, Kind, Verdict, judge, old_settings, table

HERE = (Verdict.SAME, Verdict.DIFFERS)


def here(kind: Kind) -> list[str]:
    """The names that the façade is said to have, without values and calls."""
    return sorted({name.partition("=")[0].partition("(")[0] for name in table(kind).names(*HERE)})


def find(name: str) -> Any:
    """The module or attribute of that dotted name; raises LookupError."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        above, _, last = name.rpartition(".")
        if not above:
            raise LookupError(name) from None
        try:
            return getattr(find(above), last)
        except AttributeError:
            raise LookupError(name) from None


def parameters(*calls: Any) -> set[str]:
    return {name for call in calls for name in inspect.signature(call).parameters}


@pytest.fixture(scope="module")
def app() -> Any:
    return Celery("table", broker="memory://", set_as_current=False)


def is_in_compat(name: str) -> bool:
    try:
        find(f"compat{name.removeprefix('celery')}")
    except LookupError:
        return False
    return True


def test_what_is_said_to_be_there_imports_from_compat() -> None:
    assert [name for name in here(Kind.IMPORT) if not is_in_compat(name)] == []


def test_what_is_said_to_be_missing_has_not_come_in_the_meantime() -> None:
    assert [name for name in table(Kind.IMPORT).names(Verdict.UNSUPPORTED) if is_in_compat(name)] == []


def test_every_setting_that_the_facade_knows_is_judged_and_no_other() -> None:
    judged = {name.partition("=")[0] for name in table(Kind.SETTING).names(*Verdict)}

    assert judged == set(DEFAULTS)


def test_every_old_name_of_a_setting_is_known() -> None:
    assert set(_TO_NEW_KEY.items()) <= set(old_settings().items())


def test_attributes_of_the_app_are_there(app: Any) -> None:
    for name in here(Kind.APP):
        operator.attrgetter(name)(app)


def test_the_attribute_of_the_app_that_is_called_unsupported_fails(app: Any) -> None:
    with pytest.raises(NotImplementedError):
        app.setup_security()
    assert {"setup_security"} == set(table(Kind.APP).names(Verdict.UNSUPPORTED))


def test_steps_of_celerys_that_others_may_require_stay_what_they_are_in_texts() -> None:
    assert set(table(Kind.TEXT).names(Verdict.SAME)) == GIVEN
    assert judge(Kind.TEXT, "celery.worker.components:Timer") == Judgement(Verdict.SAME)
    assert judge(Kind.TEXT, "celery.worker.components:Consumer") != Judgement(Verdict.SAME)


def test_options_of_tasks_are_attributes_or_taken_by_the_decorator(app: Any) -> None:
    task = app.task(here, name="one")
    taken = parameters(app._task_decorator, app._task_from_fun) | set(task._get_exec_options()) | set(RETRYING)
    taken |= set(vars(DjangoTask))

    assert [name for name in here(Kind.OPTION) if not hasattr(task, name) and name not in taken] == []


def test_options_of_calls_are_taken_on_the_way_to_the_broker(app: Any) -> None:
    ways = (app.Task.apply_async, app.Task.retry, app.send_task, as_task_v2, app.amqp.send_task_message)

    assert set(here(Kind.CALL)) <= parameters(*ways, Producer.publish) | {"reply_to"}


@pytest.mark.filterwarnings("ignore")
def test_no_public_name_of_celerys_is_left_out() -> None:
    celery = pytest.importorskip("celery")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules = {found.name for found in pkgutil.walk_packages(celery.__path__, "celery.", onerror=lambda name: None)}
    passed_by = (
        "celery.__main__",
        "celery.bin",
        "celery.app.builtins",
    )
    unknown = [name for name in modules if table(Kind.IMPORT).find(name) in (None, "celery")]

    assert [name for name in unknown if not name.startswith(passed_by)] == []
    real = celery.Celery("real", set_as_current=False)
    attributes = {name for name in dir(real.Task) if not name.startswith("_")}
    assert attributes - set(table(Kind.OPTION).names(*Verdict)) <= {"add_around", "annotate", "bind", "from_config"}
    assert {name for name in dir(type(real)) if not name.startswith(("_", "IS_")) and not name.endswith("_cls")} - set(
        table(Kind.APP).names(*Verdict)
    ) <= {"SYSTEM"}
    assert parameters(real.Task.apply_async, real.Task.retry, real.send_task) - {"self", "options"} <= set(
        table(Kind.CALL).names(*Verdict)
    )


def test_a_name_below_one_that_differs_differs_too() -> None:
    judgement = judge(Kind.IMPORT, "celery.worker.consumer.Consumer")

    assert judgement is not None
    assert judgement.verdict is Verdict.DIFFERS


def test_a_name_that_nobody_listed_is_unsupported_where_it_is_imported_and_no_setting_where_it_is_assigned() -> None:
    imported = judge(Kind.IMPORT, "celery.schedules.moonphase")

    assert imported is not None
    assert imported.verdict is Verdict.UNSUPPORTED
    assert judge(Kind.SETTING, "colour_of_the_door") is None


def test_every_way_out_is_a_sentence_to_read_and_every_error_class_is_the_facades() -> None:
    for kind in (Kind.IMPORT, Kind.PACKAGE, Kind.APP, Kind.OPTION, Kind.CALL, Kind.SETTING):
        for name in table(kind).names(Verdict.DIFFERS, Verdict.UNSUPPORTED):
            judgement = judge(kind, name)
            assert judgement is not None
            assert len(judgement.way_out) > 10, name
    assert find("compat.exceptions.SoftTimeLimitExceeded") is SoftTimeLimitExceeded
