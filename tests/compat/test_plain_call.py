"""Calls without options: another way to the same message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compat import signals
from compat._state import _task_stack
from compat.producing import Catching
from pyramid_scheduler.api import Message


def sent(call: Callable[[], Any]) -> Message:
    with Catching() as caught:
        call()
    (message,) = caught
    return message


def the_long_way(task: Any, *args: Any, **kwargs: Any) -> Message:
    """What is said here is the default; but it is said."""
    return sent(lambda: task.apply_async(args, kwargs, task_id="x", add_to_parent=True))


def plainly(task: Any, *args: Any, **kwargs: Any) -> Message:
    """Not the first one, which takes the long way."""
    task.delay(0)
    return sent(lambda: task.apply_async(args, kwargs, task_id="x"))


@pytest.mark.parametrize(
    "conf",
    [
        {},
        {"task_routes": {"tests.*": {"queue": "elsewhere", "priority": 3}}},
        {"task_routes": [lambda name, args, kwargs, options, task=None, **kw: {"queue": f"q{args[0]}"}]},
        {"task_serializer": "pickle"},
        {"task_compression": "gzip"},
        {"task_repr_maxlevels": 1},
        {"task_protocol": 1},
        {"task_ignore_result": True},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "options", [{}, {"priority": 2}, {"time_limit": 9}, {"serializer": "yaml"}, {"expires": 60}], ids=str
)
def test_its_message_is_the_one_of_the_long_way(app: Any, conf: dict[str, Any], options: dict[str, Any]) -> None:
    app.conf.update(conf)
    moments = iter(range(1, 10**6))
    app.now = lambda: datetime(2030, 1, 1, tzinfo=UTC) + timedelta(hours=next(moments))

    @app.task(name="tests.take", **options)
    def take(*args: Any, **kwargs: Any) -> None: ...

    last = datetime(2000, 1, 1, tzinfo=UTC)
    for args, kwargs in [((1, "a"), {}), (([[[1]]],), {"k": {"a": None}}), ((2,), {"k": "it's"})]:
        ours, theirs = plainly(take, *args, **kwargs), the_long_way(take, *args, **kwargs)
        if "expires" in options and conf != {"task_protocol": 1}:
            first, second = (datetime.fromisoformat(one.headers["expires"]) for one in (ours, theirs))
            assert last < first < second  # each from its own call
            last = second
            theirs = replace(theirs, headers={**theirs.headers, "expires": ours.headers["expires"]})
        assert replace(ours, expires_at=0, body=b"") == replace(theirs, expires_at=0, body=b"")
        if "expires" not in options:
            assert ours == theirs


@pytest.fixture
def take(app: Any) -> Any:
    @app.task(name="tests.take")
    def take(*args: Any) -> None: ...

    take.delay(0)
    return take


def test_settings_that_change_are_obeyed(app: Any, take: Any) -> None:
    app.conf.task_default_queue = "another"
    assert sent(take.delay).queue == "another"
    app.conf.update(task_routes={"tests.take": "routed"})
    assert sent(take.delay).queue == "routed"
    take.ignore_result = True
    assert sent(take.delay).headers["ignore_result"] is True
    app.conf.task_always_eager = True
    assert take.delay().state == "SUCCESS"


def test_receivers_of_signals_hear_of_it_and_may_change_it(take: Any) -> None:
    def mark(headers: dict[str, Any], **_: Any) -> None:
        headers["mark"] = 1

    signals.before_task_publish.connect(mark)
    try:
        assert sent(take.delay).headers["mark"] == 1
    finally:
        signals.before_task_publish.disconnect(mark)
    assert "mark" not in sent(take.delay).headers


def test_who_replaces_the_way_of_sending_is_asked(app: Any, take: Any, mocker: Any) -> None:
    send = mocker.patch.object(app, "send_task")
    take.delay(1)
    assert send.call_args.args[:2] == ("tests.take", (1,))


def test_a_call_from_within_a_run_belongs_to_it(take: Any) -> None:
    take.push_request(id="parent", root_id="root", called_directly=False)
    _task_stack.push(take)
    try:
        headers = sent(take.delay).headers
        assert [child.id for child in take.request.children] == [headers["id"]]
    finally:
        _task_stack.pop()
        take.pop_request()
    assert (headers["parent_id"], headers["root_id"]) == ("parent", "root")
