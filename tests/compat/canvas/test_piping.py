"""``|`` in all combinations: what becomes of two canvases put one after the other."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat import chain, chord, group, signature
from compat.canvas import _chain
from tests.compat.arithmetic import Arithmetic
from tests.compat.canvas.shape import shape


def t(name: str) -> Any:
    return signature("t", args=(name,))


def task(names: Any) -> Any:
    return t(next(names))


def chain_of_two(names: Any) -> Any:
    return chain(t(next(names)), t(next(names)))


def group_of_two(names: Any) -> Any:
    return group(t(next(names)), t(next(names)))


def group_of_one(names: Any) -> Any:
    return group(t(next(names)))


def empty_group(names: Any) -> Any:
    return group()


def empty_chain(names: Any) -> Any:
    return chain()


def a_chord(names: Any) -> Any:
    return chord([t(next(names)), t(next(names))], t(next(names)))


def chain_that_ends_in_a_group(names: Any) -> Any:
    return t(next(names)) | group(t(next(names)), t(next(names)))


def chain_that_ends_in_a_chord(names: Any) -> Any:
    return t(next(names)) | a_chord(names)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (task, task, "(a > b)"),
        (task, chain_of_two, "(a > b > c)"),
        (task, group_of_two, "(a > [b c])"),
        (task, group_of_one, "(a > b)"),
        (task, a_chord, "(a > [b c] => d)"),
        (task, empty_chain, "(a)"),
        (chain_of_two, task, "(a > b > c)"),
        (chain_of_two, chain_of_two, "(a > b > c > d)"),
        (chain_of_two, group_of_two, "(a > b > [c d])"),
        (chain_of_two, group_of_one, "(a > b > c)"),
        (chain_of_two, a_chord, "(a > b > [c d] => e)"),
        (chain_of_two, empty_group, "(a > b)"),
        (chain_of_two, empty_chain, "(a > b)"),
        (group_of_two, task, "[a b] => c"),
        (group_of_two, chain_of_two, "[a b] => (c > d)"),
        (group_of_two, group_of_two, "[a b] => [c d]"),
        (group_of_two, a_chord, "[a b] => [c d] => e"),
        (group_of_two, empty_group, "[a b]"),
        (group_of_one, task, "[a] => b"),
        (a_chord, task, "[a b] => (c > d)"),
        (a_chord, chain_of_two, "([a b] => c > d > e)"),
        (a_chord, group_of_one, "[a b] => (c > d)"),
        (a_chord, a_chord, "[a b] => (c > [d e] => f)"),
        (chain_that_ends_in_a_group, task, "(a > [b c] => d)"),
        (chain_that_ends_in_a_group, chain_of_two, "(a > [b c] => (d > e))"),
        (chain_that_ends_in_a_group, group_of_two, "(a > [b c] > [d e])"),
        (chain_that_ends_in_a_chord, task, "(a > [b c] => (d > e))"),
        (chain_that_ends_in_a_chord, group_of_two, "(a > [b c] => (d > [e f]))"),
        (chain_that_ends_in_a_chord, a_chord, "(a > [b c] => d > [e f] => g)"),
    ],
)
def test_one_after_the_other_they_become(left: Any, right: Any, expected: str) -> None:
    names = iter("abcdefgh")

    assert shape(left(names) | right(names)) == expected


@pytest.mark.parametrize("left", [task, chain_of_two, group_of_two, a_chord, chain_that_ends_in_a_chord])
@pytest.mark.parametrize("right", [task, chain_of_two, group_of_two, group_of_one, a_chord])
def test_neither_side_is_changed(left: Any, right: Any) -> None:
    names = iter("abcdefgh")
    first, second = left(names), right(names)
    before = shape(first), shape(second)

    first | second

    assert (shape(first), shape(second)) == before


def test_in_place_it_is_the_same_and_the_old_one_stays() -> None:
    grown = before = t("a")
    grown |= t("b")

    assert (shape(grown), shape(before)) == ("(a > b)", "a")


tasks_or_chains = st.recursive(
    st.sampled_from("abcdef").map(t),
    lambda inner: st.lists(inner, min_size=2, max_size=3).map(lambda made: chain(*made)),
)


@given(tasks_or_chains, tasks_or_chains, tasks_or_chains)
def test_for_tasks_and_chains_it_does_not_matter_where_the_parentheses_are(a: Any, b: Any, c: Any) -> None:
    assert (a | b) | c == a | (b | c)


@given(st.lists(st.sampled_from("abcdef").map(t) | st.builds(lambda: group(t("g"), t("h"))), min_size=2))
def test_a_chain_of_many_is_one_after_the_other(steps: list[Any]) -> None:
    assert shape(chain(*steps)) == shape(chain(steps)) == shape(reduce(or_, steps))


@given(tasks_or_chains)
def test_a_chain_holds_no_chains(sig: Any) -> None:
    made = sig | t("z")

    assert isinstance(made, _chain)
    assert not any(isinstance(step, _chain) for step in made.tasks)


def test_a_chain_of_one_thing_is_that_thing_when_it_is_given_in_a_list() -> None:
    assert shape(chain([group(t("a"), t("b"))])) == "[a b]"
    assert shape(chain([t("a")])) == "(a)"
    assert shape(chain(t("a"))) == "(a)"
    assert shape(chain([])) == shape(chain()) == "()"


def test_a_chain_of_a_group_and_a_task_is_a_chord() -> None:
    assert isinstance(chain(group(t("a"), t("b")), t("c")), chord)


def test_callbacks_of_a_chain_move_to_its_last_step_and_errbacks_to_every_one(tasks: Arithmetic) -> None:
    first = chain(t("a"), t("b"))
    first.link(t("callback"))
    first.link_error(t("errback"))

    a, b, c = (first | t("c")).tasks

    assert [shape(link) for link in b.options["link"]] == ["callback"]
    assert [[shape(link) for link in step.options["link_error"]] for step in (a, b)] == [["errback"], ["errback"]]
    assert (a.options.get("link"), c.options) == (None, {})
