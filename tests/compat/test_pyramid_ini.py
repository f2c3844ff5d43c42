"""What may stand in an ini file, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.request import Request

from compat import Celery
from compat.exceptions import ImproperlyConfigured
from compat.pyramid import celery_app, configure
from compat.schedules import schedule

Configured = Callable[..., Any]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    """An app, configured from an ini file of this text."""

    def make(text: str, **overrides: str) -> Any:
        path = tmp_path / "shop.ini"
        path.write_text(text)
        app = Celery("ini", set_as_current=False)
        configure(app, str(path), overrides)
        return app

    return make


def test_every_type_of_setting_is_read(configured: Configured) -> None:
    conf = configured(
        "[celery]\nworker_concurrency = 3\nbroker_connection_timeout = 1.5\ntask_track_started = yes\n"
        'timezone = Asia/Tokyo\nresult_backend_transport_options = {"a": 1}\naccept_content = json pickle\n'
    ).conf

    assert (conf.worker_concurrency, conf.broker_connection_timeout, conf.task_track_started) == (3, 1.5, True)
    assert (conf.timezone, conf.result_backend_transport_options) == ("Asia/Tokyo", {"a": 1})
    assert conf.accept_content == ["json", "pickle"]


def test_old_names_are_read_with_their_types(configured: Configured) -> None:
    conf = configured("[celery]\nBROKER_URL = memory://\nCELERYD_CONCURRENCY = 3\nCELERY_ACKS_LATE = true\n").conf

    assert (conf.broker_url, conf.worker_concurrency, conf.task_acks_late) == ("memory://", 3, True)


def test_settings_of_the_applications_own_stay_texts(configured: Configured) -> None:
    assert configured("[celery]\nshop_limit = 3\n").conf.shop_limit == "3"


def test_variables_are_filled_in(configured: Configured) -> None:
    conf = configured("[celery]\nbroker_url = redis://%(host)s/0\n", host="elsewhere").conf

    assert conf.broker_url == "redis://elsewhere/0"


@pytest.mark.parametrize(
    ("lines", "interval"),
    [
        ('type = timedelta\nschedule = {"minutes": 5}', timedelta(minutes=5)),
        ("type = integer\nschedule = 30", timedelta(seconds=30)),
        ("schedule = 30", timedelta(seconds=30)),
    ],
)
def test_a_periodic_task_may_have_an_interval(configured: Configured, lines: str, interval: timedelta) -> None:
    app = configured(f'[celery]\n[celerybeat:often]\ntask = shop.count\n{lines}\nkwargs = {{"x": 1}}\n')
    entry = app.conf.beat_schedule["often"]

    assert (entry["task"], entry["kwargs"]) == ("shop.count", {"x": 1})
    assert schedule(entry["schedule"]).run_every == interval


@pytest.mark.parametrize(
    "lines",
    [
        "schedule = 5",
        "task = t",
        "task = t\nschedule = often",
        "task = t\ntype = lunar\nschedule = 5",
        'task = t\ntype = crontab\nschedule = {"minute": 99}',
        "task = t\nschedule = 5\nargs = [1",
    ],
    ids=["no task", "no schedule", "no JSON", "no type", "no minute", "no list"],
)
def test_a_periodic_task_that_cannot_be_read_is_named(configured: Configured, lines: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"\[celerybeat:broken\] cannot be read"):
        configured(f"[celery]\n[celerybeat:broken]\n{lines}\n")


def test_a_module_may_have_the_settings_instead(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "celeryconfig.py").write_text("task_acks_late = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert configured("[celery]\nuse_celeryconfig = true\ntask_acks_late = false\n").conf.task_acks_late is True


def test_a_request_has_the_app() -> None:
    with Configurator(settings={"scheduler.broker.url": "memory://", "scheduler.combined": "false"}) as config:
        config.include("compat")
    request: Any = Request.blank("/")
    request.registry = config.registry
    from pyramid.request import apply_request_extensions

    apply_request_extensions(request)
    assert request.celery is celery_app
