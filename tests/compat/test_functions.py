"""Functions on functions, sequences, objects and graphs."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from vine import promise

from compat.utils import functional
from compat.utils.graph import CycleError, DependencyGraph
from compat.utils.objects import Bunch, FallbackContext, getitem_property, mro_lookup
from compat.utils.threads import LocalStack


def typical(a: int, b: int = 1, *, c: int, d: int = 2) -> None: ...


def greedy(a: int, *rest: int, **named: int) -> None: ...


class Called:
    def __call__(self, x: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (typical, (1,), {"c": 1}),
        (typical, (1, 2), {"c": 1, "d": 3}),
        (greedy, (1, 2, 3), {"z": 1}),
        (Called(), (None, 1), {}),
    ],
)
def test_a_head_takes_what_its_function_takes(function: Any, args: Any, kwargs: Any) -> None:
    functional.head_from_fun(function)(*args, **kwargs)


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [(typical, (), {"c": 1}), (typical, (1,), {}), (typical, (1, 2, 3), {"c": 1}), (typical, (1,), {"c": 1, "z": 1})],
)
def test_a_head_refuses_what_its_function_refuses(function: Any, args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError):
        functional.head_from_fun(function)(*args, **kwargs)


def test_a_bound_head_has_its_first_argument_already() -> None:
    head = functional.head_from_fun(typical, bound=True)
    head(c=1)

    with pytest.raises(TypeError):
        head(1, 2, c=1)


def test_arguments_of_functions_are_counted_and_named() -> None:
    assert functional.arity_greater(typical, 1)
    assert not functional.arity_greater(typical, 2)
    assert functional.arity_greater(greedy, 100)
    assert functional.fun_takes_argument("a", typical)
    assert not functional.fun_takes_argument("z", typical)
    assert functional.fun_takes_argument("z", greedy)
    assert functional.fun_takes_argument("z", typical, position=2)
    assert (functional.fun_accepts_kwargs(greedy), functional.fun_accepts_kwargs(typical)) == (True, False)


def test_sequences_are_cut_filled_and_paired() -> None:
    assert list(functional.chunks(iter(range(5)), 2)) == [[0, 1], [2, 3], [4]]
    assert functional.padlist([1], 3, 0) == [1, 0, 0]
    assert functional.padlist([1, 2, 3], 2) == [1, 2]
    assert list(functional.uniq([3, 1, 3])) == [3, 1]
    assert list(functional.lookahead([1, 2])) == [(1, 2), (2, None)]


def test_sequences_keep_their_type_when_they_grow() -> None:
    assert functional.seq_concat_item((1,), 2) == (1, 2)
    assert functional.seq_concat_item([1], 2) == [1, 2]
    assert functional.seq_concat_seq((1,), [2, 3]) == [1, 2, 3]
    assert functional.seq_concat_seq((1,), [2]) == (1, 2)


def test_the_first_that_is_accepted_is_found_promises_kept() -> None:
    kept: Any = promise(lambda: 5)

    assert functional.first(lambda value: value > 3, [1, kept, 9]) == 5
    assert functional.first(None, [None, 0]) == 0
    assert functional.first(None, []) is None


def test_the_first_method_that_answers_counts() -> None:
    call = functional.firstmethod("ask")

    assert call([Bunch(), Bunch(ask=lambda x: None), Bunch(ask=lambda x: x * 2), Bunch(ask=lambda x: 1 / 0)], 4) == 8
    assert call([], 4) is None


def test_a_lazy_call_is_made_once() -> None:
    made: list[int] = []
    lazy: Any = functional.mlazy
    value = lazy(made.append, 1)
    value.evaluate()
    value.evaluate()

    assert made == [1]


def test_numbers_are_told_from_truths_and_texts() -> None:
    assert [functional.is_numeric_value(value) for value in (1, 1.5, True, "1", None)] == [True, True] + [False] * 3
    assert (functional.maybe(int, "3"), functional.maybe(int, None)) == (3, None)
    assert functional.mattrgetter("a", "b")(Bunch(a=1)) == {"a": 1, "b": None}


def test_the_class_that_defines_an_attribute_is_found() -> None:
    class Base:
        x = 1

    class Child(Base): ...

    assert mro_lookup(Child, "x") is Base
    assert mro_lookup(Child, "x", stop={Base}) is None
    assert mro_lookup(Child, "nothing") is None


def test_a_context_is_made_only_where_none_was_given() -> None:
    left: list[str] = []

    @contextmanager
    def made(name: str) -> Iterator[str]:
        yield name
        left.append(name)

    with FallbackContext("given", made, "made") as value:
        assert value == "given"
    with FallbackContext(None, made, "made") as value:
        assert value == "made"

    assert left == ["made"]


def test_an_attribute_may_be_an_item_deep_inside() -> None:
    class Described(dict[str, Any]):
        name = getitem_property("name")
        deep = getitem_property("options.deep", "How deep.")

    made = Described(name="a", options={})
    made.deep = 3

    assert (made.name, made["options"], made.deep) == ("a", {"deep": 3}, 3)


def test_each_thread_has_a_stack_of_its_own() -> None:
    stack: LocalStack[int] = LocalStack()
    stack.push(1)
    seen: list[Any] = []
    other = threading.Thread(target=lambda: seen.extend([stack.top, stack.push(2), len(stack)]))
    other.start()
    other.join(5)

    assert seen == [None, [2], 1]
    assert (stack.top, stack.pop(), stack.pop(), stack.top) == (1, 1, None, None)


def test_a_graph_is_sorted_by_what_depends_on_what() -> None:
    graph = DependencyGraph([("roof", ["wall"]), ("wall", ["floor"]), ("floor", [])])

    assert graph.topsort() == ["floor", "wall", "roof"]
    assert graph.valency_of("roof") == 2
    assert sorted(graph.edges()) == ["roof", "wall"]
    assert ("roof" in graph, len(graph), graph["roof"]) == (True, 3, ["wall"])


def test_a_graph_that_depends_on_itself_cannot_be_sorted() -> None:
    graph = DependencyGraph([("a", ["b"]), ("b", ["a"])])

    with pytest.raises(CycleError):
        graph.topsort()


def test_a_graph_is_drawn_in_dot() -> None:
    out = io.StringIO()
    DependencyGraph([("a", ["b"]), ("b", [])]).to_dot(out)
    lines = out.getvalue().splitlines()

    assert lines[0] == "digraph dependencies {"
    assert any('"a" -> "b"' in line for line in lines)
    assert lines[-1] == "}"


def test_a_context_that_does_nothing_lets_errors_through() -> None:
    with pytest.raises(KeyError), functional.DummyContext():
        raise KeyError
