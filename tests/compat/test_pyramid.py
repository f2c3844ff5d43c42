"""Within Pyramid: one pipeline, and the ini sections of pyramid_celery."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationExecutionError

from compat import Celery
from compat.billiard import pool
from compat.bootsteps import StartStopStep
from compat.exceptions import ImproperlyConfigured
from compat.pyramid import celery_app, configure
from compat.schedules import crontab

INI = """
[DEFAULT]
root = example

[app:main]
use = egg:example

[celery]
broker_url = redis://localhost/1
imports = %(root)s.tasks
    %(root)s.more
task_acks_late = false
worker_prefetch_multiplier = 2
CELERY_TASK_SERIALIZER = json

[celery:broker_transport_options]
visibility_timeout = 18000
priority_steps = [0, 5]

[celerybeat:nightly]
task = example.tasks.clean
type = crontab
schedule = {"hour": 0, "minute": 30}
args = [1]

[celeryroute:example.tasks.clean]
queue = slow
"""


@pytest.fixture
def ini(tmp_path: Path) -> str:
    path = tmp_path / "example.ini"
    path.write_text(INI.replace("CELERY_TASK_SERIALIZER = json\n", ""))
    return str(path)


def test_values_have_the_type_of_their_setting(ini: str) -> None:
    app: Any = Celery("ini", set_as_current=False)

    configure(app, ini)

    assert app.conf.task_acks_late is False
    assert app.conf.worker_prefetch_multiplier == 2
    assert app.conf.imports == ["example.tasks", "example.more"]


def test_sections_become_options_schedule_and_routes(ini: str) -> None:
    app: Any = Celery("ini", set_as_current=False)

    configure(app, ini)

    assert app.conf.broker_transport_options == {"visibility_timeout": 18000, "priority_steps": [0, 5]}
    assert app.conf.beat_schedule["nightly"]["schedule"] == crontab(hour=0, minute=30)
    assert app.conf.task_routes == {"example.tasks.clean": {"queue": "slow"}}


def test_a_value_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.ini"
    path.write_text("[celery]\nworker_prefetch_multiplier = many\n")

    with pytest.raises(ImproperlyConfigured, match="worker_prefetch_multiplier = 'many'"):
        configure(Celery("ini", set_as_current=False), str(path))


def test_including_it_makes_the_registrys_scheduler_the_apps() -> None:
    with Configurator(settings={"scheduler.broker.url": "memory://", "scheduler.combined": "false"}) as config:
        config.include("compat")

    registry = config.registry
    assert registry["celery.app"].pipeline.scheduler is registry.scheduler
    assert registry["celery.app"].conf["PYRAMID_REGISTRY"] is registry


def test_bootsteps_which_pscheduler_would_not_run_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celery_app, "steps", {"worker": {StartStopStep}})
    config = Configurator(settings={"scheduler.broker.url": "memory://", "scheduler.combined": "false"})
    config.include("compat")

    with pytest.raises(ConfigurationExecutionError, match=r"registry\.scheduler\.at_start"):
        config.commit()


def test_what_is_wrapped_around_the_workloop_is_called_as_a_worker_of_pyramid_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = []
    monkeypatch.setitem(sys.modules, "billiard.pool", pool)
    monkeypatch.setattr(pool.Worker, "workloop", ended.append)
    monkeypatch.setattr(pool.Worker, "_do_exit", lambda worker, *args: ended.append(worker))
    with Configurator(settings={"scheduler.broker.url": "memory://", "scheduler.combined": "false"}) as config:
        config.include("compat")

    config.registry.scheduler.occasions.exit.come()

    assert [type(worker) for worker in ended] == [pool.Worker, pool.Worker]
