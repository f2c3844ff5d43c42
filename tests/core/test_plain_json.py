"""JSON of plain values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_scheduler.core.plain_json import quote, read, write

ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(ATOMS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(VALUES)
def test_a_value_is_written_and_read_as_the_standard_library_does(value: Any) -> None:
    assert write(value) == json.dumps(value)
    assert read(write(value)) == value


@given(st.text())
def test_a_text_is_quoted_as_the_standard_library_does(text: str) -> None:
    assert quote(text) == json.dumps(text)


@pytest.mark.parametrize("text", [' {"a": 1}', "[1]\n", "  null  "])
def test_blanks_around_a_value_do_no_harm(text: str) -> None:
    assert read(text) == json.loads(text)


@pytest.mark.parametrize("text", ["", "[1] [2]", "{", "nul", "[1],", "\ufeff[]"])
def test_what_is_no_json_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        read(text)


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object(), [object()], {("a",): 1}])
def test_what_is_not_plain_is_an_error_and_does_not_spoil_the_next_one(value: Any) -> None:
    with pytest.raises(TypeError):
        write(value)
    assert write([1, {"a": None}]) == '[1, {"a": null}]'


def test_what_contains_itself_is_an_error() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        write(endless)
