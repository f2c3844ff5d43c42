"""What was found in a code base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .table import Kind, Verdict, judge, table

_LABELS = {
    Kind.IMPORT: "{}",
    Kind.PACKAGE: "{}",
    Kind.APP: "app.{}",
    Kind.OPTION: "task option {}",
    Kind.CALL: "call option {}",
    Kind.SETTING: "setting {}",
    Kind.TEXT: '"{}"',
}


@dataclass(frozen=True, order=True)
class Finding:
    """One name of Celery's, in one line of one file."""

    file: Path
    line: int
    kind: Kind
    name: str
    verdict: Verdict
    way_out: str = ""

    @property
    def label(self) -> str:
        return _LABELS[self.kind].format(self.name)


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be read, and why."""

    file: Path
    reason: str


@dataclass(frozen=True)
class Inspection:
    """All that was found, and what was rewritten."""

    findings: Sequence[Finding]
    unreadable: Sequence[Unreadable]
    files: int
    rewritten: Sequence[Path] = ()

    def count(self, verdict: Verdict) -> int:
        return Counter(finding.verdict for finding in self.findings)[verdict]


def make_finding(file: Path, line: int, kind: Kind, name: str, written: str = "", value: str = "") -> Finding | None:
    """The finding for a name, shown as it was ``written``, given that ``value``; None for what is not Celery's."""
    with_value = f"{name}={value}"
    judgement = judge(kind, with_value if value and with_value in table(kind) else name)
    if judgement is None:
        return None
    shown = f"{written} ({name})" if written and written != name else name
    return Finding(file, line, kind, shown, judgement.verdict, judgement.way_out)
