"""Calling tasks: directly, eagerly, with wrong arguments."""

from __future__ import annotations

from typing import Any

import pytest
from kombu.exceptions import EncodeError

from compat import states
from compat.app import trace
from compat.exceptions import MaxRetriesExceededError, Reject, Retry
from compat.utils.time import get_exponential_backoff_interval


def test_a_direct_call_is_a_plain_call_with_a_request_of_its_own(app: Any) -> None:
    @app.task(bind=True)
    def who(self: Any) -> Any:
        return self.request.called_directly, self.request.id, self.request.retries

    assert who() == (True, None, 0)


def test_wrong_arguments_are_refused_where_the_task_is_called(app: Any) -> None:
    @app.task(bind=True)
    def add(self: Any, x: int, y: int, *, z: int = 0) -> int:
        return x + y + z

    with pytest.raises(TypeError):
        add.delay(2)
    with pytest.raises(TypeError):
        add.delay(2, 3, w=1)


def test_with_typing_off_wrong_arguments_are_sent(app: Any) -> None:
    @app.task(typing=False)
    def add(x: int, y: int) -> int:
        return x + y

    assert add.delay(2).id


def test_a_soft_limit_above_the_hard_one_is_refused(app: Any) -> None:
    @app.task(soft_time_limit=2, time_limit=1)
    def slow() -> None: ...

    with pytest.raises(ValueError, match="soft_time_limit"):
        slow.delay()


def test_an_argument_that_cannot_be_written_is_an_encode_error(app: Any) -> None:
    @app.task
    def take(x: Any) -> None: ...

    with pytest.raises(EncodeError):
        take.delay(object())


def test_an_eager_task_sees_what_a_worker_would(app: Any) -> None:
    app.conf.task_always_eager = True

    @app.task
    def kind(value: Any) -> str:
        return type(value).__name__

    assert kind.delay((1, 2)).get() == "list"


def test_an_eager_failure_raises_only_when_it_is_asked_for(app: Any) -> None:
    app.conf.task_always_eager = True

    @app.task
    def boom() -> None:
        raise ValueError("bad", 3)

    result = boom.delay()
    assert result.state == states.FAILURE
    with pytest.raises(ValueError) as caught:
        result.get()
    assert caught.value.args == ("bad", 3)
    app.conf.task_eager_propagates = True
    with pytest.raises(ValueError):
        boom.delay()


def test_waiting_for_a_result_inside_a_task_is_refused(app: Any) -> None:
    app.conf.task_always_eager = True

    @app.task
    def inner() -> int:
        return 1

    @app.task
    def outer() -> Any:
        return inner.delay().get()

    with pytest.raises(RuntimeError, match=r"Never call result\.get"):
        outer.delay().get()


def test_eager_retries_end_with_the_error_that_was_given(app: Any) -> None:
    runs: list[int] = []

    @app.task(bind=True, max_retries=2)
    def failing(self: Any) -> None:
        runs.append(self.request.retries)
        raise self.retry(exc=KeyError("gone"), countdown=0)

    result = failing.apply()

    assert runs == [0, 1, 2]
    with pytest.raises(KeyError):
        result.get()


def test_eager_retries_end_with_max_retries_exceeded_without_one(app: Any) -> None:
    @app.task(bind=True, max_retries=1)
    def failing(self: Any) -> None:
        raise self.retry(countdown=0)

    with pytest.raises(MaxRetriesExceededError, match="Can't retry"):
        failing.apply().get()


def test_autoretry_retries_for_the_named_errors_and_no_others(app: Any) -> None:
    runs: list[str] = []

    @app.task(autoretry_for=(LookupError,), dont_autoretry_for=(IndexError,), retry_kwargs={"max_retries": 2})
    def flaky(error: str) -> None:
        runs.append(error)
        raise {"key": KeyError, "index": IndexError}[error]("x")

    with pytest.raises(KeyError):
        flaky.apply(("key",)).get()
    with pytest.raises(IndexError):
        flaky.apply(("index",)).get()
    assert runs == ["key", "key", "key", "index"]


def test_backoff_doubles_up_to_its_maximum_and_jitter_draws_below_it() -> None:
    assert [get_exponential_backoff_interval(1, n, 600) for n in range(4)] == [1, 2, 4, 8]
    assert get_exponential_backoff_interval(1, 20, 600) == 600
    assert all(0 <= get_exponential_backoff_interval(4, 1, 600, full_jitter=True) <= 8 for _ in range(50))


def test_retry_outside_of_a_worker_raises_the_error_at_hand(app: Any) -> None:
    @app.task(bind=True)
    def direct(self: Any) -> None:
        try:
            raise ValueError("mine")
        except ValueError as error:
            self.retry(exc=error)

    with pytest.raises(ValueError, match="mine"):
        direct()


def test_new_positional_arguments_of_a_retry_replace_inherited_keywords(app: Any) -> None:
    @app.task(bind=True, max_retries=1)
    def task(self: Any, a: int, b: int = 0) -> Any:
        if not self.request.retries:
            raise self.retry(args=(5,), countdown=0)
        return a, b

    assert task.apply(kwargs={"a": 1, "b": 2}).get() == (5, 2)


def test_the_handlers_are_called_in_celerys_order(app: Any) -> None:
    calls: list[str] = []

    class Base(app.Task):  # type: ignore[misc,name-defined]
        def before_start(self, *args: Any) -> None:
            calls.append("before_start")

        def on_success(self, *args: Any) -> None:
            calls.append("on_success")

        def on_failure(self, *args: Any) -> None:
            calls.append("on_failure")

        def after_return(self, status: str, *args: Any) -> None:
            calls.append(f"after_return {status}")

    @app.task(base=Base)
    def task(fails: bool) -> None:
        calls.append("run")
        if fails:
            raise ValueError

    task.apply((False,))
    task.apply((True,))

    assert calls == [
        *("before_start", "run", "on_success", "after_return SUCCESS"),
        *("before_start", "run", "on_failure", "after_return FAILURE"),
    ]


def test_a_call_of_the_base_from_an_own_call_stays_in_the_same_request(app: Any) -> None:
    class Base(app.Task):  # type: ignore[misc,name-defined]
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            self.request.update(stashed="here")
            return super().__call__("injected", *args, **kwargs)

    @app.task(base=Base, bind=True, typing=False)
    def task(self: Any, first: str, second: int) -> Any:
        return first, second, self.request.stashed

    assert task.apply((2,)).get() == ("injected", 2, "here")


def test_a_coroutine_is_awaited(app: Any) -> None:
    @app.task
    async def double(x: int) -> int:
        return x * 2

    assert double.apply((4,)).get() == 8


def test_how_the_end_of_a_run_is_logged_is_found_where_celery_has_it() -> None:
    theirs = pytest.importorskip("celery.app.trace")
    wanted = {name for name in vars(theirs) if name.startswith(("LOG_", "log_policy_"))}

    assert wanted
    assert wanted <= vars(trace).keys()


def test_retry_and_reject_read_well() -> None:
    assert str(Retry(exc=KeyError("x"), when=20)) == "Retry in 20s: KeyError('x')"
    assert repr(Reject("why", requeue=True)) == "reject requeue=True: why"
