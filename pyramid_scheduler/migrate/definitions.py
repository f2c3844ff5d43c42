"""The first reading of a file: which apps, task classes and modules of settings it defines or names."""

from __future__ import annotations

import libcst as cst

from .names import Names, called, dotted, text_of


class Definitions(cst.CSTVisitor):
    """Adds to the code base's definitions what one module has."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def visit_Import(self, node: cst.Import) -> None:
        self.names.bind_import(node)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        self.names.bind_import(node)

    def visit_Assign(self, node: cst.Assign) -> None:
        if self.names.is_celery_class(called(node.value)):
            for target in node.targets:
                self._define_app(dotted(target.target))

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        if self.names.is_celery_class(called(node.value)):
            self._define_app(dotted(node.target))

    def _define_app(self, name: str) -> None:
        if name:
            self.names.bind_app(name)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        if any(self.names.is_task_class(dotted(base.value)) for base in node.bases):
            self.names.base.task_classes.add(self.names.full(node.name.value))

    def visit_Call(self, node: cst.Call) -> None:
        if not called(node).endswith("config_from_object") or not node.args:
            return
        given = node.args[0].value
        if text_of(given):
            self.names.base.config_modules.add(text_of(given).replace(":", "."))
        elif dotted(given):
            self.names.base.config_classes.add(self.names.full(dotted(given)))
