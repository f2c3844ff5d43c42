"""Groups: made, frozen, sent, saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from compat import chain, chord, group, states
from compat.canvas import maybe_unroll_group
from compat.result import EagerResult, GroupResult
from tests.compat.arithmetic import SECONDS, Arithmetic, value


def test_all_tasks_run_and_results_come_in_their_order(working: Arithmetic) -> None:
    result = group(working.double.s(n) for n in range(5))()

    assert value(result) == [0, 2, 4, 6, 8]
    assert [value(one) for one in result] == [0, 2, 4, 6, 8]


def test_arguments_of_the_call_go_to_every_task_that_takes_any(working: Arithmetic) -> None:
    made = group(working.add.s(1), working.add.s(2), working.add.si(0, 0))

    assert value(made(10)) == [11, 12, 0]
    assert value(made.delay(20)) == [21, 22, 0]


def test_what_follows_may_be_a_signature_that_has_been_through_json(working: Arithmetic) -> None:
    made = group(working.double.s(1), working.double.s(2)) | json.loads(json.dumps(working.total.s()))

    assert value(made.delay()) == 6


@pytest.mark.parametrize("make", [lambda t: group(t, t), lambda t: group([t, t]), lambda t: group((t, t))], ids=str)
def test_it_may_be_given_tasks_or_any_list_of_them(tasks: Arithmetic, make: Any) -> None:
    assert list(make(tasks.add.s(1, 2)).tasks) == [tasks.add.s(1, 2)] * 2


def test_a_group_of_a_group_has_its_tasks(tasks: Arithmetic) -> None:
    inner = group(tasks.add.s(1, 2), tasks.add.s(3, 4))

    assert list(group(inner).tasks) == list(inner.tasks)
    assert len(group(inner)) == 2


def test_groups_within_are_flattened_when_they_are_sent(working: Arithmetic) -> None:
    same = working.same
    result = group(same.s(1), group(same.s(2), group(same.s(3))), same.s(4))()

    assert value(result) == [1, 2, 3, 4]


def test_chains_and_chords_within_count_for_their_last_task(working: Arithmetic) -> None:
    chained = working.add.s(1, 2) | working.double.s()
    joined = chord([working.same.s(1), working.same.s(2)], working.total.s())

    assert value(group(chained, joined, working.same.s(9))()) == [6, 3, 9]


def test_the_tasks_know_their_group_and_their_place_in_it(tasks: Arithmetic) -> None:
    made = group(tasks.same.s(1), tasks.same.s(2))
    result = made.freeze(group_id="outer")

    assert [task.options["group_index"] for task in made.tasks] == [0, 1]
    assert [task.options["group_id"] for task in made.tasks] == ["outer", "outer"]
    assert [task.id for task in made.tasks] == [one.id for one in result]
    assert result.id == made.id


def test_freezing_it_twice_settles_nothing_anew(tasks: Arithmetic) -> None:
    made = group(tasks.same.s(1), tasks.same.s(2))

    assert made.freeze() == made.freeze()


def test_sending_it_leaves_it_as_it_was(working: Arithmetic) -> None:
    made = group(working.same.s(1), working.same.s(2))
    first, second = made(), made()

    assert value(first) == value(second) == [1, 2]
    assert first.id != second.id
    assert all(task.id is None for task in made.tasks)


def test_the_task_id_of_the_call_is_that_of_the_group(working: Arithmetic) -> None:
    result = group(working.same.s(1), working.same.s(2)).apply_async(task_id="of-the-group")

    assert (result.id, "of-the-group" in [one.id for one in result]) == ("of-the-group", False)


def test_options_of_the_call_are_those_of_every_task(working: Arithmetic) -> None:
    result = group(working.who.s(), working.who.s()).apply_async(priority=4)

    assert [one["priority"] for (one,) in value(result)] == [4, 4]


def test_an_empty_group_sends_nothing_and_has_an_empty_result(tasks: Arithmetic) -> None:
    for result in (group()(), group([]).apply_async(), group().apply()):
        assert isinstance(result, GroupResult)
        assert list(result) == []
        assert result.id
        assert result.get() == []


def test_a_group_as_such_has_no_callbacks(tasks: Arithmetic) -> None:
    made = group(tasks.same.s(1), tasks.same.s(2))

    with pytest.raises(TypeError, match="Cannot add link to group"):
        made.apply_async(link=tasks.hear.s())
    with pytest.raises(TypeError, match="Cannot add link to group"):
        made.apply_async(link_error=tasks.hear.s())


def test_a_link_goes_to_the_first_task_without_arguments_and_errbacks_to_all(tasks: Arithmetic) -> None:
    made = group(tasks.same.s(1), tasks.same.s(2))
    made.link(tasks.hear.s(1))
    made.link_error(tasks.hear.s(2))
    first, second = made.tasks

    assert first.options["link"] == [tasks.hear.si(1)]
    assert "link" not in second.options
    assert [task.options["link_error"] for task in made.tasks] == [[tasks.hear.s(2)]] * 2


def test_what_is_immutable_in_a_group_are_its_tasks(tasks: Arithmetic) -> None:
    made = group(tasks.same.s(1), tasks.same.s(2))
    made.set_immutable(True)

    assert [task.immutable for task in made.tasks] == [True, True]


def test_skew_delays_one_after_the_other(tasks: Arithmetic) -> None:
    made = group(tasks.same.s(n) for n in range(4)).skew(start=1, stop=3)

    assert [task.options["countdown"] for task in made.tasks] == [1.0, 2.0, 3.0, 3.0]


def test_a_failure_is_raised_and_the_other_tasks_run(working: Arithmetic) -> None:
    result = group(working.same.s(1), working.fail.s(), working.same.s(3))()

    with pytest.raises(ValueError, match="no"):
        value(result)
    first, second, third = value(result, propagate=False)
    assert (first, repr(second), third) == (1, "ValueError('no')", 3)
    assert (result.ready(), result.successful(), result.failed(), result.completed_count()) == (True, False, True, 2)


def test_tasks_of_a_generator_are_made_while_the_group_is_sent(working: Arithmetic) -> None:
    made: list[int] = []

    def generate() -> Iterator[Any]:
        for n in range(3):
            made.append(n)
            yield working.same.s(n)

    sent = group(generate())()

    assert value(sent) == made == [0, 1, 2]


def test_a_saved_group_comes_back_by_its_id_until_it_is_deleted(working: Arithmetic) -> None:
    result = group(working.same.s(1), working.same.s(2))()
    result.save()
    restored = GroupResult.restore(result.id, app=working.app)

    assert restored == result
    assert value(restored) == [1, 2]
    result.delete()
    assert GroupResult.restore(result.id, app=working.app) is None


def test_a_saved_group_keeps_its_parent(working: Arithmetic) -> None:
    result = (working.same.s(1) | group(working.same.s(), working.double.s()))()
    result.save()

    restored = working.app.GroupResult.restore(result.id)
    assert restored.parent == result.parent
    assert value(restored.parent) == 1


def test_applied_it_runs_here(tasks: Arithmetic) -> None:
    result = group(tasks.add.s(1), tasks.add.s(2)).apply((10,))

    assert all(isinstance(one, EagerResult) for one in result)
    assert result.get() == [11, 12]


def test_when_all_is_eager_it_runs_where_it_is_called(tasks: Arithmetic) -> None:
    tasks.app.conf.task_always_eager = True

    result = group(tasks.add.s(1), tasks.fail.s())(10)

    assert [one.state for one in result] == [states.SUCCESS, states.FAILURE]


def test_only_a_group_of_one_is_unrolled(tasks: Arithmetic) -> None:
    one, two = group(tasks.same.s(1)), group(tasks.same.s(1), tasks.same.s(2))

    assert maybe_unroll_group(one) == tasks.same.s(1)
    assert maybe_unroll_group(two) is two


def test_a_group_of_one_chain_that_ends_in_a_group_has_the_results_of_that(working: Arithmetic) -> None:
    inner = chain(working.same.s(1), group(working.double.s(), working.add.s(5)))

    assert value(group(inner)()) == [2, 6]


def test_it_reads_as_it_is_written(tasks: Arithmetic) -> None:
    assert repr(group([tasks.add.s(1, 2), tasks.add.s(3, 4)])) == "group([add(1, 2), add(3, 4)])"
    assert repr(group()) == "group(<empty>)"


def test_a_callback_hears_each_result_with_its_id(working: Arithmetic) -> None:
    heard: list[Any] = []
    result = group(working.same.s(1), working.same.s(2))()

    assert result.get(timeout=SECONDS, interval=0.01, callback=lambda id_, said: heard.append((id_, said))) is None
    assert sorted(heard) == sorted((one.id, one.result) for one in result)
