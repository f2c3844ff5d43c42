"""Receiving events: from a dispatcher, and from a worker at work."""

from __future__ import annotations

from typing import Any

import pytest

from compat.contrib.testing.worker import start_worker
from compat.exceptions import ImproperlyConfigured

SECONDS = 10


@pytest.fixture
def hasty(app: Any) -> Any:
    """The app, on a memory broker that does not make its listeners wait."""
    app.conf.broker_transport_options = {"polling_interval": 0.01}
    return app


def test_what_is_dispatched_is_handled_by_type(hasty: Any) -> None:
    seen: list[tuple[str, str]] = []
    handlers = {
        "task-sent": lambda event: seen.append(("own", event["uuid"])),
        "*": lambda event: seen.append(("all", event["type"])),
    }
    with hasty.connection_for_write() as connection:
        receiver = hasty.events.Receiver(connection, handlers=handlers)
        receiver.queue(connection.default_channel).declare()
        dispatcher = hasty.events.Dispatcher(connection, hostname="one@here")
        dispatcher.send("task-sent", uuid="1")
        dispatcher.send("worker-online")
        receiver.capture(limit=2, timeout=SECONDS, wakeup=False)

    assert seen == [("own", "1"), ("all", "worker-online")]


def test_a_batch_is_handled_event_by_event(hasty: Any) -> None:
    seen: list[str] = []
    with hasty.connection_for_write() as connection:
        receiver = hasty.events.Receiver(connection, handlers={"*": lambda event: seen.append(event["type"])})
        receiver.queue(connection.default_channel).declare()
        with hasty.events.Dispatcher(connection, buffer_group=["task"]) as dispatcher:
            dispatcher.send("task-started", uuid="1")
            dispatcher.send("task-succeeded", uuid="1")
            dispatcher.flush()
        receiver.capture(limit=1, timeout=SECONDS, wakeup=False)

    assert seen == ["task-started", "task-succeeded"]


def test_a_routing_key_selects_events(hasty: Any) -> None:
    seen: list[str] = []
    with hasty.connection_for_write() as connection:
        receiver = hasty.events.Receiver(
            connection, handlers={"*": lambda event: seen.append(event["type"])}, routing_key="task.#"
        )
        receiver.queue(connection.default_channel).declare()
        dispatcher = hasty.events.Dispatcher(connection)
        dispatcher.send("worker-online")
        dispatcher.send("task-sent", uuid="1")
        receiver.capture(limit=1, timeout=SECONDS, wakeup=False)

    assert seen == ["task-sent"]


def test_capturing_ends_after_a_silence(hasty: Any) -> None:
    with hasty.connection_for_write() as connection:
        receiver = hasty.events.Receiver(connection)
        with pytest.raises(TimeoutError):
            receiver.capture(limit=None, timeout=0.01, wakeup=False)


def test_the_logical_clock_follows_the_events(app: Any) -> None:
    receiver = app.events.Receiver(app.connection_for_read())
    type_, event = receiver.event_from_message({"type": "worker-online", "clock": 1000}, localize=False)

    assert (type_, event["clock"]) == ("worker-online", 1000)
    assert app.clock.value > 1000


def test_an_event_of_a_client_is_put_before_our_clock(app: Any) -> None:
    receiver = app.events.Receiver(app.connection_for_read())
    app.clock.adjust(50)
    _, event = receiver.event_from_message({"type": "task-sent", "clock": 99999}, localize=False)

    assert event["clock"] < 99999
    assert event["clock"] == 50


def test_an_event_without_a_clock_gets_ours(app: Any) -> None:
    receiver = app.events.Receiver(app.connection_for_read())
    _, event = receiver.event_from_message({"type": "worker-online"}, localize=False)

    assert event["clock"] == app.clock.value


def test_times_are_as_of_here(app: Any) -> None:
    receiver = app.events.Receiver(app.connection_for_read())
    body = {"type": "worker-online", "timestamp": 10_000.0, "utcoffset": 2}
    _, event = receiver.event_from_message(body, now=lambda: 7.0, adjust_timestamp=lambda ts, off: ts - off * 3600)

    assert (event["timestamp"], event["local_received"]) == (2800.0, 7.0)


def test_a_queue_is_named_by_settings_and_cannot_be_exclusive_and_durable(app: Any) -> None:
    app.conf.update(event_queue_prefix="watch", event_queue_ttl=3, event_queue_expires=9, event_exchange="mine")
    receiver = app.events.Receiver(app.connection_for_read(), node_id="me")

    assert (receiver.queue.name, receiver.exchange.name) == ("watch.me", "mine")
    assert (receiver.queue.message_ttl, receiver.queue.expires, receiver.queue.auto_delete) == (3, 9, True)
    with pytest.raises(ImproperlyConfigured, match="exclusive and durable"):
        app.events.Receiver(app.connection_for_read(), queue_exclusive=True, queue_durable=True)


def test_a_worker_tells_of_itself_and_of_its_tasks(hasty: Any) -> None:
    @hasty.task(name="shop.count", lazy=False)
    def count(x: int) -> int:
        return x

    state = hasty.events.State()
    with hasty.connection_for_read() as connection:
        receiver = hasty.events.Receiver(connection, handlers={"*": state.event})
        receiver.queue(connection.default_channel).declare()
        with start_worker(hasty, perform_ping_check=False, hostname="one@here", task_events=True):
            result = count.delay(4)
            result.get(timeout=SECONDS)
            for _ in receiver.itercapture(limit=None, timeout=SECONDS, wakeup=False):
                if result.id in state.tasks and state.tasks[result.id].ready:
                    break
        told = state.tasks[result.id]

    assert (told.name, told.state, told.result, told.args) == ("shop.count", "SUCCESS", "4", "(4,)")
    assert told.received <= told.started <= told.succeeded
    assert (told.worker.hostname, told.worker.alive) == ("one@here", True)
    assert told.runtime >= 0
