"""Celery's tasks in a Pyramid application, run by ``pscheduler``; and ``pscheduler`` for a project without Pyramid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import ROOT, wait_for

APPLICATION = """
from pyramid.config import Configurator

def main(global_config, **settings):
    config = Configurator(settings=settings)
    config.include("compat")
    config.configure_celery(global_config["__file__"])
    return config.make_wsgi_app()
"""
TASKS = """
import os
from compat.pyramid import celery_app

@celery_app.task
def tick(word):
    with open(os.environ["TICKS"], "a") as ticks:
        ticks.write(word)
"""
INI = """
[app:main]
use = call:application:main
scheduler.combined = false
scheduler.queues = celery
scheduler.worker.processes = 1

[celery]
imports = shop_tasks

[celerybeat:ticking]
task = shop_tasks.tick
type = timedelta
schedule = {"seconds": 1}
args = ["t"]
"""
PROJECT = """
from compat import Celery

app = Celery("project", broker="sqla+sqlite:///jobs.sqlite", pyramid_scheduler={"ledger.url": "sqlite:///own.sqlite"})

@app.task
def add(x, y):
    return x + y
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "TICKS": str(tmp_path / "ticks"),
    }


@pytest.fixture
def fleet(tmp_path: Path, environ: dict[str, str]) -> Iterator[Path]:
    """The Pyramid application's workers; the file into which its task writes."""
    for name, text in (("application.py", APPLICATION), ("shop_tasks.py", TASKS), ("shop.ini", INI)):
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "pyramid_scheduler", "shop.ini"]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=log, stderr=log)
    yield tmp_path / "ticks"
    running.terminate()
    running.wait(20)


def test_the_beat_section_of_the_ini_file_ticks_in_tasks_that_only_the_imports_setting_names(fleet: Path) -> None:
    assert wait_for(lambda: fleet.exists() and fleet.read_text().startswith("tt"), what="two ticks")


def test_pscheduler_answers_for_a_project_without_pyramid(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "project.py").write_text(PROJECT)
    (tmp_path / "operate.ini").write_text("[app:main]\nuse = call:compat.pyramid:operate\ncelery = project\n")

    def pscheduler(*words: str) -> str:
        command = [sys.executable, "-m", "pyramid_scheduler", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "version" in pscheduler("db", "upgrade", "operate.ini")
    code = "import project; project.add.delay(1, 2)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environ, check=True)
    assert json.loads(pscheduler("queues", "--json", "operate.ini")) == {"celery": 1}
    assert (tmp_path / "own.sqlite").exists()


def test_an_app_of_the_real_celery_is_refused_with_the_way_out(tmp_path: Path, environ: dict[str, str]) -> None:
    pytest.importorskip("celery")
    (tmp_path / "project.py").write_text(PROJECT.replace("from compat", "from celery"))
    (tmp_path / "operate.ini").write_text("[app:main]\nuse = call:compat.pyramid:operate\ncelery = project\n")

    command = [sys.executable, "-m", "pyramid_scheduler", "status", "operate.ini"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "no app of compat: pscheduler migrate --write" in done.stderr
    assert "Traceback" not in done.stderr
