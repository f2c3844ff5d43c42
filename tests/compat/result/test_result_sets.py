"""Several results together."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat import states
from compat.exceptions import ImproperlyConfigured, TimeoutError
from compat.result import GroupResult, ResultSet, denied_join_result

Make = Callable[..., Any]


def test_the_values_come_in_order(app: Any, done: Make) -> None:
    results = app.ResultSet([done(n) for n in (3, 1, 2)])

    assert results.get() == results.join() == results.join_native() == [3, 1, 2]


def test_an_error_is_raised_or_among_the_values(app: Any, done: Make, failed: Make) -> None:
    results = app.ResultSet([done(1), failed(KeyError("gone")), done(3)])

    for wait in (results.get, results.join, results.join_native):
        with pytest.raises(KeyError):
            wait()
        assert list(map(repr, wait(propagate=False))) == ["1", "KeyError('gone')", "3"]
    with pytest.raises(KeyError):
        results.maybe_throw()


def test_the_timeout_is_for_all_of_them(app: Any, done: Make, pending: Make) -> None:
    results = app.ResultSet([done(1), pending()])

    for wait in (results.get, results.join, results.join_native):
        with pytest.raises(TimeoutError):
            wait(timeout=0.02, interval=0.001)


def test_a_callback_hears_of_each_instead(app: Any, done: Make) -> None:
    heard: list[Any] = []
    one, two = done(1), done(2)
    returned = app.ResultSet([one, two]).join(callback=lambda *said: heard.append(said))

    assert (returned, heard) == ([], [(one.id, 1), (two.id, 2)])


def test_the_same_result_twice_has_its_value_twice(app: Any, done: Make) -> None:
    one = done(1)

    assert app.GroupResult("g", [one, done(2), one]).get() == [1, 2, 1]


def test_messages_cannot_be_heard_where_there_are_none(app: Any, done: Make) -> None:
    with pytest.raises(ImproperlyConfigured):
        app.ResultSet([done(1)]).join(on_message=print)


def test_within_a_task_nobody_may_wait(app: Any, done: Make) -> None:
    results = app.ResultSet([done(1)])

    for wait in (results.get, results.join, results.join_native):
        with denied_join_result(), pytest.raises(RuntimeError):
            wait()


def test_it_knows_how_far_they_are(app: Any, done: Make, failed: Make, pending: Make) -> None:
    def say(results: Any) -> tuple[bool, bool, bool, bool, int]:
        return results.ready(), results.waiting(), results.successful(), results.failed(), results.completed_count()

    assert say(app.ResultSet([done(1), done(2)])) == (True, False, True, False, 2)
    assert say(app.ResultSet([done(1), pending()])) == (False, True, False, False, 1)
    assert say(app.ResultSet([done(1), failed(KeyError())])) == (True, False, False, True, 1)
    assert say(app.ResultSet([])) == (True, False, True, False, 0)


def test_it_is_a_list_without_doubles(app: Any) -> None:
    a, b, c = (app.AsyncResult(name) for name in "abc")
    results = app.ResultSet([a])
    results.add(b)
    results.add(b)
    results.update([b, c])

    assert (list(results), len(results), results[0], list(results[1:])) == ([a, b, c], 3, a, [b, c])
    results.remove("b")
    results.discard("b")
    assert list(results) == [a, c]
    with pytest.raises(KeyError):
        results.remove(b)
    results.clear()
    assert list(results) == []


def test_forgetting_it_forgets_each(app: Any, done: Make) -> None:
    results = app.ResultSet([done(1), done(2)])
    results.forget()

    assert [result.state for result in results] == [states.PENDING, states.PENDING]


def test_revoking_it_revokes_all_in_one_message(app: Any, mocker: MockerFixture) -> None:
    revoke = mocker.patch.object(app.control, "revoke")
    app.ResultSet([app.AsyncResult("a"), app.AsyncResult("b")]).revoke(terminate=True)

    revoke.assert_called_once_with(["a", "b"], connection=None, timeout=None, terminate=True, signal=None, reply=False)


def test_they_come_as_they_get_ready(app: Any, done: Make) -> None:
    one, two = done(1), done(2)
    metas = dict(app.ResultSet([one, two]).iter_native())

    assert {id_: meta["result"] for id_, meta in metas.items()} == {one.id: 1, two.id: 2}


def test_groups_are_equal_by_id_results_and_parent(app: Any) -> None:
    a, b = app.AsyncResult("a"), app.AsyncResult("b")

    assert app.GroupResult("g", [a]) == app.GroupResult("g", [a])
    assert app.GroupResult("g", [a]) != app.GroupResult("g", [b])
    assert app.GroupResult("g", [a]) != app.GroupResult("h", [a])
    assert app.GroupResult("g", [a], parent=b) != app.GroupResult("g", [a])
    assert app.ResultSet([a]) == app.ResultSet([app.AsyncResult("a")])


def test_a_group_comes_back_from_a_copy_and_a_pickle(app: Any) -> None:
    group = app.GroupResult("g", [app.AsyncResult("a"), app.AsyncResult("b")])

    for again in (copy.copy(group), pickle.loads(pickle.dumps(group))):
        assert again == group


def test_a_group_reads_as_its_ids(app: Any) -> None:
    group = app.GroupResult("g", [app.AsyncResult("a"), app.AsyncResult("b")])

    assert (str(group), repr(group)) == ("g", "<GroupResult: g [a, b]>")
    assert repr(app.ResultSet([app.AsyncResult("a")])) == "<ResultSet: [a]>"


def test_a_group_is_true_when_it_has_an_id_or_results(app: Any) -> None:
    assert app.GroupResult("g", [])
    assert app.GroupResult(None, [app.AsyncResult("a")])
    assert not app.GroupResult(None, [])


def test_the_children_of_a_group_are_its_results(app: Any) -> None:
    results = [app.AsyncResult("a")]

    assert app.GroupResult("g", results).children == results


def test_both_belong_to_their_app(app: Any) -> None:
    assert issubclass(app.GroupResult, GroupResult)
    assert issubclass(app.ResultSet, ResultSet)
    assert app.GroupResult("g", []).app is app
