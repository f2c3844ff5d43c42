"""Chords on every backend: those that count, and those where a task looks whether the header is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat import chord, group, signature, states
from compat.app.task import Context
from compat.contrib.testing.worker import start_worker
from compat.exceptions import ChordError
from tests.compat.arithmetic import Arithmetic, value
from tests.servers import unique

MakeApp = Callable[..., Any]


@pytest.fixture
def tasks(make_app: MakeApp) -> Arithmetic:
    return Arithmetic(make_app(result_chord_retry_interval=0.02))


@pytest.fixture
def working(tasks: Arithmetic) -> Iterator[Arithmetic]:
    with start_worker(tasks.app, perform_ping_check=False, concurrency=2, pool="threads"):
        yield tasks


def test_the_body_gets_the_results_in_order(working: Arithmetic) -> None:
    result = chord([working.same.s(n) for n in range(6)])(working.same.s(), countdown=0)

    assert value(result) == [0, 1, 2, 3, 4, 5]
    assert value(result.parent) == [0, 1, 2, 3, 4, 5]


def test_a_chord_in_a_chord_and_groups_in_both_come_to_their_end(working: Arithmetic) -> None:
    inner = chord(group(working.same.s(1), working.same.s(2)), working.total.s())

    assert value(chord([inner, working.same.s(4)], working.total.s() | working.double.s())(countdown=0)) == 14


def test_a_failed_header_fails_the_body_with_its_cause(working: Arithmetic) -> None:
    header = [working.same.s(1), working.fail.s(2)]
    result = chord(header, working.total.s())(countdown=0)

    with pytest.raises(ChordError, match="no"):
        value(result, follow_parents=False)
    assert result.state == states.FAILURE


def test_what_hangs_on_the_body_hears_of_a_failed_header(working: Arithmetic) -> None:
    errback = working.hear.si("failed").set(task_id=unique("errback"))
    chord([working.same.s(1), working.fail.s()], working.total.s().on_error(errback))(countdown=0)

    assert value(working.app.AsyncResult(errback.id)) == "failed"


@pytest.mark.parametrize("kind", ["redis"], indirect=True)
def test_a_task_may_add_one_more_to_its_chord(working: Arithmetic) -> None:
    @working.app.task(bind=True, name="adds", shared=False)
    def adds(self: Any) -> str:
        self.add_to_chord(working.same.s("added"))
        return "adding"

    assert sorted(value(chord([adds.s(), working.same.s("other")], working.same.s())())) == ["added", "adding", "other"]


class TestCounting:
    """What Redis knows of a header."""

    @pytest.fixture
    def kind(self) -> str:
        return "redis"

    @pytest.fixture
    def sent(self, tasks: Arithmetic, mocker: MockerFixture) -> Any:
        """The calls of bodies that were sent."""
        return mocker.patch.object(type(tasks.total._get_current_object()), "apply_async")

    def returns(
        self, tasks: Arithmetic, group_id: str, index: int, result: Any = 1, state: str = states.SUCCESS
    ) -> None:
        """That task of the header returns."""
        body = tasks.total.s().set(task_id=f"body of {group_id}")
        request = Context(id=f"{group_id}-{index}", group=group_id, group_index=index, chord=body)
        tasks.app.backend.on_chord_part_return(request, state, result)

    def test_the_last_one_to_return_sends_the_body_whatever_the_order(self, tasks: Arithmetic, sent: Any) -> None:
        group_id = unique("group")
        tasks.app.backend.set_chord_size(group_id, 3)
        for index in (2, 0, 1):
            sent.assert_not_called()
            self.returns(tasks, group_id, index, result=10 + index)

        ((results,), _), _ = sent.call_args
        assert results == [10, 11, 12]

    @pytest.mark.parametrize("ordered", [True, False])
    def test_a_task_that_is_delivered_twice_counts_once_whatever_it_returns(
        self, tasks: Arithmetic, sent: Any, ordered: bool
    ) -> None:
        group_id = unique("group")
        tasks.app.conf.result_backend_transport_options = {"result_chord_ordered": ordered}
        tasks.app.backend.set_chord_size(group_id, 2)
        self.returns(tasks, group_id, 0, "first")
        self.returns(tasks, group_id, 0, "again")
        sent.assert_not_called()
        self.returns(tasks, group_id, 1, "other")

        ((results,), _), _ = sent.call_args
        assert results == ["first", "other"]

    def test_a_task_that_is_delivered_again_after_the_body_was_sent_sends_no_second_one(
        self, tasks: Arithmetic, sent: Any
    ) -> None:
        group_id = unique("group")
        tasks.app.backend.set_chord_size(group_id, 1)
        self.returns(tasks, group_id, 0)
        self.returns(tasks, group_id, 0)

        sent.assert_called_once()

    def test_the_size_may_be_said_after_all_but_the_last_returned(self, tasks: Arithmetic, sent: Any) -> None:
        group_id = unique("group")
        self.returns(tasks, group_id, 0)
        tasks.app.backend.set_chord_size(group_id, 2)
        self.returns(tasks, group_id, 1)

        sent.assert_called_once()

    def test_a_failure_names_the_task_that_failed(self, tasks: Arithmetic, sent: Any) -> None:
        group_id = unique("group")
        tasks.app.backend.set_chord_size(group_id, 1)
        self.returns(tasks, group_id, 0, KeyError("gone"), states.FAILURE)

        body = tasks.app.AsyncResult(f"body of {group_id}")
        assert (body.state, repr(body.result)) == (
            states.FAILURE,
            f"""ChordError("Dependency {group_id}-0 raised KeyError('gone')")""",
        )
        sent.assert_not_called()

    def test_nothing_of_it_is_left_but_what_keeps_it_from_being_sent_twice(self, tasks: Arithmetic, sent: Any) -> None:
        group_id = unique("group")
        tasks.app.backend.set_chord_size(group_id, 1)
        self.returns(tasks, group_id, 0)

        client = tasks.app.backend.client
        left = {key: client.ttl(key) for key in client.keys(f"*{group_id}*")}
        assert all(0 < seconds <= 24 * 3600 for seconds in left.values())
        assert f"celery-taskset-meta-{group_id}.j".encode() not in left

    def test_a_task_outside_of_any_group_counts_nowhere(self, tasks: Arithmetic, sent: Any) -> None:
        tasks.app.backend.on_chord_part_return(Context(id="alone", chord=signature("total")), states.SUCCESS, 1)

        sent.assert_not_called()
