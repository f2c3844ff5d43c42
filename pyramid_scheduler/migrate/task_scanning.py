"""How tasks are defined, and what they do with themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import libcst as cst

from .names import Names, called, dotted, literal
from .recording import Recording
from .settings import assigned_names
from .table import Kind, table

_SHARED = ("celery.shared_task", "celery.app.shared_task")


class TaskScan(Recording):
    """Decorators, task classes, and what follows ``self.`` in a task."""

    def __init__(self, path: Path, names: Names) -> None:
        super().__init__(path, names)
        self._selves: list[str] = []  # what the task is called in the functions around this line
        self._task_classes: list[bool] = []  # whether the classes around this line are tasks

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        options = [arg for decorator in node.decorators for arg in self._options(decorator.decorator)]
        for arg in options:
            if arg.keyword is not None:
                self.record(arg, Kind.OPTION, arg.keyword.value, value=literal(arg.value))
        is_bound = any(arg.keyword is not None and arg.keyword.value == "bind" for arg in options)
        self._selves.append(self._self_of(node, is_bound))

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self._selves.pop()

    def _options(self, decorator: cst.BaseExpression) -> Sequence[cst.Arg]:
        """The arguments of a decorator that makes tasks; none for any other."""
        written = called(decorator) or dotted(decorator)
        if self.names.full(written) in _SHARED or self.names.app_path(written) == "task":
            return decorator.args if isinstance(decorator, cst.Call) else ()
        return ()

    def _self_of(self, node: cst.FunctionDef, is_bound: bool) -> str:
        """What the task is called in that function; empty where it is none."""
        first = node.params.params[0].name.value if node.params.params else ""
        if is_bound or (self._in_task_class and first in ("self", "cls")):
            return first
        return self._selves[-1] if self._selves else ""

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        is_task = any(self.names.is_task_class(dotted(base.value)) for base in node.bases)
        self._task_classes.append(is_task)
        if is_task:
            self._read_class(node)
        elif self.names.full(node.name.value) in self.names.base.config_classes:
            for place, name, value in assigned_names(node.body.body):
                self.record_setting(place, name, value)

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:
        self._task_classes.pop()

    def _read_class(self, node: cst.ClassDef) -> None:
        for place, name, value in assigned_names(node.body.body):
            self.record_of_task(place, name, value)
        for statement in node.body.body:
            if isinstance(statement, cst.FunctionDef):
                self.record_of_task(statement.name, statement.name.value)

    def record_of_task(self, node: cst.CSTNode, name: str, value: str = "") -> None:
        """An attribute of a task, if Celery's tasks have it."""
        if name in table(Kind.OPTION):
            self.record(node, Kind.OPTION, name, value=value)

    def is_self(self, name: str) -> bool:
        """Whether the task around this line calls itself so."""
        return bool(self._selves) and bool(name) and self._selves[-1] == name

    @property
    def _in_task_class(self) -> bool:
        return bool(self._task_classes) and self._task_classes[-1]
