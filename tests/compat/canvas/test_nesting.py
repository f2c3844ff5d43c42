"""Canvases within canvases: whatever the shape, the result is that of the functions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compat import chain, chord, group, signature
from tests.compat.arithmetic import Arithmetic, value


@dataclass(frozen=True)
class Add:
    """A task that adds a number to what it is given."""

    number: int

    def canvas(self, tasks: Arithmetic) -> Any:
        return tasks.add.s(self.number)

    def __call__(self, given: int) -> int:
        return given + self.number


@dataclass(frozen=True)
class Steps:
    """One after the other, as a chain of its own or by ``|``."""

    parts: tuple[Any, ...]
    piped: bool

    def canvas(self, tasks: Arithmetic) -> Any:
        made = [part.canvas(tasks) for part in self.parts]
        return reduce(or_, made) if self.piped else chain(*made)

    def __call__(self, given: int) -> int:
        return reduce(lambda result, part: part(result), self.parts, given)


@dataclass(frozen=True)
class Sum:
    """Side by side, and the sum of it: as a chord or by ``|``."""

    parts: tuple[Any, ...]
    piped: bool

    def canvas(self, tasks: Arithmetic) -> Any:
        made = [part.canvas(tasks) for part in self.parts]
        return group(made) | tasks.total.s() if self.piped else chord(made, tasks.total.s())

    def __call__(self, given: int) -> int:
        return sum(part(given) for part in self.parts)


def composed(inner: Any) -> Any:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.builds(Steps, parts, st.booleans()) | st.builds(Sum, parts, st.booleans())


canvases = st.recursive(st.builds(Add, st.integers(-9, 9)), composed, max_leaves=7)
with_fixtures = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=40, suppress_health_check=with_fixtures)
@given(canvases, st.integers(-9, 9))
def test_a_worker_comes_to_it(working: Arithmetic, made: Any, given: int) -> None:
    assert value(made.canvas(working).delay(given)) == made(given)


@settings(max_examples=20, suppress_health_check=with_fixtures)
@given(canvases, st.integers(-9, 9))
def test_a_worker_comes_to_it_when_the_canvas_has_been_json(working: Arithmetic, made: Any, given: int) -> None:
    travelled = signature(json.loads(json.dumps(made.canvas(working))), app=working.app)

    assert value(travelled.delay(given)) == made(given)


@settings(max_examples=40, suppress_health_check=with_fixtures)
@given(canvases, st.integers(-9, 9))
def test_applied_it_comes_to_the_same(tasks: Arithmetic, made: Any, given: int) -> None:
    assert made.canvas(tasks).apply((given,)).get() == made(given)
