"""Sending events."""

from __future__ import annotations

from typing import Any

import pytest

from compat.events import Event, get_exchange, group_from


class Producer:
    """Keeps what is published; refuses it while ``is_down``."""

    def __init__(self) -> None:
        self.published: list[tuple[Any, str]] = []
        self.is_down = False

    def publish(self, event: Any, routing_key: str, **options: Any) -> None:
        if self.is_down:
            raise ConnectionError("the broker is away")
        self.published.append((event, routing_key))

    @property
    def keys(self) -> list[str]:
        return [key for _, key in self.published]


@pytest.fixture
def producer() -> Producer:
    return Producer()


def dispatcher(app: Any, producer: Producer, **options: Any) -> Any:
    made = app.events.Dispatcher(app.connection_for_write(), hostname="one@here", **options)
    made.producer = producer
    return made


def test_an_event_is_a_dict_with_its_type_and_its_time() -> None:
    event = Event("task-sent", {"uuid": "1"}, name="t")

    assert (event["type"], event["uuid"], event["name"]) == ("task-sent", "1", "t")
    assert event["timestamp"] > 0
    assert Event("x", timestamp=5)["timestamp"] == 5


def test_the_group_of_an_event_is_what_its_type_begins_with() -> None:
    assert group_from("task-custom-sent") == "task"


def test_the_exchange_carries_topics_except_on_redis(app: Any) -> None:
    connection = app.connection_for_write()
    assert (get_exchange(connection).name, get_exchange(connection).type) == ("celeryev", "topic")

    class Redis:
        class transport:
            driver_type = "redis"

    assert get_exchange(Redis(), name="mine").type == "fanout"


def test_an_event_says_who_where_and_when(app: Any, producer: Producer) -> None:
    made = dispatcher(app, producer)
    made.send("worker-online", freq=2)
    [(event, key)] = producer.published

    assert (event["type"], event["hostname"], event["freq"], key) == ("worker-online", "one@here", 2, "worker.online")
    assert {"pid", "clock", "utcoffset", "timestamp"} <= event.keys()


def test_each_event_is_later_on_the_logical_clock_unless_it_is_blind(app: Any, producer: Producer) -> None:
    made = dispatcher(app, producer)
    made.send("worker-online")
    made.send("worker-offline")
    made.send("worker-custom", blind=True)
    clocks = [event["clock"] for event, _ in producer.published]

    assert clocks[0] < clocks[1]
    assert clocks[2] is None


def test_events_of_other_groups_are_not_sent(app: Any, producer: Producer) -> None:
    made = dispatcher(app, producer, groups=["worker"])
    made.send("task-sent", uuid="1")
    made.send("worker-online")

    assert producer.keys == ["worker.online"]


def test_events_of_buffered_groups_travel_in_batches(app: Any, producer: Producer) -> None:
    told: list[int] = []
    made = dispatcher(app, producer, buffer_group=["task"], buffer_limit=2, on_send_buffered=lambda: told.append(1))
    made.send("task-started", uuid="1")
    assert (producer.published, told) == ([], [1])
    made.send("task-succeeded", uuid="1")
    [(batch, key)] = producer.published

    assert ([event["type"] for event in batch], key) == (["task-started", "task-succeeded"], "task.multi")


def test_a_flush_sends_the_batch_that_is_not_full(app: Any, producer: Producer) -> None:
    made = dispatcher(app, producer, buffer_group=["task"])
    made.send("task-started", uuid="1")
    made.flush(groups=False)
    assert producer.published == []
    made.flush()
    made.flush()

    assert producer.keys == ["task.multi"]


def test_while_the_broker_is_away_events_are_kept_for_the_next_flush(app: Any, producer: Producer) -> None:
    made = dispatcher(app, producer)
    producer.is_down = True
    made.send("worker-online")
    made.send("worker-heartbeat")
    producer.is_down = False
    made.flush()

    assert producer.keys == ["worker.online", "worker.heartbeat"]


def test_another_dispatcher_takes_over_what_was_kept(app: Any, producer: Producer) -> None:
    first, second = dispatcher(app, producer), dispatcher(app, producer)
    producer.is_down = True
    first.send("worker-online")
    producer.is_down = False
    second.extend_buffer(first)
    second.flush()

    assert producer.keys == ["worker.online"]


def test_without_a_buffer_the_broker_being_away_is_an_error(app: Any, producer: Producer) -> None:
    made = dispatcher(app, producer, buffer_while_offline=False)
    producer.is_down = True

    with pytest.raises(ConnectionError):
        made.send("worker-online")


def test_it_may_be_disabled_and_enabled_and_tells_of_it(app: Any, producer: Producer) -> None:
    told: list[str] = []
    made = dispatcher(app, producer)
    made.on_enabled.add(lambda: told.append("on"))
    made.on_disabled.add(lambda: told.append("off"))
    made.disable()
    made.send("worker-online")
    made.disable()
    made.enable()

    assert (told, made.enabled, producer.published) == (["off", "on"], True, [])


def test_one_that_is_closed_sends_nothing(app: Any, producer: Producer) -> None:
    with dispatcher(app, producer) as made:
        pass
    made.send("worker-online")

    assert producer.published == []


def test_an_event_is_published_with_a_producer_of_the_callers(app: Any, producer: Producer) -> None:
    other = Producer()
    dispatcher(app, producer).publish("task-custom", {"uuid": "1"}, other)

    assert (other.keys, producer.keys) == (["task.custom"], [])
