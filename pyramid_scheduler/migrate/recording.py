"""What the readers of a file write down."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
from libcst.metadata import PositionProvider

from .finding import Finding, make_finding
from .names import Names
from .settings import setting_of
from .table import Kind


class Recording(cst.CSTVisitor):
    """The findings of one module, each once a line."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, path: Path, names: Names) -> None:
        self.path = path
        self.names = names
        self.findings: dict[tuple[int, Kind, str], Finding] = {}

    def record(self, node: cst.CSTNode, kind: Kind, name: str, written: str = "", value: str = "") -> None:
        """A name of Celery's at the place of ``node``; what is none is passed by."""
        line = self.get_metadata(PositionProvider, node).start.line
        finding = make_finding(self.path, line, kind, name, written, value)
        if finding is not None:
            self.findings.setdefault((line, kind, finding.name), finding)

    def record_setting(self, node: cst.CSTNode, written: str, value: str = "") -> None:
        """The same for a setting, under any of its names."""
        setting = setting_of(written)
        if setting is not None:
            self.record(node, Kind.SETTING, setting, written, value)
