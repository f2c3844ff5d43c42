"""Imports run down, wings do not know each other, and a foreign library has one door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyramid_scheduler.api

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pyramid_scheduler"
WINGS = ("broker", "schedule", "ledger", "work")
ABOVE = ("web", "dashboard", "cli", "testing")

#: library → the places that may import it (prefixes of module paths below the package)
DOORS = {
    "kombu": ("broker/",),
    "amqp": ("broker/",),
    "redis": ("broker/transports/redis",),
    "hiredis": ("broker/transports/redis",),
    "apscheduler": ("schedule/",),
    "sqlalchemy": ("database/", "ledger/", "broker/transports/sql"),
    "alembic": ("ledger/",),
    "itsdangerous": ("broker/",),
    "pyramid": ("web/", "cli/", "__init__", "testing"),
    "transaction": ("web/",),
    "venusian": ("web/",),
    "hupper": ("cli/",),
    "plaster": ("cli/",),
    "libcst": ("migrate/",),
    "celery": (),
}
#: the façade's; a project need not have it
DJANGO_DOORS = ("fixups/", "contrib/django/")


def imports(path: Path, functions: bool = True) -> Iterator[str]:
    """Every module that ``path`` imports, absolute; what only a type checker sees does not count."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in _running_code(ast.parse(path.read_text()), functions):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _running_code(node: ast.AST, functions: bool = True) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if isinstance(child, ast.FunctionDef) and not functions:
            continue
        yield child
        yield from _running_code(child, functions)


def floor_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_own_wing_and_the_floor_below(path: Path) -> None:
    here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    ours = {floor_of(name) for name in imports(path) if name.startswith("pyramid_scheduler.")}
    if here == "core" or here == "database":
        assert ours <= {"core", "database"}
    elif here in WINGS:
        assert ours <= {"core", "database", here}
    elif here not in (*ABOVE, "__init__", "__main__"):
        assert ours.isdisjoint(ABOVE)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_foreign_library_comes_in_through_its_own_door(path: Path) -> None:
    here = path.relative_to(PACKAGE).as_posix()
    for name in imports(path):
        doors = DOORS.get(name.partition(".")[0])
        if doors is not None:
            assert here.startswith(doors), f"{here} imports {name}; its door is {doors}"


def test_core_needs_nothing_but_the_standard_library() -> None:
    import sys

    for path in (PACKAGE / "core").glob("*.py"):
        for name in imports(path):
            top = name.partition(".")[0]
            assert top in sys.stdlib_module_names or top == "pyramid_scheduler", f"{path.name} imports {name}"


def test_nobody_imports_the_celery_facade() -> None:
    for path in modules():
        assert not any(name.partition(".")[0] == "compat" for name in imports(path)), path


def test_the_facade_imports_public_names_only() -> None:
    public = {"pyramid_scheduler", "pyramid_scheduler.api"}
    public |= {f"pyramid_scheduler.{name}" for name in pyramid_scheduler.__all__}
    public |= {f"pyramid_scheduler.api.{name}" for name in pyramid_scheduler.api.__all__}
    for path in (ROOT / "compat").rglob("*.py"):
        inner = {name for name in imports(path) if name.partition(".")[0] == "pyramid_scheduler"} - public
        assert not inner, path


def test_the_facade_does_not_import_celery() -> None:
    for path in (ROOT / "compat").rglob("*.py"):
        assert not any(name.partition(".")[0] in ("celery", "billiard") for name in imports(path)), path


def test_the_facade_knows_django_in_two_places_and_imports_it_when_these_are_used() -> None:
    for path in (ROOT / "compat").rglob("*.py"):
        here = path.relative_to(ROOT / "compat").as_posix()
        if any(name.partition(".")[0] == "django" for name in imports(path)):
            assert here.startswith(DJANGO_DOORS), here
            assert not any(name.partition(".")[0] == "django" for name in imports(path, functions=False)), here


def test_no_module_is_longer_than_a_reader_s_patience() -> None:
    lengths = {
        path: len(path.read_text().splitlines())
        for top in ("pyramid_scheduler", "compat")
        for path in (ROOT / top).rglob("*.py")
    }
    assert {str(path): n for path, n in lengths.items() if n > 400} == {}
