"""A code base, inspected and (if asked) rewritten."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import libcst as cst

from .definitions import Definitions
from .finding import Finding, Inspection, Unreadable
from .ini import scan_ini
from .names import CodeBase, Names
from .rewriting import rewrite
from .scanning import scan
from .sources import module_name, package_name, source_files

#: A file without any of these has nothing of Celery's, and is not parsed.
_WORDS = re.compile(
    rb"celery|\.task\b|apply_async|send_task|\.conf\b|billiard|redbeat|kombu|\b(?:broker|task|worker|result|beat)_\w",
    re.IGNORECASE,
)
#: A file without any of these defines nothing that others use.
_DEFINING = re.compile(rb"Celery\(|\(.*Task\b|config_from_object")


@dataclass(frozen=True)
class _Parsed:
    path: Path
    module: cst.Module


def inspect_code(paths: Sequence[Path], *, write: bool = False) -> Inspection:
    """Find every name of Celery's in the Python and ini files under ``paths``; with ``write``, rewrite their imports.

    Raises FileNotFoundError.
    """
    files = list(source_files(paths))
    unreadable: list[Unreadable] = []
    parsed = [one for path in files if path.suffix == ".py" and (one := _parse(path, unreadable))]
    base = CodeBase()
    for one in parsed:
        if _DEFINING.search(one.module.bytes):
            one.module.visit(Definitions(_names(one, base)))
    findings = [found for one in parsed for found in scan(one.module, one.path, _names(one, base))]
    for path in files:
        if path.suffix == ".ini":
            findings += _of_ini(path, unreadable)
    rewritten = [one.path for one in parsed if _write(one)] if write else []
    return Inspection(sorted(findings), unreadable, len(files), rewritten)


def _names(one: _Parsed, base: CodeBase) -> Names:
    return Names(module_name(one.path), package_name(one.path), base)


def _parse(path: Path, unreadable: list[Unreadable]) -> _Parsed | None:
    try:
        source = path.read_bytes()
        return _Parsed(path, cst.parse_module(source)) if _WORDS.search(source) else None
    except (OSError, ValueError, SyntaxError, cst.ParserSyntaxError) as error:
        unreadable.append(Unreadable(path, " ".join(str(error).split())))
        return None


def _of_ini(path: Path, unreadable: list[Unreadable]) -> list[Finding]:
    try:
        return list(scan_ini(path, path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        unreadable.append(Unreadable(path, str(error)))
        return []


def _write(one: _Parsed) -> bool:
    """Whether the file has changed."""
    new = rewrite(one.module).bytes
    if new == one.module.bytes:
        return False
    one.path.write_bytes(new)
    return True
