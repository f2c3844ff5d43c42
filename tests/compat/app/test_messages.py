"""Calls as messages of both protocols."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def test_protocol_2_has_the_call_in_headers_and_the_arguments_in_the_body(app: Any) -> None:
    message = app.amqp.as_task_v2("id", "shop.add", (1, 2), {"x": 3}, root_id="root", parent_id="parent", retries=4)
    headers = message.headers

    assert (headers["lang"], headers["task"], headers["id"]) == ("py", "shop.add", "id")
    assert (headers["root_id"], headers["parent_id"], headers["retries"]) == ("root", "parent", 4)
    assert (headers["argsrepr"], headers["kwargsrepr"]) == ("(1, 2)", "{'x': 3}")
    assert message.properties == {"correlation_id": "id", "reply_to": ""}
    assert message.body == (
        (1, 2),
        {"x": 3},
        {"callbacks": None, "errbacks": None, "chain": None, "chord": None},
    )


def test_protocol_1_has_everything_in_the_body(app: Any) -> None:
    message = app.amqp.as_task_v1("id", "shop.add", (1,), {"x": 3}, retries=4, group_id="g", time_limit=9)

    assert message.headers == {}
    assert (message.body["task"], message.body["id"], message.body["args"]) == ("shop.add", "id", (1,))
    assert (message.body["taskset"], message.body["retries"], message.body["timelimit"]) == ("g", 4, (9, None))
    assert message.body["utc"] is True


def test_the_protocol_is_a_setting(app: Any) -> None:
    app.conf.task_protocol = 1

    assert app.amqp.create_task_message is app.amqp.as_task_v1


def test_a_task_is_its_own_root_unless_it_has_one(app: Any) -> None:
    assert app.amqp.as_task_v2("id", "t").headers["root_id"] == "id"


@pytest.mark.parametrize("protocol", [1, 2])
def test_delays_become_dates(app: Any, protocol: int) -> None:
    message = app.amqp.task_protocols[protocol]("id", "t", countdown=60, expires=3600, now=NOON)
    said = message.headers if protocol == 2 else message.body

    assert datetime.fromisoformat(said["eta"]) == NOON + timedelta(minutes=1)
    assert datetime.fromisoformat(said["expires"]) == NOON + timedelta(hours=1)


def test_dates_are_written_in_iso(app: Any) -> None:
    headers = app.amqp.as_task_v2("id", "t", eta=NOON, expires=NOON).headers

    assert (headers["eta"], headers["expires"]) == ("2026-05-01T12:00:00+00:00",) * 2


@pytest.mark.parametrize("protocol", [1, 2])
def test_arguments_of_the_wrong_kind_are_refused(app: Any, protocol: int) -> None:
    make = app.amqp.task_protocols[protocol]

    with pytest.raises(TypeError, match="list or tuple"):
        make("id", "t", args="abc")
    with pytest.raises(TypeError, match="mapping"):
        make("id", "t", kwargs=[1])
    with pytest.raises(ValueError, match="out of range"):
        make("id", "t", countdown=-(2**40))


def test_long_arguments_are_cut_for_people_only(app: Any) -> None:
    message = app.amqp.as_task_v2("id", "t", ("x" * 5000,))

    assert len(message.headers["argsrepr"]) < 1100
    assert message.body[0] == ("x" * 5000,)


def test_stamps_are_named_in_a_header_and_kept_in_another(app: Any) -> None:
    headers = app.amqp.as_task_v2("id", "t", stamped_headers=["customer"], customer="acme").headers

    assert (headers["stamped_headers"], headers["stamps"]) == (["customer"], {"customer": "acme"})


@pytest.mark.parametrize("protocol", [1, 2])
def test_an_event_of_the_sending_is_made_where_it_is_wanted(app: Any, protocol: int) -> None:
    make = app.amqp.task_protocols[protocol]

    assert make("id", "t").sent_event is None
    event = make("id", "t", (1,), create_sent_event=True).sent_event
    assert (event["uuid"], event["name"], event["args"]) == ("id", "t", "(1,)")


def test_a_sent_message_has_the_priority_and_headers_of_the_call(app: Any) -> None:
    app.send_task("shop.add", (1,), priority=5, headers={"tenant": "a"}, task_id="id", expires=60)
    with app.connection_for_read() as connection:
        message = connection.default_channel.basic_get("tests", no_ack=True)

    assert message.properties["priority"] == 5
    assert (message.headers["tenant"], message.headers["id"]) == ("a", "id")
    assert (message.content_type, message.content_encoding) == ("application/json", "utf-8")


def test_annotations_by_name_by_star_and_by_class_change_tasks_and_the_first_of_a_kind_counts(app: Any) -> None:
    class Annotation:
        def annotate(self, task: Any) -> Any:
            return {"max_retries": 9} if task.name == "shop.add" else None

        def annotate_any(self) -> Any:
            return {"priority": 1}

    by_name = {"shop.add": {"max_retries": 1}, "shop.other": {"rate_limit": "1/s"}, "*": {"priority": 2}}
    app.conf.task_annotations = [Annotation(), by_name]
    add = app.task(name="shop.add", lazy=False)(added)
    other = app.task(name="shop.other", lazy=False)(added)

    assert (add.max_retries, add.rate_limit, add.priority) == (9, None, 1)
    assert (other.max_retries, other.rate_limit, other.priority) == (3, "1/s", 1)


def added(x: int, y: int) -> int:
    return x + y
