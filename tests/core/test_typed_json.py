"""Values that JSON has no type for."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.utils import json as kombu_json

from pyramid_scheduler.core.typed_json import read_typed, write_typed

ATOMS = st.none() | st.text() | st.binary() | st.uuids() | st.dates() | st.times() | st.decimals(allow_nan=False)
MOMENTS = st.datetimes() | st.datetimes(timezones=st.just(UTC))
VALUES = st.recursive(ATOMS | MOMENTS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@given(VALUES)
def test_a_value_comes_back_as_it_was_and_kombu_reads_it(value: Any) -> None:
    assert read_typed(write_typed(value)) == value
    assert kombu_json.loads(write_typed(value)) == value


def test_what_has_no_notation_is_kept_as_its_text() -> None:
    assert read_typed(write_typed({"of": {1}})) == {"of": "{1}"}


@pytest.mark.parametrize("kind", ["unknown", "date", "datetime", "time", "decimal", "uuid", "base64", 7, None, ["x"]])
@pytest.mark.parametrize("value", ["\xe9", None, ["x"], {"x": 1}])
def test_a_table_that_only_looks_like_one_stays_what_it_is(kind: Any, value: Any) -> None:
    table = {"__type__": kind, "__value__": value}
    assert read_typed(json.dumps(table)) == table
