"""The result of a task that was run here."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from compat import states
from compat.exceptions import TaskRevokedError
from compat.result import EagerResult, denied_join_result


def success() -> EagerResult:
    return EagerResult("one", 5, states.SUCCESS, name="add")


def failure() -> EagerResult:
    return EagerResult("two", KeyError("gone"), states.FAILURE, traceback="File …", name="add")


def test_it_is_there_at_once(app: Any) -> None:
    result = success()

    assert (result.ready(), result.successful(), result.failed()) == (True, True, False)
    assert (result.id, result.state, result.result, result.info, result.get(), result.name) == (
        *("one", states.SUCCESS, 5, 5, 5, "add"),
    )


def test_a_failure_is_raised_or_returned(app: Any) -> None:
    result = failure()

    assert (result.state, result.traceback, result.failed()) == (states.FAILURE, "File …", True)
    assert repr(result.get(propagate=False)) == "KeyError('gone')"
    with pytest.raises(KeyError):
        result.get()
    with pytest.raises(KeyError):
        result.maybe_throw()


def test_a_task_that_failed_here_is_told_of_by_its_group(app: Any) -> None:
    @app.task
    def fail() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError):
        app.GroupResult("g", [fail.apply()]).maybe_throw()


def test_of_what_is_no_exception_one_is_made(app: Any) -> None:
    with pytest.raises(Exception, match=r"^text$"):
        EagerResult("one", "text", states.FAILURE).get()


@pytest.mark.parametrize("state", [states.RETRY, states.IGNORED, states.REJECTED])
def test_of_what_neither_succeeded_nor_failed_there_is_nothing(app: Any, state: str) -> None:
    assert EagerResult("one", KeyError("again"), state).get() is None


def test_revoking_it_comes_too_late_for_the_task_only(app: Any) -> None:
    result = success()
    result.revoke()

    assert result.state == states.REVOKED
    with pytest.raises(TaskRevokedError):
        result.get()


def test_forgetting_it_does_nothing(app: Any) -> None:
    result = success()
    result.forget()

    assert result.get() == 5


def test_then_is_called_at_once(app: Any) -> None:
    heard: list[Any] = []
    success().then(lambda result: heard.append(result.get()))

    assert heard == [5]


def test_within_a_task_it_is_not_waited_for_either(app: Any) -> None:
    with denied_join_result(), pytest.raises(RuntimeError):
        success().get()


def test_a_copy_and_a_pickle_are_the_same(app: Any) -> None:
    for result in (success(), failure()):
        for again in (copy.copy(result), pickle.loads(pickle.dumps(result))):
            assert (again, again.state, repr(again.result)) == (result, result.state, repr(result.result))


def test_it_reads_as_what_it_is(app: Any) -> None:
    assert repr(success()) == "<EagerResult: one>"
