"""What a supervisor reads of an ini file, and what it does not import for that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyramid_scheduler.cli.application import Application
from tests.compat.project import run_python
from tests.fleet import ROOT

AWAY = "use = call:no.such.module:main\n"
WHOLE = f"[app:main]\n{AWAY}scheduler.worker.processes = 3\n"
NAMED = f"[DEFAULT]\ncount = 3\n[app:shop]\n{AWAY}scheduler.worker.processes = %(count)s\n"
GIVEN = f"[app:main]\n{AWAY}scheduler.worker.processes = %(count)s\n"
SHOP = "use = call:tests.shop:main\nscheduler.worker.processes = 3\n"
UPON = f"[app:base]\n{SHOP}[app:main]\nuse = base\nscheduler.id = here\n"
LOOK = "import sys; from pyramid_scheduler.cli.main import Application; Application(sys.argv[1]).settings();" + (
    "print([name for name in ('pyramid', 'pkg_resources', 'sqlalchemy', 'tests.shop') if name in sys.modules])"
)


@pytest.mark.parametrize(
    ("text", "name", "overrides"),
    [
        pytest.param(WHOLE, "", (), id="one section"),
        pytest.param(NAMED, "#shop", (), id="a name and a default"),
        pytest.param(GIVEN, "", (("count", "3"),), id="a value for it"),
        pytest.param(UPON, "", (), id="a section upon another"),
    ],
)
def test_the_settings_are_those_of_the_application(
    text: str, name: str, overrides: tuple[tuple[str, str], ...], tmp_path: Path
) -> None:
    (tmp_path / "production.ini").write_text(text)
    settings = Application(f"{tmp_path}/production.ini{name}", None, overrides).settings()
    assert settings["scheduler.worker.processes"] == "3"


def test_a_supervisor_that_reads_them_imports_neither_the_application_nor_what_it_is_made_with(tmp_path: Path) -> None:
    (tmp_path / "production.ini").write_text(f"[app:main]\n{SHOP}")
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert run_python(tmp_path, environ, "-c", LOOK, "production.ini").strip() == "[]"
