"""Results, in every backend alike."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from compat import states
from compat.app.task import Context
from compat.exceptions import TaskRevokedError, TimeoutError
from tests.fleet import wait_for
from tests.servers import unique

MakeApp = Callable[..., Any]


class OutOfStock(Exception):
    """An error of an application."""


def test_nobody_has_heard_of_an_unknown_task(backend: Any, task_id: str) -> None:
    assert backend.get_state(task_id) == states.PENDING
    assert backend.get_result(task_id) is None
    assert backend.get_traceback(task_id) is None
    assert backend.get_children(task_id) is None
    assert not backend.task_result_exists(task_id)


def test_what_is_stored_is_found(backend: Any, task_id: str) -> None:
    backend.store_result(task_id, {"sum": 5}, states.SUCCESS)

    assert (backend.get_state(task_id), backend.get_result(task_id)) == (states.SUCCESS, {"sum": 5})
    assert backend.task_result_exists(task_id)


def test_another_process_finds_it(make_app: MakeApp, kind: str, task_id: str) -> None:
    make_app().backend.store_result(task_id, 5, states.SUCCESS)

    assert make_app().backend.get_result(task_id) == 5


def test_a_state_gives_way_to_the_next(backend: Any, task_id: str) -> None:
    seen = []
    for state, meta in [(states.STARTED, {"pid": 1}), ("HALFWAY", {"done": 50}), (states.SUCCESS, 7)]:
        backend.store_result(task_id, meta, state)
        seen.append((backend.get_state(task_id), backend.get_result(task_id)))

    assert seen == [(states.STARTED, {"pid": 1}), ("HALFWAY", {"done": 50}), (states.SUCCESS, 7)]


@pytest.mark.parametrize(
    ("state", "later"),
    [
        (states.FAILURE, ValueError("later")),
        (states.RETRY, ValueError("later")),
        (states.STARTED, {"pid": 1}),
        (states.SUCCESS, "later"),
        ("HALFWAY", "later"),
    ],
    ids=str,
)
def test_nothing_takes_back_a_success(make_app: MakeApp, task_id: str, state: str, later: Any) -> None:
    backend = make_app(result_cache_max=-1).backend
    backend.store_result(task_id, "first", states.SUCCESS)
    backend.store_result(task_id, later, state)

    assert (backend.get_state(task_id), backend.get_result(task_id)) == (states.SUCCESS, "first")


def test_a_failure_gives_way_to_a_success(backend: Any, task_id: str) -> None:
    backend.mark_as_failure(task_id, ValueError("first"))
    backend.mark_as_done(task_id, "then")

    assert (backend.get_state(task_id), backend.get_result(task_id)) == (states.SUCCESS, "then")


@pytest.mark.parametrize(
    "error",
    [ValueError("bad", 3), KeyError("gone"), OutOfStock("apples"), ZeroDivisionError()],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_back_as_its_own_class_with_its_arguments(backend: Any, task_id: str, error: Exception) -> None:
    backend.mark_as_failure(task_id, error, traceback="File …")
    again = backend.get_result(task_id)

    assert (type(again), again.args) == (type(error), error.args)
    assert (backend.get_state(task_id), backend.get_traceback(task_id)) == (states.FAILURE, "File …")


def test_of_an_error_that_is_unknown_here_the_class_has_its_name(backend: Any, task_id: str) -> None:
    class Local(Exception):
        """Not to be imported."""

    backend.mark_as_failure(task_id, Local("where"))
    again = backend.get_result(task_id)

    assert isinstance(again, Exception)
    assert (type(again).__name__.rpartition(".")[2], again.args) == ("Local", ("where",))


def test_the_marks_are_states_with_what_belongs_to_them(backend: Any) -> None:
    marked = {}
    for state, mark in {
        states.STARTED: lambda id_: backend.mark_as_started(id_, pid=7),
        states.SUCCESS: lambda id_: backend.mark_as_done(id_, 1),
        states.RETRY: lambda id_: backend.mark_as_retry(id_, KeyError("again")),
        states.REVOKED: lambda id_: backend.mark_as_revoked(id_, "terminated"),
    }.items():
        task_id = unique("task")
        mark(task_id)
        assert backend.get_state(task_id) == state
        marked[state] = backend.get_result(task_id)

    assert marked[states.STARTED] == {"pid": 7}
    assert isinstance(marked[states.RETRY], KeyError)
    assert isinstance(marked[states.REVOKED], TaskRevokedError)
    assert str(marked[states.REVOKED]) == "terminated"


@pytest.mark.parametrize("cached", [-1, 100])
def test_what_is_forgotten_is_unknown_again(make_app: MakeApp, task_id: str, cached: int) -> None:
    backend = make_app(result_cache_max=cached).backend
    backend.store_result(task_id, 5, states.SUCCESS)
    assert backend.get_result(task_id) == 5
    backend.forget(task_id)

    assert (backend.get_state(task_id), backend.task_result_exists(task_id)) == (states.PENDING, False)


def test_the_moment_it_was_done_is_kept(app: Any, backend: Any, task_id: str) -> None:
    before = datetime.now(UTC)
    backend.store_result(task_id, 5, states.SUCCESS)
    done = app.AsyncResult(task_id).date_done

    done = done if done.tzinfo else done.replace(tzinfo=UTC)
    assert before - timedelta(seconds=1) < done <= datetime.now(UTC)


def test_the_tasks_it_called_are_its_children(app: Any, backend: Any, task_id: str) -> None:
    child, group_id = app.AsyncResult(unique("child")), unique("group")
    group = app.GroupResult(group_id, [app.AsyncResult(unique("part"))])
    request = Context(id=task_id, children=None)
    request._children = [child, group]
    backend.mark_as_done(task_id, 1, request=request)

    assert app.AsyncResult(task_id).children == [child, group]


def test_a_result_as_a_result_is_described(app: Any, backend: Any, task_id: str) -> None:
    backend.store_result(task_id, app.AsyncResult("inner"), states.SUCCESS)

    assert backend.get_result(task_id) == [["inner", None], None]


def test_what_the_call_was_is_kept_where_the_settings_say_so(make_app: MakeApp, task_id: str) -> None:
    app = make_app(result_extended=True)
    request = Context(
        id=task_id,
        task="shop.pay",
        args=[1],
        kwargs={"by": "card"},
        hostname="worker@here",
        retries=2,
        delivery_info={"routing_key": "slow"},
    )
    app.backend.mark_as_done(task_id, "paid", request=request)
    result = app.AsyncResult(task_id)

    assert (result.name, result.args, result.kwargs) == ("shop.pay", [1], {"by": "card"})
    assert (result.worker, result.retries, result.queue) == ("worker@here", 2, "slow")


def test_nothing_of_the_call_is_kept_otherwise(app: Any, task_id: str) -> None:
    app.backend.mark_as_done(task_id, "paid", request=Context(id=task_id, task="shop.pay", args=[1]))

    assert (app.AsyncResult(task_id).name, app.AsyncResult(task_id).args) == (None, None)


def test_stamps_are_kept_with_the_call(make_app: MakeApp, task_id: str) -> None:
    app = make_app(result_extended=True)
    request = Context(id=task_id, stamped_headers=["tenant"], stamps={"tenant": "a"})
    app.backend.mark_as_done(task_id, 1, request=request)

    meta = app.backend.get_task_meta(task_id)
    assert (meta["stamped_headers"], meta["tenant"]) == (["tenant"], "a")


def test_an_ignored_result_is_not_stored(backend: Any, task_id: str) -> None:
    backend.mark_as_done(task_id, 1, request=Context(id=task_id, ignore_result=True))

    assert backend.get_state(task_id) == states.PENDING


def test_a_cached_success_is_not_asked_for_again(make_app: MakeApp, task_id: str, mocker: MockerFixture) -> None:
    backend = make_app(result_cache_max=100).backend
    backend.store_result(task_id, 5, states.SUCCESS)
    assert backend.get_result(task_id) == 5
    ask = mocker.patch.object(backend, "_get_task_meta_for")

    assert (backend.get_result(task_id), backend.is_cached(task_id)) == (5, True)
    ask.assert_not_called()


@pytest.mark.parametrize("cached", [-1, 100])
def test_a_group_is_saved_restored_and_deleted(make_app: MakeApp, cached: int) -> None:
    app = make_app(result_cache_max=cached)
    backend = app.backend
    group_id = unique("group")
    result = app.GroupResult(group_id, [app.AsyncResult(unique("part")) for _ in range(2)])
    assert backend.restore_group(group_id) is None
    result.save()

    assert app.GroupResult.restore(group_id) == result
    backend.delete_group(group_id)
    assert backend.restore_group(group_id) is None


def test_waiting_ends_with_the_time_given(app: Any, task_id: str) -> None:
    with pytest.raises(TimeoutError):
        app.AsyncResult(task_id).get(timeout=0.05, interval=0.01)


def test_waiting_returns_what_is_there(app: Any, backend: Any, task_id: str) -> None:
    backend.store_result(task_id, 5, states.SUCCESS)

    assert app.AsyncResult(task_id).get(timeout=5) == 5


@pytest.mark.parametrize("kind", ["redis"])
def test_a_program_with_many_open_files_hears_of_a_result_too(
    app: Any, backend: Any, task_id: str, many_open_files: None, caplog: pytest.LogCaptureFixture
) -> None:
    channel = backend.get_key_for_task(task_id)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(app.AsyncResult(task_id).get, timeout=10)
        wait_for(lambda: backend.client.pubsub_numsub(channel)[0][1])
        backend.store_result(task_id, 5, states.SUCCESS)

        assert waiting.result() == 5
    assert caplog.records == []


def test_many_results_are_had_at_once(app: Any, backend: Any) -> None:
    ids = [unique("task") for _ in range(5)]
    for number, task_id in enumerate(ids):
        backend.store_result(task_id, number, states.SUCCESS)

    assert app.ResultSet([app.AsyncResult(task_id) for task_id in ids]).get(timeout=5) == [0, 1, 2, 3, 4]


def test_a_backend_comes_back_from_a_pickle(backend: Any, kind: str, task_id: str) -> None:
    backend.store_result(task_id, 5, states.SUCCESS)
    again = pickle.loads(pickle.dumps(backend))

    assert type(again) is type(backend)
    assert again.get_result(task_id) == 5


@pytest.mark.parametrize("serializer", ["json", "pickle", "yaml"])
def test_every_serializer_will_do(make_app: MakeApp, task_id: str, serializer: str) -> None:
    backend = make_app(result_serializer=serializer, accept_content=["json", serializer]).backend
    backend.store_result(task_id, {"a": [1, None, "ü"]}, states.SUCCESS)

    assert backend.get_result(task_id) == {"a": [1, None, "ü"]}
    failed = unique("task")
    backend.mark_as_failure(failed, ValueError("bad", 3))
    assert repr(backend.get_result(failed)) == "ValueError('bad', 3)"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_values)
def test_whatever_json_can_say_comes_back_as_it_was(backend: Any, value: Any) -> None:
    task_id = unique("task")
    backend.store_result(task_id, value, states.SUCCESS)

    assert backend.get_result(task_id) == value
