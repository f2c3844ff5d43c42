"""Answers on the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pytest_mock import MockerFixture

from pyramid_scheduler.cli import printing


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
