"""Tasks to compose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.compat import arithmetic
from tests.compat.arithmetic import Arithmetic


@pytest.fixture
def tasks() -> Iterator[Arithmetic]:
    """Nobody runs them, unless eagerly."""
    with arithmetic.arithmetic() as made:
        yield made


@pytest.fixture(scope="module")
def working() -> Iterator[Arithmetic]:
    """A worker runs them."""
    with arithmetic.working() as made:
        yield made
