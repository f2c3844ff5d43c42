"""``self.request``: what a task may know about its own run, and how it runs again."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat._state import _task_stack, pop_current_task
from compat.app.task import Context
from compat.contrib.testing.worker import start_worker
from compat.exceptions import MaxRetriesExceededError, Reject, Retry
from compat.utils.threads import LocalManager, LocalStack, release_local

SECONDS = 10


@pytest.fixture
def facts(app: Any) -> Any:
    """A task that says what it knows of its run."""

    @app.task(bind=True, name="facts", shared=False, track_started=True)
    def facts(self: Any, *args: Any, **kwargs: Any) -> Any:
        request = self.request
        named = (
            *("id", "args", "kwargs", "retries", "headers", "group", "group_index", "root_id", "parent_id"),
            *("expires", "eta", "timelimit", "time_limit", "soft_time_limit", "reply_to", "correlation_id"),
            *("hostname", "delivery_info", "is_eager", "called_directly", "origin", "utc", "shadow", "task"),
            "properties",
        )
        return {name: request.get(name) for name in named}

    return facts


@pytest.fixture
def worker(app: Any, facts: Any) -> Iterator[Any]:
    app.finalize()
    with start_worker(app, perform_ping_check=False) as started:
        yield started


def test_a_worker_s_run_knows_its_message(worker: Any, facts: Any) -> None:
    result = facts.apply_async((1,), {"k": 2}, headers={"tenant": "a"}, priority=3, time_limit=9, soft_time_limit=8)
    known = result.get(timeout=SECONDS, interval=0.01)

    assert (known["id"], known["root_id"], known["parent_id"], known["correlation_id"]) == (
        *(result.id, result.id, None, result.id),
    )
    assert (known["args"], known["kwargs"], known["retries"], known["task"]) == ([1], {"k": 2}, 0, "facts")
    assert (known["headers"]["tenant"], known["hostname"]) == ("a", worker.hostname)
    assert (known["timelimit"], known["time_limit"], known["soft_time_limit"]) == ([9, 8], 9, 8)
    assert (known["is_eager"], known["called_directly"]) == (False, False)
    assert (known["delivery_info"]["routing_key"], known["delivery_info"]["priority"]) == ("tests", 3)


LOOKS = {
    "by attribute": lambda request: request.id,
    "by get": lambda request: request.get("id"),
    "as a whole": vars,
    "by its words": repr,
    "by its class": lambda request: request.__class__,
    "by setting something": lambda request: setattr(request, "mine", 1),
    "by update": lambda request: request.update(mine=1),
    "by what it called": lambda request: request.children,
    "by a copy": copy,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_run_that_owes_nothing_knows_its_message_too_however_it_is_first_looked_at(app: Any, look: Any) -> None:
    seen: SimpleQueue[Any] = SimpleQueue()

    @app.task(bind=True, name="looks", shared=False)
    def looks(self: Any, *args: Any, **kwargs: Any) -> None:
        look(self.request)
        seen.put((type(self.request), dict(vars(self.request))))

    with start_worker(app, perform_ping_check=False):
        for ignored in (True, False):
            looks.apply_async((1,), {"k": 2}, task_id="one", headers={"tenant": "a"}, ignore_result=ignored)
        (kind, unread), (_, read) = (seen.get(timeout=SECONDS) for _ in range(2))

    assert kind is Context
    for known in (unread, read):
        known["properties"].pop("delivery_tag")
        known.pop("ignore_result")
    assert unread == read
    assert (unread["id"], unread["args"], unread["headers"]["tenant"]) == ("one", [1], "a")


WAYS = {
    "from the top": lambda stack: stack.top,
    "from the list": lambda stack: stack.stack[-1],
    "by taking it off": lambda stack: stack.push(stack.pop())[-1],
    "from below another": lambda stack: (stack.push(Context()), stack.stack[-2], stack.pop())[1],
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_run_s_request_is_the_same_however_it_is_taken_from_the_stack(app: Any, way: Any) -> None:
    seen: SimpleQueue[Any] = SimpleQueue()

    @app.task(bind=True, name="looks", shared=False, ignore_result=True)
    def looks(self: Any) -> None:
        request = way(self.request_stack)
        seen.put((type(request), request is self.request, request.get("id"), len(self.request_stack)))

    with start_worker(app, perform_ping_check=False):
        result = looks.delay()
        assert seen.get(timeout=SECONDS) == (Context, True, result.id, 1)


@pytest.mark.parametrize("pushed", [SimpleNamespace(id="own"), {"id": "own"}], ids=["an object", "a dict"])
def test_a_request_of_one_s_own_is_the_task_s_as_long_as_it_is_on_the_stack(app: Any, pushed: Any) -> None:
    @app.task(bind=True, name="looks", shared=False)
    def looks(self: Any) -> Any:
        return self.request

    looks.request_stack.push(pushed)
    assert looks.run() is looks.request_stack.top is pushed
    assert looks.request_stack.pop() is pushed
    assert looks.run() is not pushed


TOO_MANY = {
    "its request taken off": lambda task: task.request_stack.pop(),
    "its requests released": lambda task: release_local(task.request_stack),
    "the task taken off": lambda task: pop_current_task(),
    "all tasks released": lambda task: release_local(_task_stack),
}


@pytest.mark.parametrize("take", TOO_MANY.values(), ids=TOO_MANY)
def test_a_task_that_takes_more_off_the_stacks_than_it_has_put_there_succeeds_all_the_same(app: Any, take: Any) -> None:
    @app.task(bind=True, name="takes", shared=False)
    def takes(self: Any) -> str:
        take(self)
        return "done"

    assert takes.apply().get() == "done"
    with start_worker(app, perform_ping_check=False):
        assert takes.delay().get(timeout=SECONDS, interval=0.01) == "done"


def test_a_task_s_requests_are_released_as_any_local_stack_is(app: Any) -> None:
    @app.task(bind=True, name="looks", shared=False)
    def looks(self: Any) -> Any:
        return self.request

    looks.push_request(id="kept")
    assert isinstance(looks.request_stack, LocalStack)
    LocalManager(looks.request_stack).cleanup()
    assert (len(looks.request_stack), looks.request.id) == (0, None)


def test_what_a_task_says_of_itself_shall_follow_it_though_its_result_is_ignored(app: Any) -> None:
    seen: SimpleQueue[Any] = SimpleQueue()

    @app.task(name="follows", shared=False)
    def follows(word: str) -> None:
        seen.put(word)

    @app.task(bind=True, name="says", shared=False, ignore_result=True)
    def says(self: Any) -> None:
        self.request.callbacks, self.request.chain = [follows.si("callback")], [follows.si("chain")]

    with start_worker(app, perform_ping_check=False):
        says.delay()
        assert {seen.get(timeout=SECONDS) for _ in range(2)} == {"callback", "chain"}


def test_it_knows_when_it_was_due_and_until_when(worker: Any, facts: Any) -> None:
    eta = datetime.now(UTC) - timedelta(seconds=5)
    expires = datetime.now(UTC) + timedelta(hours=1)
    known = facts.apply_async(eta=eta, expires=expires).get(timeout=SECONDS, interval=0.01)

    assert datetime.fromisoformat(known["eta"]) == eta
    assert datetime.fromisoformat(known["expires"]) == expires


@pytest.mark.parametrize("when", [{}, {"countdown": 0.05}], ids=["at once", "from the ledger"])
def test_an_option_of_the_caller_s_own_is_found_in_its_properties(
    worker: Any, facts: Any, when: dict[str, float]
) -> None:
    known = facts.apply_async(app_id="shop", tenant="a", argsrepr="()", nothing=None, **when).get(timeout=SECONDS)

    assert {"app_id": "shop", "tenant": "a", "argsrepr": "()"}.items() <= known["properties"].items()
    assert "nothing" not in known["properties"]


def test_an_eager_run_says_that_it_is(app: Any, facts: Any) -> None:
    known = facts.apply((1,), {"k": 2}, task_id="mine", headers={"tenant": "a"}, retries=2).get()

    assert (known["id"], known["root_id"], known["args"], known["kwargs"]) == ("mine", "mine", (1,), {"k": 2})
    assert (known["is_eager"], known["called_directly"], known["retries"]) == (True, False, 2)
    assert (known["headers"], known["delivery_info"]["is_eager"]) == ({"tenant": "a"}, True)


def test_a_task_called_in_a_run_is_its_child(app: Any, facts: Any) -> None:
    @app.task(bind=True, shared=False)
    def outer(self: Any) -> Any:
        return facts.apply().result

    result = outer.apply(task_id="outer")

    assert (result.get()["parent_id"], result.get()["root_id"]) == ("outer", "outer")


def test_a_request_is_over_with_its_run(app: Any, facts: Any) -> None:
    facts.apply(task_id="mine")

    assert (facts.request.id, facts.request.called_directly) == (None, True)


def test_a_context_has_defaults_and_takes_anything() -> None:
    context = Context({"id": "one", "timelimit": (9, 8)}, colour="red")

    assert (context.id, context.colour, context.retries, context.args) == ("one", "red", 0, None)
    assert (context.time_limit, context.soft_time_limit) == (9, 8)
    assert (context.get("colour"), context.get("size"), context.get("size", 5)) == ("red", None, 5)
    context.update(id="two")
    assert context.id == "two"
    context.clear()
    assert context.id is None


def test_headers_that_are_not_celery_s_are_the_user_s() -> None:
    assert Context({"id": "one", "task": "t", "lang": "py", "tenant": "a"}).headers == {"tenant": "a"}


def test_a_run_s_options_go_on_with_the_next(app: Any) -> None:
    context = Context(
        id="one", root_id="root", group="g", chord={"b": 1}, chain=[1], callbacks=[2], errbacks=[3], timelimit=[9, 8]
    )
    options = context.as_execution_options()

    assert (options["task_id"], options["root_id"], options["group_id"], options["chord"]) == (
        *("one", "root", "g", {"b": 1}),
    )
    assert (options["chain"], options["link"], options["link_error"]) == ([1], [2], [3])
    assert (options["time_limit"], options["soft_time_limit"]) == (9, 8)


class TestRetrying:
    """``self.retry`` as a worker's run calls it; what it would send is looked at."""

    @pytest.fixture
    def again(self, app: Any, mocker: MockerFixture) -> Any:
        """The call that the retry sends."""
        return mocker.patch.object(app.Task, "apply_async")

    @pytest.fixture
    def task(self, app: Any) -> Iterator[Any]:
        @app.task(bind=True, name="retried", shared=False, max_retries=3)
        def retried(self: Any, a: Any, b: Any = 0) -> None: ...

        retried.push_request(
            called_directly=False, id="one", args=(1,), kwargs={"b": 2}, retries=1, headers={"tenant": "a"}
        )
        yield retried
        retried.pop_request()

    def test_it_is_the_same_call_once_more_after_the_task_s_delay(self, task: Any, again: Any) -> None:
        with pytest.raises(Retry) as caught:
            task.retry()

        args, kwargs = again.call_args.args
        said = again.call_args.kwargs
        assert (tuple(args), kwargs) == ((1,), {"b": 2})
        assert (said["task_id"], said["retries"], said["countdown"], said["headers"]) == (
            "one",
            2,
            180,
            {"tenant": "a"},
        )
        assert (caught.value.when, caught.value.is_eager) == (180, False)

    def test_other_arguments_and_another_delay_may_be_given(self, task: Any, again: Any) -> None:
        with pytest.raises(Retry):
            task.retry(args=(5,), kwargs={}, countdown=7, queue="slow")

        args, kwargs = again.call_args.args
        assert (tuple(args), kwargs) == ((5,), {})
        assert (again.call_args.kwargs["countdown"], again.call_args.kwargs["queue"]) == (7, "slow")

    def test_an_eta_takes_the_place_of_the_delay(self, task: Any, again: Any) -> None:
        eta = datetime(2040, 1, 1, tzinfo=UTC)
        with pytest.raises(Retry) as caught:
            task.retry(eta=eta)

        assert (again.call_args.kwargs["eta"], again.call_args.kwargs.get("countdown")) == (eta, None)
        assert caught.value.when == eta

    def test_a_delay_of_nothing_is_one(self, task: Any, again: Any) -> None:
        with pytest.raises(Retry):
            task.retry(countdown=0)

        assert again.call_args.kwargs["countdown"] == 0

    def test_without_throw_the_retry_is_returned(self, task: Any, again: Any) -> None:
        error = KeyError("gone")
        retry = task.retry(exc=error, throw=False)

        again.assert_called_once()
        assert (type(retry), retry.exc) == (Retry, error)

    def test_the_last_one_raises_the_error_given_and_sends_nothing(self, task: Any, again: Any) -> None:
        task.request.retries = 3

        with pytest.raises(KeyError, match="gone"):
            task.retry(exc=KeyError("gone"))
        with pytest.raises(MaxRetriesExceededError, match=r"Can't retry retried\[one\]"):
            task.retry()
        with pytest.raises(task.MaxRetriesExceededError):
            task.retry()
        again.assert_not_called()

    def test_the_maximum_may_be_said_for_one_call(self, task: Any, again: Any) -> None:
        task.request.retries = 3
        with pytest.raises(Retry):
            task.retry(max_retries=4)
        with pytest.raises(MaxRetriesExceededError):
            task.retry(max_retries=0)

    def test_without_a_maximum_there_is_no_end(self, task: Any, again: Any) -> None:
        task.request.retries, type(task._get_current_object()).max_retries = 1000, None
        with pytest.raises(Retry):
            task.retry()

        assert again.call_args.kwargs["retries"] == 1001

    def test_a_retry_that_cannot_be_sent_rejects_the_message(self, task: Any, again: Any) -> None:
        again.side_effect = OSError("no broker")

        with pytest.raises(Reject) as caught:
            task.retry()
        assert isinstance(caught.value.reason, OSError)
        assert caught.value.requeue is False
