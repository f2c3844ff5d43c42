"""Answers on the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from pytest_mock import MockerFixture

from pyramid_scheduler.cli import printing
from tests.fleet import ROOT


@pytest.mark.parametrize("values", [[], [{"a": "ä", "b": [1, 2]}], [1, [{"x": None}], {}, "two\nlines"]])
def test_a_list_that_is_printed_piece_by_piece_looks_as_one_that_is_printed_whole(
    values: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    printing.print_json_list(iter(values))
    assert capsys.readouterr().out == json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def test_a_table_of_very_many_rows_is_printed_as_they_come(
    mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    mocker.patch.object(printing, "ALIGNED", 3)
    seen: list[str] = []

    def rows() -> Iterator[tuple[str, int]]:
        for n, name in enumerate(("a", "bb", "cccc", "d")):
            seen.append(capsys.readouterr().out)
            yield name, n

    printing.print_table(("name", "n"), rows(), "none")
    assert "".join([*seen, capsys.readouterr().out]) == "NAME  N\na     0\nbb    1\ncccc  2\nd     3\n"
    assert seen[2]


def test_of_no_rows_there_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    printing.print_table(("name",), iter(()), "none")
    assert capsys.readouterr().out == "none\n"


WARN = """
import warnings, pyramid_scheduler.cli
words = "pkg_resources is deprecated as an API. See https://setuptools.pypa.io"
for module in ("pyramid.path", "pyramid.asset", "pyramid.static", "shop.pyramid.path", "pyramid.pathology", "shop"):
    warnings.warn_explicit(words, UserWarning, module, 1, module)
warnings.warn_explicit("something else", UserWarning, "pyramid.path", 2, "pyramid.path")
"""


@pytest.mark.parametrize(("said", "count"), [("", 4), ("always", 7)])
def test_of_warnings_only_those_of_pyramids_own_imports_are_not_shown_unless_they_are_asked_for(
    said: str, count: int
) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": said}
    done = subprocess.run([sys.executable, "-c", WARN], env=environ, capture_output=True, text=True, check=True)
    assert len(done.stderr.splitlines()) == count
    assert "something else" in done.stderr
