"""``pscheduler migrate``: what of a code base for Celery the façade has, and its imports rewritten."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import SchedulerError
from ..migrate.finding import Finding, Inspection
from ..migrate.table import Verdict
from .printing import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a directory, a Python file, an ini file")
    parser.add_argument("--write", action="store_true", help="rewrite the imports of what compat has")
    parser.add_argument("--brief", action="store_true", help="leave out what is the same")
    parser.add_argument("--json", action="store_true", help="answer in JSON")


def run(args: argparse.Namespace) -> int:
    """Say of every name of Celery's in a code base whether it is the same in compat, differs, or is unsupported, with
    the way out. Exit status 1 if anything is unsupported, or a file cannot be read."""
    inspection = _inspect(args.paths, args.write)
    findings = [one for one in inspection.findings if not (args.brief and one.verdict is Verdict.SAME)]
    if args.json:
        print_json(_facts(inspection, findings))
    else:
        _print(inspection, findings)
    return 1 if inspection.unreadable or inspection.count(Verdict.UNSUPPORTED) else 0


def _inspect(paths: Sequence[Path], write: bool) -> Inspection:
    try:
        from ..migrate.inspecting import inspect_code
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "libcst":
            raise
        raise SchedulerError(
            "pscheduler migrate needs libcst, of the extra migrate: pip install 'pyramid-scheduler[migrate]'"
        ) from error
    return inspect_code(paths, write=write)


def _facts(inspection: Inspection, findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "findings": findings,
        "unreadable": inspection.unreadable,
        "rewritten": inspection.rewritten,
        "summary": {"files": inspection.files, **{verdict.value: inspection.count(verdict) for verdict in Verdict}},
    }


def _print(inspection: Inspection, findings: Sequence[Finding]) -> None:
    for one in findings:
        way_out = f": {one.way_out}" if one.way_out else ""
        print(f"{one.file}:{one.line}: {one.verdict.value:<11} {one.label}{way_out}")
    for other in inspection.unreadable:
        print(f"{other.file}:1: cannot be read: {other.reason}")
    for path in inspection.rewritten:
        print(f"{path}: imports rewritten")
    counts = ", ".join(f"{inspection.count(verdict)} {verdict.value}" for verdict in Verdict)
    unread = f", {len(inspection.unreadable)} cannot be read" if inspection.unreadable else ""
    print(f"{len(inspection.findings)} uses of Celery's names in {inspection.files} files: {counts}{unread}")
