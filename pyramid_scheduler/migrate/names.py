"""What the names in one Python file stand for, as far as its imports and definitions tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import libcst as cst

CELERY_CLASSES = ("celery.Celery", "celery.app.Celery", "celery.app.base.Celery", "pyramid_celery.Celery")
TASK_CLASSES = ("celery.Task", "celery.app.task.Task", "celery.app.Task", "celery.task.Task", "celery.Task.Task")
APPS = ("celery.current_app", "celery._state.current_app", "pyramid_celery.celery_app")
#: Names that stand for an app where nothing says otherwise.
_APP_WORDS = ("celery", "celery_app")
#: Whose attribute ``app`` is the app.
_HOLDERS = ("self", "cls", "sender", "task", "instance")


@dataclass
class CodeBase:
    """What the files of a code base define for each other, by dotted names."""

    apps: set[str] = field(default_factory=set)
    task_classes: set[str] = field(default_factory=set)
    config_modules: set[str] = field(default_factory=set)
    config_classes: set[str] = field(default_factory=set)


def dotted(node: cst.CSTNode | None) -> str:
    """``a.b.c`` as text; empty for anything that is not names and dots."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr.value}" if base else ""
    return ""


def text_of(node: cst.CSTNode | None) -> str:
    """A string's value; empty for anything else."""
    if isinstance(node, cst.SimpleString):
        value = node.evaluated_value
        return value if isinstance(value, str) else ""
    return ""


def absolute(package: str, level: int, module: str) -> str:
    """The module that ``from ..module import`` in ``package`` names."""
    parts = package.split(".") if package else []
    base = parts[: len(parts) - level + 1] if level > 1 else parts
    return ".".join([*base, module] if module else base)


def imported(node: cst.Import | cst.ImportFrom, package: str) -> Iterator[tuple[str, str, cst.CSTNode]]:
    """(local name, dotted name, node) of each imported name; the local name is empty for ``*``."""
    if isinstance(node, cst.Import):
        for alias in node.names:
            name = dotted(alias.name)
            yield (alias.evaluated_alias or name.partition(".")[0]), name, alias
        return
    module = dotted(node.module)
    if node.relative:
        module = absolute(package, len(node.relative), module)
    if isinstance(node.names, cst.ImportStar):
        yield "", module, node
        return
    for alias in node.names:
        name = dotted(alias.name)
        yield (alias.evaluated_alias or name), f"{module}.{name}", alias


class Names:
    """The names of one file."""

    def __init__(self, module: str, package: str, base: CodeBase) -> None:
        self.module = module
        self.package = package
        self.base = base
        self._bound: dict[str, str] = {}

    def bind_import(self, node: cst.Import | cst.ImportFrom) -> None:
        for local, name, alias in imported(node, self.package):
            plain = isinstance(node, cst.Import) and not getattr(alias, "asname", None)
            if local:
                self._bound[local] = local if plain else name

    def bind_app(self, target: str) -> None:
        """``target = Celery(…)``."""
        self._bound[target.partition(".")[0]] = f"{self.module}.{target.partition('.')[0]}"
        self.base.apps.add(f"{self.module}.{target}")

    def full(self, written: str) -> str:
        """The dotted name that ``written`` stands for; as it is where it was defined here, or nowhere."""
        first, dot, rest = written.partition(".")
        if first in self._bound:
            return f"{self._bound[first]}{dot}{rest}"
        return f"{self.module}.{written}" if written and self.module else written

    def bound(self, written: str) -> str:
        """What the first part of ``written`` was imported as, or defined as; empty where it was neither."""
        return self._bound.get(written.partition(".")[0], "")

    def app_path(self, written: str) -> str | None:
        """What follows the app in ``app.control.revoke``; None where it does not start with an app."""
        parts = written.split(".")
        for end in range(len(parts), 0, -1):
            if self._is_app(".".join(parts[:end])):
                return ".".join(parts[end:])
        return None

    def _is_app(self, written: str) -> bool:
        full = self.full(written)
        if full in APPS or full in self.base.apps:
            return True
        first, _, rest = written.partition(".")
        if rest == "app" and first in _HOLDERS:
            return True
        return written in _APP_WORDS and full.partition(".")[0] != "celery"

    def is_task_class(self, written: str) -> bool:
        full = self.full(written)
        return full in TASK_CLASSES or full in self.base.task_classes or self.app_path(written) == "Task"

    def is_celery_class(self, written: str) -> bool:
        return self.full(written) in CELERY_CLASSES


def literal(node: cst.CSTNode | None) -> str:
    """A string's value, or ``True``, ``False``, ``None``; empty for anything else."""
    return node.value if isinstance(node, cst.Name) and node.value in ("True", "False", "None") else text_of(node)


def called(node: Any) -> str:
    """The dotted name of what a call calls."""
    return dotted(node.func) if isinstance(node, cst.Call) else ""
