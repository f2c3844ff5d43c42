"""The result of one task."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat import states
from compat.app.task import Context
from compat.exceptions import IncompleteStream, TimeoutError
from compat.result import AsyncResult, GroupResult, allow_join_result, denied_join_result, result_from_tuple

Make = Callable[..., Any]


class OutOfStock(Exception):
    """An error of an application."""


def test_of_an_unknown_task_everything_is_pending(pending: Make) -> None:
    result = pending()

    assert (result.state, result.status, result.result, result.info) == (states.PENDING, states.PENDING, None, None)
    assert (result.ready(), result.successful(), result.failed(), result.exists()) == (False, False, False, False)
    assert (result.traceback, result.children, result.date_done) == (None, None, None)


def test_of_a_success_the_value_is_known(done: Make) -> None:
    result = done({"sum": 5})

    assert (result.state, result.result, result.get()) == (states.SUCCESS, {"sum": 5}, {"sum": 5})
    assert (result.ready(), result.successful(), result.failed(), result.exists()) == (True, True, False, True)


def test_of_a_failure_the_error_is_known(failed: Make) -> None:
    result = failed(OutOfStock("apples"), traceback="File …")

    assert (result.state, repr(result.result), result.traceback) == (states.FAILURE, "OutOfStock('apples')", "File …")
    assert (result.ready(), result.successful(), result.failed()) == (True, False, True)


def test_get_raises_the_task_s_own_error(failed: Make) -> None:
    with pytest.raises(OutOfStock) as caught:
        failed(OutOfStock("apples", 3)).get()

    assert caught.value.args == ("apples", 3)


def test_get_returns_the_error_where_that_is_wanted(failed: Make) -> None:
    error = failed(OutOfStock("apples")).get(propagate=False)

    assert repr(error) == "OutOfStock('apples')"


def test_maybe_throw_raises_what_failed_and_returns_what_is_there(done: Make, failed: Make, pending: Make) -> None:
    assert done(5).maybe_throw() == 5
    assert pending().maybe_throw() is None
    assert repr(failed(KeyError("a")).maybe_throw(propagate=False)) == "KeyError('a')"
    with pytest.raises(KeyError):
        failed(KeyError("a")).maybe_throw()


def test_get_gives_up_after_the_timeout(pending: Make) -> None:
    with pytest.raises(TimeoutError):
        pending().get(timeout=0.02, interval=0.001)
    with pytest.raises(AsyncResult.TimeoutError):
        pending().get(timeout=0)


def test_get_waits_until_it_is_there(app: Any, pending: Make) -> None:
    result, looked = pending(), threading.Event()
    late = threading.Thread(target=lambda: (looked.wait(5), app.backend.mark_as_done(result.id, 5)))
    late.start()

    assert result.get(timeout=5, interval=0.001, on_interval=looked.set) == 5
    late.join()


def test_get_looks_again_sooner_at_first(app: Any, pending: Make, mocker: MockerFixture) -> None:
    look = mocker.spy(app.backend, "get_task_meta")

    with pytest.raises(TimeoutError):
        pending().get(timeout=0.3)
    assert look.call_count > 2  # one at the start, one at the end


def test_the_callback_of_get_hears_the_id_and_the_value(done: Make) -> None:
    heard: list[Any] = []
    result = done(5)

    assert result.get(callback=lambda *said: heard.append(said)) == 5
    assert heard == [(result.id, 5)]


def test_states_are_looked_up_until_one_is_final(app: Any, pending: Make) -> None:
    result, seen = pending(), []
    for state, meta in [("PENDING", None), ("HALFWAY", {"at": 50}), ("SUCCESS", 7), ("FAILURE", KeyError("late"))]:
        if state != "PENDING":
            app.backend._cache.clear()
            app.backend.store_result(result.id, meta, state)
        seen.append((result.state, result.info))

    assert seen == [("PENDING", None), ("HALFWAY", {"at": 50}), ("SUCCESS", 7), ("SUCCESS", 7)]


def test_an_ignored_result_is_none_at_once(pending: Make) -> None:
    result = pending()
    result.ignored = True

    assert result.get(timeout=0) is None


def test_forgotten_it_is_unknown_and_so_are_its_parents(done: Make) -> None:
    parent = done(1)
    result = done(2, parent=parent)
    assert (result.get(), parent.get()) == (2, 1)
    result.forget()

    assert (result.state, parent.state) == (states.PENDING, states.PENDING)


def test_revoking_asks_the_workers(app: Any, pending: Make, mocker: MockerFixture) -> None:
    revoke = mocker.patch.object(app.control, "revoke")
    result = pending()
    result.revoke(terminate=True, signal="KILL", wait=True, timeout=2)

    revoke.assert_called_once_with(result.id, connection=None, terminate=True, signal="KILL", reply=True, timeout=2)


def test_within_a_task_nobody_may_wait(done: Make) -> None:
    with denied_join_result(), pytest.raises(RuntimeError, match=r"Never call result\.get"):
        done(5).get()
    with denied_join_result(), allow_join_result():
        assert done(5).get() == 5
    with denied_join_result():
        assert done(5).get(disable_sync_subtasks=False) == 5


def test_a_parent_s_failure_is_raised_first(pending: Make, failed: Make, done: Make) -> None:
    grandparent = failed(OutOfStock("apples"))
    result = pending(parent=done(1, parent=grandparent))

    with pytest.raises(OutOfStock):
        result.get(timeout=1)
    with pytest.raises(TimeoutError):
        result.get(timeout=0.01, interval=0.001, follow_parents=False)


def test_then_is_called_when_it_is_there(done: Make) -> None:
    heard: list[Any] = []
    result = done(5)
    result.then(lambda ready: heard.append(ready.result))
    result.get()

    assert heard == [5]


def test_it_is_its_id(app: Any) -> None:
    result = app.AsyncResult("one")

    assert (str(result), repr(result), result.task_id) == ("one", "<AsyncResult: one>", "one")
    assert result == "one"
    assert result == app.AsyncResult("one")
    assert result != app.AsyncResult("two")
    assert (len({result, app.AsyncResult("one")}), result == 1) == (1, False)


def test_an_id_there_must_be(app: Any) -> None:
    with pytest.raises(ValueError, match="requires valid id"):
        app.AsyncResult(None)


def test_a_copy_and_a_pickle_are_equal_and_know_the_parent(app: Any, done: Make) -> None:
    result = done(5, parent=done(1))

    for again in (copy.copy(result), pickle.loads(pickle.dumps(result))):
        assert (again, again.parent, again.get()) == (result, result.parent, 5)


def test_as_a_tuple_it_is_its_id_and_its_parents_and_comes_back(app: Any) -> None:
    result = app.AsyncResult("c", parent=app.AsyncResult("b", parent=app.AsyncResult("a")))

    assert result.as_tuple() == (("c", (("b", (("a", None), None)), None)), None)
    assert result.as_list() == ["c", "b", "a"]
    again = result_from_tuple(result.as_tuple(), app)
    assert (again, again.parent, again.parent.parent) == (result, result.parent, result.parent.parent)


def test_from_a_tuple_a_group_comes_back_as_a_group(app: Any) -> None:
    group = app.GroupResult("g", [app.AsyncResult("a"), app.AsyncResult("b")], parent=app.AsyncResult("p"))

    assert group.as_tuple() == (("g", (("p", None), None)), [(("a", None), None), (("b", None), None)])
    assert result_from_tuple(group.as_tuple(), app) == group
    assert result_from_tuple(group, app) is group


@pytest.fixture
def family(app: Any, done: Make) -> dict[str, Any]:
    """A task that called two others, one of which called a third."""
    made: dict[str, Any] = {"leaf": done(4), "other": done(3)}
    for name, value, children in [("middle", 2, ["leaf"]), ("root", 1, ["middle", "other"])]:
        request = Context(id=name)
        request._children = [made[child] for child in children]
        made[name] = app.AsyncResult(f"{name} of {made['leaf'].id}")
        app.backend.mark_as_done(made[name].id, value, request=request)
    return made


def test_collect_goes_through_all_that_was_called(family: dict[str, Any]) -> None:
    found = list(family["root"].collect())

    assert found == [(family["root"], 1), (family["middle"], 2), (family["other"], 3), (family["leaf"], 4)]
    assert family["root"].get_leaf() == 4


def test_collect_stops_where_something_is_not_ready(app: Any, family: dict[str, Any]) -> None:
    family["other"].forget()

    with pytest.raises(IncompleteStream):
        list(family["root"].iterdeps())
    assert [node for _, node in family["root"].iterdeps(intermediate=True)] == [
        *(family["root"], family["middle"], family["other"], family["leaf"]),
    ]


def test_the_graph_has_an_edge_for_each_call(family: dict[str, Any]) -> None:
    graph = family["root"].graph

    assert graph[family["root"]] == [family["middle"], family["other"]]
    assert graph[family["middle"]] == [family["leaf"]]


def test_children_may_be_groups(app: Any, done: Make) -> None:
    request = Context(id="x")
    request._children = [app.GroupResult("g", [done(1), done(2)])]
    parent = app.AsyncResult("parent of a group")
    app.backend.mark_as_done(parent.id, 0, request=request)

    (group,) = parent.children
    assert isinstance(group, GroupResult)
    assert group.get(interval=0.001) == [1, 2]
