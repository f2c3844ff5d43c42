"""Chains, prepared and run."""

from __future__ import annotations

from typing import Any

import pytest

from compat import chain, group, signature, states
from compat.result import EagerResult, GroupResult
from tests.compat.arithmetic import Arithmetic, value


def ids(result: Any) -> list[str]:
    """Of the result, its parent, …"""
    return result.as_list()  # type: ignore[no-any-return]


def test_each_step_gets_the_result_of_the_one_before(working: Arithmetic) -> None:
    result = (working.add.s(1, 2) | working.double.s() | working.add.s(10))()

    assert value(result) == 16
    assert [value(result.parent), value(result.parent.parent)] == [6, 3]
    assert result.parent.parent.parent is None


def test_arguments_of_the_call_go_to_the_first_step(working: Arithmetic) -> None:
    made = chain(working.add.s(), working.double.s())

    assert value(made.clone().delay(1, 2)) == 6
    assert value(made.apply_async((1,), {"y": 3})) == 8


def test_an_immutable_step_gets_nothing(working: Arithmetic) -> None:
    assert value((working.add.s(1, 2) | working.add.si(5, 5) | working.double.s()).delay()) == 20


def test_a_failure_fails_all_that_was_to_follow(working: Arithmetic) -> None:
    result = (working.add.s(1, 2) | working.fail.s() | working.double.s() | working.double.s())()

    with pytest.raises(ValueError, match="no"):
        value(result)
    chained = [result, result.parent, result.parent.parent, result.parent.parent.parent]
    assert [one.state for one in chained] == [states.FAILURE] * 3 + [states.SUCCESS]


def test_the_callback_of_the_call_gets_the_result_of_the_last_step(working: Arithmetic) -> None:
    heard = working.hear.s().set(task_id="chain-callback")
    (working.add.s(1, 2) | working.double.s()).apply_async(link=heard)

    assert value(working.app.AsyncResult("chain-callback")) == 6


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_the_errback_is_called_once_whichever_step_fails(working: Arithmetic, failing: int) -> None:
    working.heard.clear()
    steps = [working.same.s(1), working.same.s(), working.same.s()]
    steps[failing] = working.fail.s()
    result = chain(*steps).on_error(working.hear.si(f"errback {failing}").set(task_id=f"chain-errback-{failing}"))()

    with pytest.raises(ValueError):
        value(result)
    assert value(working.app.AsyncResult(f"chain-errback-{failing}")) == f"errback {failing}"
    assert working.heard == [f"errback {failing}"]


def test_a_chain_that_was_sent_keeps_the_id_of_its_last_step(working: Arithmetic) -> None:
    made = working.add.s(1, 2) | working.double.s()
    first, again, other = made.delay(), made.delay(), made.clone().set(task_id=None).delay()

    assert [value(result) for result in (first, again, other)] == [6, 6, 6]
    assert (first.id == again.id, first.parent.id == again.parent.id, first.id == other.id) == (True, False, False)


def test_the_task_id_of_the_call_is_that_of_the_last_step(working: Arithmetic) -> None:
    result = (working.add.s(1, 2) | working.double.s()).apply_async(task_id="last-step")

    assert result.id == "last-step"
    assert result.parent.id != "last-step"


def test_in_the_middle_a_group_is_waited_for(working: Arithmetic) -> None:
    made = working.add.s(1, 2) | group(working.add.s(1), working.add.s(2)) | working.total.s() | working.double.s()

    assert value(made()) == 18


def test_at_the_end_a_group_gives_all_its_results(working: Arithmetic) -> None:
    result = (working.add.s(1, 2) | group(working.double.s(), working.add.s(1)))()

    assert isinstance(result, GroupResult)
    assert value(result) == [6, 4]
    assert value(result.parent) == 3


def test_groups_that_follow_each_other_each_get_the_whole_list(working: Arithmetic) -> None:
    made = chain(
        group(working.same.si(1), working.same.si(2)),
        group(working.total.s(), working.total.s()),
        working.total.s(),
    )

    assert value(made()) == 6


def test_empty_groups_are_left_out(working: Arithmetic) -> None:
    assert value(chain(working.add.s(1, 2), group(), working.double.s())()) == 6


def test_they_are_when_the_chain_comes_from_a_message(working: Arithmetic) -> None:
    made = chain(working.add.s(1, 2), working.double.s())
    made.tasks.insert(1, dict(group()))

    assert value(signature(dict(made), app=working.app)()) == 6


def test_an_empty_chain_sends_nothing(tasks: Arithmetic) -> None:
    assert chain()() is None
    assert chain().apply_async() is None


def test_freezing_settles_every_id_and_links_the_results(tasks: Arithmetic) -> None:
    made = chain(tasks.add.s(1, 2), tasks.double.s(), tasks.double.s())
    result = made.freeze("last")

    assert ids(result) == [step.id for step in reversed(made.tasks)]
    assert (result.id, made.id) == ("last", "last")


def test_of_the_tasks_of_a_chain_each_knows_the_first_and_the_one_before(working: Arithmetic) -> None:
    result = (working.who.s() | working.who.s() | working.who.s())()
    _, second, first = ids(result)

    said = [(one["root"], one["parent"]) for one in value(result)]
    assert said == [(first, None), (first, first), (first, second)]


def test_the_priority_of_the_call_is_that_of_the_first_step(working: Arithmetic) -> None:
    result = (working.who.s() | working.who.s()).apply_async(priority=7)

    assert [one["priority"] for one in value(result)] == [7, 0]


def test_it_reads_as_it_is_written(tasks: Arithmetic) -> None:
    assert repr(tasks.add.s(1, 2) | tasks.double.s()) == "add(1, 2) | double()"


def test_applied_it_runs_here_step_by_step(tasks: Arithmetic) -> None:
    result = (tasks.add.s(2) | tasks.double.s()).apply((1,))

    assert isinstance(result, EagerResult)
    assert (result.get(), result.parent.get()) == (6, 3)


def test_when_all_is_eager_it_runs_where_it_is_called_and_calls_the_callback(tasks: Arithmetic) -> None:
    tasks.app.conf.task_always_eager = True

    made = tasks.add.s(1, 2) | group(tasks.double.s(), tasks.same.s()) | tasks.total.s()

    assert made.apply_async(link=tasks.hear.s()).get() == 9
    assert tasks.heard == [9]


def test_with_links_instead_of_the_chain_field_it_comes_to_the_same(working: Arithmetic) -> None:
    made = chain(working.add.s(1, 2), working.double.s(), use_link=True)
    sent, _ = made.prepare_steps((), {}, made.tasks)

    assert [link["task"] for link in sent[-1].options["link"]] == ["double"]
    assert value(made()) == 6
