"""Imports, rewritten; all else to the letter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import libcst as cst
import pytest

from pyramid_scheduler.migrate.inspecting import inspect_code
from pyramid_scheduler.migrate.rewriting import rewrite


def rewritten(text: str) -> str:
    return rewrite(cst.parse_module(text)).code


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from celery import Celery\n", "from compat import Celery\n"),
        (
            "from  celery.schedules  import  crontab as c  # nightly\n",
            "from  compat.schedules  import  crontab as c  # nightly\n",
        ),
        ("import celery\n", "import compat as celery\n"),
        ("import celery as c\n", "import compat as c\n"),
        ("import celery.result as r\n", "import compat.result as r\n"),
        ("import os, celery, sys\n", "import os, compat as celery, sys\n"),
        ("import celery.result\n", "import compat as celery\nimport compat.result\n"),
        ("import celery.result; x = 1\n", "import compat as celery; import compat.result; x = 1\n"),
        ("if x: import celery.result\n", "if x: import compat as celery; import compat.result\n"),
        ("from celery.signals import *\n", "from compat.signals import *\n"),
        ("from celery import schedules\n", "from compat import schedules\n"),
        ("from pyramid_celery import celery_app as app\n", "from compat.pyramid import celery_app as app\n"),
        (
            "# above\nfrom celery import Celery, security, chain  # behind\n",
            "# above\nfrom compat import Celery, chain\nfrom celery import security  # behind\n",
        ),
        (
            "from celery import (  # why\n    security,\n    chord,  # a chord\n)\n",
            "from compat import (  # why\n    chord,  # a chord\n)\nfrom celery import (  # why\n    security,\n)\n",
        ),
    ],
)
def test_an_import_is_rewritten_and_its_form_kept(before: str, after: str) -> None:
    assert rewritten(before) == after
    assert rewritten(after) == after


@pytest.mark.parametrize(
    "text",
    [
        "from celery import security\n",
        "import celery.security\n",
        "from .celery import app\n",
        "from proj.celery import app\n",
        "import celery_once, django_celery_beat\n",
        "from kombu import Queue\n",
        "x = 'from celery import Celery'  # from celery import Celery\n",
        "from celery.schedules import moonphase\n",
    ],
)
def test_what_compat_does_not_have_and_what_is_not_celerys_is_left(text: str) -> None:
    assert rewritten(text) == text


def test_an_import_deep_in_a_function_keeps_its_place() -> None:
    text = "def f():\n\ttry:\n\t\timport celery.result  # late\n\texcept ImportError:\n\t\tpass\n"

    assert rewritten(text) == (
        "def f():\n\ttry:\n\t\timport compat as celery\n\t\timport compat.result  # late\n"
        "\texcept ImportError:\n\t\tpass\n"
    )


def changed_lines(directory: Path, write: bool = True) -> list[tuple[str, str]]:
    """(before, after) of each line that ``--write`` changes, where no line comes or goes."""
    before = {path: path.read_bytes().splitlines() for path in directory.rglob("*.py")}
    inspect_code([directory], write=write)
    after = {path: path.read_bytes().splitlines() for path in before}
    assert all(len(before[path]) == len(after[path]) for path in before)
    return [
        (old.decode(), new.decode())
        for path in before
        for old, new in zip(before[path], after[path], strict=True)
        if old != new
    ]


def test_only_the_imports_of_the_example_project_change(bookshop: Path) -> None:
    changed = changed_lines(bookshop)

    assert len(changed) == 12
    assert all(new == old.replace(" celery", " compat", 1) for old, new in changed)
    assert all(old.startswith("from celery") for old, _ in changed)


def test_nothing_is_written_unless_it_is_asked_for(bookshop: Path) -> None:
    assert changed_lines(bookshop, write=False) == []


def test_a_second_time_nothing_is_left_to_rewrite(parcels: Path) -> None:
    first = inspect_code([parcels], write=True).rewritten
    files = {path: path.read_bytes() for path in parcels.rglob("*.py")}

    assert {path.name for path in first} == {
        "base.py",
        "celery.py",
        "monitor.py",
        "settings.py",
        "stamps.py",
        "tasks.py",
    }
    assert list(inspect_code([parcels], write=True).rewritten) == []
    assert files == {path: path.read_bytes() for path in parcels.rglob("*.py")}


def test_comments_brackets_and_line_ends_of_a_large_project_stay(parcels: Path) -> None:
    windows = parcels / "windows.py"
    windows.write_bytes("from celery import Celery  # é\r\n".encode())
    inspect_code([parcels], write=True)

    assert windows.read_bytes() == "from compat import Celery  # é\r\n".encode()
    assert "    chord,  # for the reports\n" in (parcels / "tracking/tasks.py").read_text()
    assert (parcels / "parcels/celery.py").read_text().splitlines()[4:6] == [
        "from compat import Celery, bootsteps",
        "from celery import security  # what is below needs all of it",
    ]


def test_modules_of_a_rewritten_project_import_without_celery(parcels: Path) -> None:
    inspect_code([parcels], write=True)
    code = (
        "import sys; sys.modules['celery'] = None\n"
        "import parcels.routers, parcels.settings, parcels.base, tracking.stamps\n"
        "sig = tracking.stamps.StampingVisitor\n"
        "assert parcels.base.Task.__module__ == 'compat.app.task'\n"
    )
    (parcels / "parcels/__init__.py").write_text("")  # the app itself needs Django, and its keys Celery

    done = subprocess.run([sys.executable, "-c", code], cwd=parcels, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
