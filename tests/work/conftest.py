"""Workers made of fakes, ended with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.work.fakes import Workshop


@pytest.fixture
def make_workshop() -> Iterator[Callable[..., Workshop]]:
    made: list[Workshop] = []

    def make(*deliveries: Any, **options: Any) -> Workshop:
        made.append(Workshop(*deliveries, **options))
        return made[-1]

    yield make
    for workshop in made:
        workshop.end()
