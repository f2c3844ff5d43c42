"""Chords: a body that gets all results of its header."""

from __future__ import annotations

from typing import Any

import pytest

from compat import chain, chord, group, states
from compat.exceptions import ChordError
from tests.compat.arithmetic import Arithmetic, value


def numbers(working: Arithmetic, *given: int) -> list[Any]:
    return [working.same.s(n) for n in given]


@pytest.mark.parametrize(
    "make",
    [
        lambda header, body: chord(header)(body),
        lambda header, body: chord(header, body)(),
        lambda header, body: chord(group(header), body).delay(),
        lambda header, body: (group(header) | body).apply_async(),
        lambda header, body: chord((sig for sig in header), body)(),
        lambda header, body: chain(group(header), body)(),
    ],
    ids=["chord(header)(body)", "chord(header, body)", "group as header", "pipe", "generator", "chain"],
)
def test_the_body_gets_the_results_in_the_order_of_the_header(working: Arithmetic, make: Any) -> None:
    assert value(make(numbers(working, 3, 1, 2), working.same.s())) == [3, 1, 2]


def test_the_parent_of_the_body_is_the_header(working: Arithmetic) -> None:
    result = chord(numbers(working, 1, 2), working.total.s())()

    assert value(result) == 3
    assert value(result.parent) == [1, 2]


def test_own_arguments_of_the_body_come_after_the_results(working: Arithmetic) -> None:
    assert value(chord(numbers(working, 1, 2))(working.tell.s("own"))) == [[1, 2], "own"]


def test_an_immutable_body_gets_nothing(working: Arithmetic) -> None:
    assert value(chord(numbers(working, 1, 2))(working.tell.si("own"))) == ["own"]


def test_arguments_of_the_call_go_to_the_header(working: Arithmetic) -> None:
    made = chord([working.add.s(1), working.add.s(2)], working.same.s())

    assert value(made.apply_async((10,))) == [11, 12]


def test_the_task_id_of_the_call_is_that_of_the_body(working: Arithmetic) -> None:
    result = chord(numbers(working, 1, 2), working.total.s()).apply_async(task_id="of-the-body")

    assert (result.id, value(result)) == ("of-the-body", 3)


def test_an_empty_header_runs_the_body_at_once_with_no_results(working: Arithmetic) -> None:
    assert value(chord([], working.same.s())()) == []
    assert value((group() | working.same.s())()) == []


def test_a_header_of_one_is_a_list_of_one(working: Arithmetic) -> None:
    assert value(chord([working.same.s(1)], working.same.s())()) == [1]
    assert value(chord(working.same.s(1), working.same.s())()) == [1]


def test_chains_in_the_header_count_once(working: Arithmetic) -> None:
    header = [working.add.s(1, 1) | working.double.s(), working.same.s(5)]

    assert value(chord(header, working.same.s())()) == [4, 5]


def test_groups_in_the_header_are_flattened(working: Arithmetic) -> None:
    header = group(working.same.s(1), group(numbers(working, 2, 3)))

    assert value(chord(header, working.same.s())()) == [1, 2, 3]


def test_chords_in_the_header_count_for_their_bodies(working: Arithmetic) -> None:
    inner = chord(numbers(working, 1, 2), working.total.s())

    assert value(chord([inner, inner.clone(), working.same.s(5)], working.same.s())()) == [3, 3, 5]


def test_a_chain_as_body_runs_once_and_to_its_end(working: Arithmetic) -> None:
    assert value(chord(numbers(working, 1, 2), working.total.s() | working.double.s())()) == 6


def test_a_group_as_body_gives_the_results_of_all(working: Arithmetic) -> None:
    result = chord(numbers(working, 1, 2), group(working.total.s(), working.same.s()))()

    assert value(result) == [3, [1, 2]]


def test_a_chord_as_body_gets_the_results_in_its_header(working: Arithmetic) -> None:
    body = chord([working.total.s(), working.total.s()], working.same.s())

    assert value(chord(numbers(working, 1, 2), body)()) == [3, 3]


def test_what_follows_a_chord_gets_the_result_of_its_body(working: Arithmetic) -> None:
    made = chord(numbers(working, 1, 2), working.total.s()) | working.double.s() | working.add.s(1)

    assert value(made()) == 7


def test_a_failure_in_the_header_fails_the_body_and_says_why(working: Arithmetic) -> None:
    result = chord([working.same.s(1), working.fail.s()], working.total.s())()

    with pytest.raises(ChordError, match=r"ValueError\('no'\)"):
        value(result, follow_parents=False)
    assert result.state == states.FAILURE


