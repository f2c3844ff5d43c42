"""What is installed with the project is what it imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("pyramid_scheduler", "compat")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Imported where an application has them.
GUESTS = {"click", "django", "pytest", "tblib"}
#: Found by their entry points, or by SQLAlchemy.
PLUGINS = {"plaster-pastedeploy", "psycopg", "pymysql"}
#: Comes with another one's extra.
WITHIN = {"hiredis": "redis"}


def imported() -> set[str]:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {name for path in paths for node in ast.walk(ast.parse(path.read_text())) for name in names(node)}


def names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        modules = [node.module or ""]
    else:
        return []
    return [distribution(module) for module in modules if module.partition(".")[0] not in sys.stdlib_module_names]


def distribution(module: str) -> str:
    parts = module.split(".")
    return WITHIN.get(parts[0]) or ".".join(parts[:2] if parts[0] == "zope" else parts[:1])


def declared(requirements: list[str]) -> set[str]:
    return {
        re.split(r"[\[<>=;\s]", requirement)[0] for requirement in requirements if "sys_platform" not in requirement
    }


def test_what_is_imported_is_declared_and_nothing_else() -> None:
    extras = [one for name in ("redis", "postgresql", "mysql", "migrate") for one in extra(name)]
    expected = declared([*PROJECT["dependencies"], *extras]) - PLUGINS
    assert imported() - GUESTS - set(PACKAGES) == expected


@pytest.mark.parametrize("name", ["redis", "postgresql", "mysql", "migrate"])
def test_all_names_every_extra_that_a_user_wants(name: str) -> None:
    assert name in "".join(extra("all"))


def extra(name: str) -> list[str]:
    found: list[str] = PROJECT["optional-dependencies"][name]
    return found
