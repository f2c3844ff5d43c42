"""Ini files: the sections that pyramid_celery reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .finding import Finding, make_finding
from .table import Kind, old_settings, table

_SECTION = re.compile(r"\[([^\]]+)\]")
_KEY = re.compile(r"([A-Za-z_][\w.]*)\s*[=:]\s*(.*)")
_PACKAGE = re.compile(r"\bpyramid_celery\b")


def scan_ini(path: Path, text: str) -> Iterator[Finding]:
    """Settings of ``[celery]``, and whatever names pyramid_celery."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        heading = _SECTION.match(line)
        if heading:
            section = heading[1].strip()
            yield from _of_heading(path, number, section)
            continue
        if line.lstrip().startswith(("#", ";")):
            continue
        if _PACKAGE.search(line):
            yield from _found(make_finding(path, number, Kind.PACKAGE, "pyramid_celery"))
        key = _KEY.match(line)
        if key and section == "celery":
            yield from _of_key(path, number, key[1], key[2].strip())


def _of_key(path: Path, number: int, key: str, value: str) -> Iterator[Finding]:
    name = old_settings().get(key, key)
    plain = value.capitalize() if value.lower() in ("true", "false", "none") else value
    yield from _found(make_finding(path, number, Kind.SETTING, name, key, plain))


def _of_heading(path: Path, number: int, section: str) -> Iterator[Finding]:
    kind, _, rest = section.partition(":")
    setting = {"celerybeat": "beat_schedule", "celeryroute": "task_routes"}.get(kind)
    if kind == "celery" and rest in table(Kind.SETTING):
        setting = rest
    if rest and setting:
        yield from _found(make_finding(path, number, Kind.SETTING, setting, f"[{section}]"))


def _found(finding: Finding | None) -> Iterator[Finding]:
    if finding is not None:
        yield finding