def test_a_failure_in_the_header_fails_what_follows_the_chord_too(working: Arithmetic) -> None:
    result = (chord([working.same.s(1), working.fail.s()], working.total.s()) | working.double.s())()

    with pytest.raises(ChordError):
        value(result, follow_parents=False)


def test_errbacks_of_the_body_are_called_for_a_failure_in_the_header(working: Arithmetic) -> None:
    body = working.total.s().on_error(working.hear.si("header").set(task_id="header-errback"))
    result = chord([working.same.s(1), working.fail.s()], body)()

    with pytest.raises(ChordError):
        value(result, follow_parents=False)
    assert value(working.app.AsyncResult("header-errback")) == "header"


def test_a_failure_of_the_body_is_its_own(working: Arithmetic) -> None:
    errback = working.hear.si("body").set(task_id="body-errback")
    result = chord(numbers(working, 1, 2))(working.fail.s().on_error(errback))

    with pytest.raises(ValueError, match="no"):
        value(result)
    assert value(working.app.AsyncResult("body-errback")) == "body"
    assert result.parent.successful()


def test_linked_callbacks_belong_to_the_body(working: Arithmetic) -> None:
    made = chord(numbers(working, 1, 2), working.total.s())
    made.link(working.hear.s().set(task_id="linked"))
    made.apply_async(link=working.hear.s().set(task_id="called with"))

    assert value(working.app.AsyncResult("linked")) == 3
    assert value(working.app.AsyncResult("called with")) == 3


def test_errbacks_go_to_the_header_too_where_the_settings_say_so(tasks: Arithmetic) -> None:
    made = chord([tasks.same.s(1), tasks.same.s(2)], tasks.total.s())
    tasks.app.conf.task_allow_error_cb_on_chord_header = True
    made.link_error(tasks.hear.s("oh"))

    linked = [repr(task.options["link_error"]) for task in (*made.tasks, made.body)]
    assert linked == ["[hear('oh')]"] * 3


@pytest.mark.filterwarnings("ignore:.*:PendingDeprecationWarning")
def test_errbacks_go_to_the_body_only_where_they_do_not(tasks: Arithmetic) -> None:
    made = chord([tasks.same.s(1)], tasks.total.s())
    made.link_error(tasks.hear.s("oh"))

    assert ("link_error" in made.tasks[0].options, made.body.options["link_error"]) == (False, [tasks.hear.s("oh")])


def test_freezing_gives_the_body_s_result_with_the_header_s_as_its_parent(tasks: Arithmetic) -> None:
    made = chord([tasks.same.s(1), tasks.same.s(2)], tasks.total.s())
    result = made.freeze("body")

    assert (result.id, made.body.id) == ("body", "body")
    assert [one.id for one in result.parent] == [task.id for task in made.tasks.tasks]
    assert result.parent.id == made.id


def test_a_chord_may_be_sent_again(working: Arithmetic) -> None:
    made = chord(numbers(working, 1, 2), working.total.s())

    assert [value(made()), value(made())] == [3, 3]


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda s: [s, s, s], 3),
        (lambda s: [s | s, s], 2),
        (lambda s: [group(s, s), s], 3),
        (lambda s: [s | group(s, s, s)], 3),
        (lambda s: [chord([s, s, s], s)], 1),
        (lambda s: [chord([s, s], group(s, s))], 2),
        (lambda s: [], 0),
    ],
    ids=["tasks", "chain", "group", "chain to group", "chord", "chord to group", "nothing"],
)
def test_as_many_results_are_waited_for_as_the_header_ends_in(tasks: Arithmetic, make: Any, size: int) -> None:
    assert chord(make(tasks.same.s(1)), tasks.total.s()).__length_hint__() == size


def test_when_all_is_eager_it_runs_where_it_is_called(tasks: Arithmetic) -> None:
    tasks.app.conf.task_always_eager = True

    assert chord([tasks.add.s(1, 1), tasks.double.s(4)], tasks.total.s())().get() == 10


def test_it_reads_as_it_is_written(tasks: Arithmetic) -> None:
    assert repr(chord([tasks.add.s(1, 1)], tasks.total.s())) == "%total([add(1, 1)])"


def test_without_a_result_backend_there_are_no_chords(tasks: Arithmetic) -> None:
    tasks.app.conf.result_backend = "disabled://"

    with pytest.raises(NotImplementedError):
        chord([tasks.add.s(1, 1)], tasks.total.s())()
