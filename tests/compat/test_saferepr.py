"""The short way of ``saferepr`` writes what the long one does."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from compat.utils.saferepr import _Writer, saferepr

ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=3)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(ATOMS, inner, max_size=2)
    ),
    max_leaves=8,
)


@given(VALUES, st.none() | st.integers(1, 40), st.integers(0, 3))
def test_plain_values_are_written_as_all_others_are(value: Any, longest: int | None, levels: int) -> None:
    writer = _Writer(longest, levels, set())
    writer.write(value, 0)
    assert saferepr(value, longest, levels) == "".join(writer.parts)


def test_a_list_of_ones_own_class_is_written_as_python_does() -> None:
    class Basket(list[int]):
        pass

    class Crowd(set[int]):
        pass

    assert saferepr([Basket([1, 2]), Crowd([3]), {}]) == repr([Basket([1, 2]), Crowd([3]), {}])
