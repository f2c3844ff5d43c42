"""Installations: this one, and this one without Celery."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.fleet import ROOT

HIDDEN = ("celery", "billiard")


def without_celery(directory: Path) -> tuple[list[str], dict[str, str]]:
    """How to start a Python that has all that this one has, but neither Celery nor Billiard: words, environment."""
    for site in map(Path, sys.path):
        if site.name in ("site-packages", "dist-packages"):
            _link(site, directory)
    path = os.pathsep.join([str(ROOT), str(directory)])
    return [sys.executable, "-S"], {**os.environ, "PYTHONPATH": path}


def _link(site: Path, directory: Path) -> None:
    for entry in site.iterdir():
        name = entry.name.partition("-")[0]
        if name not in (*HIDDEN, "__pycache__") and not (directory / entry.name).exists():
            (directory / entry.name).symlink_to(entry)


def with_celery() -> tuple[list[str], dict[str, str]]:
    return [sys.executable], {**os.environ, "PYTHONPATH": str(ROOT)}
