"""What a worker tells of its tasks, and a client of what it sends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest
from pytest_mock import MockerFixture

from compat import signals
from compat.contrib.testing.worker import start_worker
from compat.exceptions import Ignore, Reject
from compat.worker import state

SECONDS = 10
Told = Callable[[str, str], dict[str, Any]]


@pytest.fixture
def told(app: Any) -> Iterator[Told]:
    """With a worker at work: ``told(type, id)`` waits for that event of that task; ``told.seen`` has all."""
    app.conf.broker_transport_options = {"polling_interval": 0.01}
    seen: list[dict[str, Any]] = []
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": seen.append})
        receiver.queue(connection.default_channel).declare()

        def find(type_: str, uuid: str) -> dict[str, Any] | None:
            return next((event for event in seen if (event["type"], event.get("uuid")) == (type_, uuid)), None)

        def wait(type_: str, uuid: str) -> dict[str, Any]:
            if (found := find(type_, uuid)) is not None:
                return found
            for _ in receiver.itercapture(limit=None, timeout=SECONDS, wakeup=False):
                if (found := find(type_, uuid)) is not None:
                    return found
            raise AssertionError(f"nobody told of {type_}")

        wait.seen = seen  # type: ignore[attr-defined]
        with start_worker(app, perform_ping_check=False, hostname="one@here", task_events=True):
            yield wait


def types_of(told: Any, uuid: str) -> list[str]:
    return [event["type"] for event in told.seen if event.get("uuid") == uuid]


def test_a_task_that_fails_is_told_with_its_error(app: Any, told: Told) -> None:
    @app.task(name="shop.broken", lazy=False)
    def broken() -> None:
        raise ValueError("no")

    uuid = broken.delay().id
    event = told("task-failed", uuid)

    assert event["exception"] == "ValueError('no')"
    assert "in broken" in event["traceback"]
    assert types_of(told, uuid) == ["task-received", "task-started", "task-failed"]


def test_a_task_that_is_tried_again_is_told_each_time(app: Any, told: Told) -> None:
    @app.task(name="shop.flaky", bind=True, lazy=False)
    def flaky(self: Any) -> str:
        if not self.request.retries:
            raise self.retry(exc=KeyError("k"), countdown=0)
        return "done"

    uuid = flaky.delay().id
    told("task-succeeded", uuid)

    assert told("task-retried", uuid)["exception"] == "KeyError('k')"
    assert types_of(told, uuid) == [
        *("task-received", "task-started", "task-retried"),
        *("task-received", "task-started", "task-succeeded"),
    ]


def test_a_task_called_under_another_name_is_told_and_logged_by_that(
    app: Any, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    received: list[Any] = []
    note = signals.task_received.connect(lambda request, **_: received.append(request), weak=False)

    @app.task(name="shop.plain", lazy=False)
    def plain() -> None: ...

    uuid = plain.apply_async(shadow="shop.shadow").id
    late = plain.apply_async(shadow="shop.shadow", expires=-1).id
    told("task-succeeded", uuid)
    told("task-revoked", late)
    signals.task_received.disconnect(note)

    assert told("task-received", uuid)["name"] == "shop.shadow"
    assert [(one.name, one.task_name, one.type, str(one)) for one in received] == [
        ("shop.shadow", "shop.shadow", "shop.plain", f"shop.shadow[{uuid}]")
    ]
    assert (received[0].info()["name"], received[0].info()["type"]) == ("shop.shadow", "shop.plain")
    assert f"Task shop.shadow[{uuid}] received" in caplog.text
    assert f"Discarding expired task: shop.shadow[{late}]" in caplog.text


def test_an_expired_task_is_told_as_revoked(app: Any, told: Told) -> None:
    @app.task(name="shop.count", lazy=False)
    def count() -> None: ...

    event = told("task-revoked", count.apply_async(expires=-1).id)

    assert (event["expired"], event["terminated"]) == (True, False)


def test_a_revoked_task_is_told_as_revoked(app: Any, told: Told) -> None:
    @app.task(name="shop.count", lazy=False)
    def count() -> None: ...

    state.revoked.add("revoked-and-told")
    event = told("task-revoked", count.apply_async(task_id="revoked-and-told").id)

    assert (event["expired"], event["terminated"]) == (False, False)


def test_a_rejected_task_is_told_as_failed_and_as_rejected(app: Any, told: Told) -> None:
    @app.task(name="shop.picky", acks_late=True, lazy=False)
    def picky() -> None:
        raise Reject("not mine")

    uuid = picky.delay().id

    assert told("task-rejected", uuid)["requeue"] is False
    assert types_of(told, uuid) == ["task-received", "task-started", "task-failed", "task-rejected"]


def test_of_an_ignored_task_no_end_is_told(app: Any, told: Told) -> None:
    @app.task(name="shop.ignored", lazy=False)
    def ignored() -> None:
        raise Ignore

    @app.task(name="shop.count", lazy=False)
    def count() -> None: ...

    uuid = ignored.delay().id
    told("task-succeeded", count.delay().id)

    assert types_of(told, uuid) == ["task-received", "task-started"]


def test_a_client_tells_what_it_sends_where_that_is_wanted(app: Any, told: Told) -> None:
    app.conf.task_send_sent_event = True
    uuid = app.send_task("shop.elsewhere", (1,), {"x": 2}, queue="elsewhere").id
    event = told("task-sent", uuid)

    assert (event["name"], event["args"], event["kwargs"]) == ("shop.elsewhere", "(1,)", "{'x': 2}")
    assert (event["queue"], event["routing_key"], event["retries"]) == ("elsewhere", "elsewhere", 0)


def test_a_worker_s_own_signals_tell_its_process_and_what_sends_its_events(app: Any, mocker: MockerFixture) -> None:
    mocker.patch("compat.worker.events.HEARTBEAT_SECONDS", 0.25)
    ready, beats = SimpleQueue[Any](), SimpleQueue[Any]()
    signals.worker_ready.connect(lambda sender, **told: ready.put(sender), weak=False, dispatch_uid="own")
    signals.heartbeat_sent.connect(lambda sender, **told: beats.put(sender), weak=False, dispatch_uid="own")
    try:
        with start_worker(app, perform_ping_check=False, without_heartbeat=False):
            consumer, heart = ready.get(timeout=SECONDS), beats.get(timeout=SECONDS)
            assert (consumer.pid, heart.interval) == (os.getpid(), 2.0)
            assert heart.eventer is consumer.event_dispatcher
            assert heart.eventer.enabled
    finally:
        signals.worker_ready.disconnect(dispatch_uid="own")
        signals.heartbeat_sent.disconnect(dispatch_uid="own")
