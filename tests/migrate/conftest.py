"""Code bases to look at and to rewrite: copies, for each test its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fleet import ROOT


@pytest.fixture
def parcels(tmp_path: Path) -> Path:
    """A Django project with the idioms of large code bases."""
    return Path(shutil.copytree(Path(__file__).parent / "parcels", tmp_path / "code"))


@pytest.fixture
def bookshop(tmp_path: Path) -> Path:
    """The example project."""
    return Path(shutil.copytree(ROOT / "examples" / "celery_project", tmp_path / "code"))
