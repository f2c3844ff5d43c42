"""Every name of Celery's that a Python file uses, and where."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper

from .finding import Finding
from .names import Names, called, dotted, imported, literal, text_of
from .settings import assigned_names, capital_names, given_settings, setting_of
from .table import Kind, Verdict, table
from .task_scanning import TaskScan

_IN_A_STRING = re.compile(r"celery(\.[A-Za-z_]\w*)+(:[A-Za-z_]\w*)?")
#: Names of tasks and loggers, which stay what they are.
_NOT_MODULES = re.compile(
    r"celery\.(accumulate|backend_cleanup|chain|chord|chord_unlock|chunks|group|map|ping|starmap"
    r"|app\.trace|beat|redirected|task|worker(\.control|\.request|\.strategy|\.consumer\.consumer)?)"
)
_SENDING = ("apply_async", "send_task")
_TAKING_SETTINGS = ("conf.update", "config_from_object", "add_defaults")
_CONFIG_FILES = ("celeryconfig.py", "celery_config.py")


class Scan(TaskScan):
    """The findings of one module."""

    def visit_Module(self, node: cst.Module) -> None:
        if self.path.name in _CONFIG_FILES or self.names.module in self.names.base.config_modules:
            for place, name, value in assigned_names(node.body):
                self.record_setting(place, name, value)

    # Imports

    def visit_Import(self, node: cst.Import) -> bool:
        return self._import(node)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return self._import(node)

    def _import(self, node: cst.Import | cst.ImportFrom) -> bool:
        self.names.bind_import(node)
        for _, name, alias in imported(node, self.names.package):
            if name.partition(".")[0] == "celery":
                self.record(alias, Kind.IMPORT, name)
            elif found := table(Kind.PACKAGE).find(name):
                self.record(alias, Kind.PACKAGE, found)
        return False

    # Names in use

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        written = dotted(node)
        path = self.names.app_path(written) if written else None
        if path:
            self._record_path(node, path)
        elif self.is_self(written.partition(".")[0]):
            self.record_of_task(node, written.split(".")[1])
        elif self.names.bound(written).partition(".")[0] == "celery":
            self._record_imported(node, self.names.full(written), self.names.bound(written))
        return not written

    def _record_imported(self, node: cst.CSTNode, full: str, bound: str) -> None:
        """Something out of an imported module; what was imported by name was reported there."""
        imports = table(Kind.IMPORT)
        found = imports.find(full) or "celery"
        if found in imports.modules:
            rest = full.removeprefix(f"{found}.").partition(".")[0]
            if bound == found or found.startswith(f"{bound}."):
                self.record(node, Kind.IMPORT, found if full == found else f"{found}.{rest}")
        elif found != bound or found in imports.names(Verdict.UNSUPPORTED):
            self.record(node, Kind.IMPORT, found)

    def _record_path(self, node: cst.CSTNode, path: str) -> None:
        written = path.removeprefix("conf.")
        if written != path and setting_of(written):
            self.record_setting(node, written)
        else:
            self.record(node, Kind.APP, table(Kind.APP).find(path) or path)

    def visit_Subscript(self, node: cst.Subscript) -> None:
        index = node.slice[0].slice
        if self.names.app_path(dotted(node.value)) == "conf" and isinstance(index, cst.Index):
            self.record_setting(node, text_of(index.value))

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        text = text_of(node)
        if _IN_A_STRING.fullmatch(text) and not _NOT_MODULES.fullmatch(text):
            self.record(node, Kind.TEXT, text)
        elif (found := table(Kind.PACKAGE).find(text.partition(":")[0])) and found != "kombu":
            self.record(node, Kind.PACKAGE, found)

    def visit_Assign(self, node: cst.Assign) -> None:
        value = literal(node.value)
        for name in (dotted(target.target) for target in node.targets):
            if name == "CELERY":  # Flask's way: one dictionary of all settings
                self._record_settings([cst.Arg(node.value)])
            elif name in capital_names():
                self.record_setting(node, name, value)
            elif (self.names.app_path(name) or "").startswith("conf."):
                self.record_setting(node, name.rpartition(".")[2], value)

    def visit_DictElement(self, node: cst.DictElement) -> None:
        if text_of(node.key) in capital_names():
            self.record_setting(node.key, text_of(node.key), literal(node.value))

    def _record_settings(self, args: Sequence[cst.Arg]) -> None:
        for place, name, value in given_settings(args):
            self.record_setting(place, name, value)

    # Calls

    def visit_Call(self, node: cst.Call) -> None:
        written = called(node)
        path = self.names.app_path(written) or ""
        if self.names.is_celery_class(written) or path in _TAKING_SETTINGS:
            self._record_settings(node.args)
        if path and not node.args and f"{path}()" in table(Kind.APP):
            self.record(node, Kind.APP, f"{path}()")
        is_sending = self._sends(node, written)
        for arg in node.args:
            if arg.keyword is None:
                continue
            if is_sending:
                self.record(arg, Kind.CALL, arg.keyword.value, value=literal(arg.value))
            if f"{path}({arg.keyword.value})" in table(Kind.APP):
                self.record(arg, Kind.APP, f"{path}({arg.keyword.value})")

    def _sends(self, node: cst.Call, written: str) -> bool:
        method = node.func.attr.value if isinstance(node.func, cst.Attribute) else ""
        return method in _SENDING or (method == "retry" and self.is_self(written.partition(".")[0]))


def scan(module: cst.Module, path: Path, names: Names) -> list[Finding]:
    """The findings of a parsed module."""
    reader = Scan(path, names)
    MetadataWrapper(module, unsafe_skip_copy=True).visit(reader)
    return list(reader.findings.values())
