"""``map``, ``starmap`` and ``chunks``."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from compat import group
from compat.canvas import xstarmap
from tests.compat.arithmetic import Arithmetic, value


def test_map_calls_the_task_with_each_item_in_one_message(working: Arithmetic) -> None:
    result = working.double.map([1, 2, 3]).delay()

    assert value(result) == [2, 4, 6]


def test_starmap_calls_it_with_the_arguments_that_each_item_holds(working: Arithmetic) -> None:
    assert value(working.add.starmap([(1, 2), (3, 4)]).delay()) == [3, 7]


def test_they_take_a_generator(working: Arithmetic) -> None:
    assert value(working.double.map(n for n in range(3)).delay()) == [0, 2, 4]


def test_they_take_no_further_arguments(working: Arithmetic) -> None:
    assert value((working.same.s(9) | working.double.map([1, 2])).delay()) == [2, 4]


def test_an_error_in_one_call_is_that_of_all(working: Arithmetic) -> None:
    error = value(working.fail.map([1, 2]).delay(), propagate=False)

    assert repr(error) == "ValueError('no', 1)"


def test_chunks_are_one_message_for_so_many_items(working: Arithmetic) -> None:
    result = working.add.chunks([(n, n) for n in range(5)], 2)()

    assert value(result) == [[0, 2], [4, 6], [8]]
    assert len(result) == 3


def test_the_group_of_the_chunks_can_be_changed_before_it_is_sent(working: Arithmetic) -> None:
    parts = working.add.chunks([(1, 1), (2, 2), (3, 3)], 2).group()

    assert isinstance(parts, group)
    assert [type(part) for part in parts.tasks] == [xstarmap, xstarmap]
    assert value((parts | working.same.s())()) == [[2, 4], [6]]


def test_a_message_of_many_calls_is_routed_as_the_task(tasks: Arithmetic, mocker: MockerFixture) -> None:
    send = mocker.patch.object(type(tasks.app.tasks["celery.map"]), "apply_async")

    tasks.double.map(n for n in (1, 2)).apply_async(queue="slow", countdown=None)

    args, kwargs = send.call_args.args
    assert (args, kwargs["it"], type(kwargs["it"]), kwargs["task"]["task"]) == ((), [1, 2], list, "double")
    assert send.call_args.kwargs == {"route_name": "double", "queue": "slow"}


def test_they_read_as_what_they_do(tasks: Arithmetic) -> None:
    assert repr(tasks.double.map([1, 2])) == "[double(x) for x in [1, 2]]"
    assert repr(tasks.add.starmap([(1, 2)])) == "[add(*x) for x in [(1, 2)]]"


def test_applied_they_run_here(tasks: Arithmetic) -> None:
    assert tasks.double.map([1, 2]).apply().get() == [2, 4]
    assert tasks.add.starmap([(1, 2)]).apply().get() == [3]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-9, 9), max_size=9), st.integers(1, 5))
def test_put_together_the_chunks_are_the_whole(working: Arithmetic, items: list[int], size: int) -> None:
    parts: list[list[Any]] = value(working.double.chunks(zip(items), size)())

    assert [number for part in parts for number in part] == [2 * item for item in items]
    assert all(len(part) == size for part in parts[:-1])
