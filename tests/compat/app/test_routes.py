"""Which queue a task goes to."""

from __future__ import annotations

import re
from typing import Any

import pytest
from kombu import Exchange, Queue

from compat.app.routes import MapRoute
from compat.exceptions import QueueNotFound


class ByCustomer:
    """A router of the application's own, as a class."""

    def route_for_task(self, task: str, args: Any = None, kwargs: Any = None) -> Any:
        return {"queue": f"customer-{kwargs['customer']}"} if "customer" in kwargs else None


def by_suffix(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **others: Any) -> Any:
    """A router of the application's own, as a function."""
    return "late" if name.endswith(".late") else None


def routed(app: Any, name: str, routes: Any = None, kwargs: Any = None, **options: Any) -> Any:
    if routes is not None:
        app.conf.update(task_routes=routes)
    found = app.amqp.router.route(options, name, (), kwargs or {})
    return {**found, "queue": found["queue"].name}


def test_without_routes_tasks_go_to_the_default_queue(app: Any) -> None:
    assert routed(app, "shop.count") == {"queue": "tests"}


@pytest.mark.parametrize("route", ["shop", {"queue": "shop"}])
def test_a_route_is_a_queue_or_options_with_one(app: Any, route: Any) -> None:
    assert routed(app, "shop.count", {"shop.count": route})["queue"] == "shop"


def test_a_route_may_say_more_than_the_queue(app: Any) -> None:
    found = routed(app, "shop.count", {"shop.count": {"queue": "shop", "priority": 7, "routing_key": "k"}})

    assert (found["priority"], found["routing_key"]) == (7, "k")


def test_what_the_caller_says_wins_over_the_route(app: Any) -> None:
    routes = {"shop.count": {"queue": "shop", "priority": 7}}

    assert routed(app, "shop.count", routes, priority=1)["priority"] == 1
    assert routed(app, "shop.count", queue="mine") == {"queue": "mine", "priority": 7}


def test_globs_and_patterns_match_names_and_the_exact_name_comes_first(app: Any) -> None:
    routes = {
        "shop.*": "shop",
        re.compile(r"(mail|print)\..+"): "paper",
        "shop.count": "exact",
    }

    assert routed(app, "shop.count", routes)["queue"] == "exact"
    assert routed(app, "shop.sum")["queue"] == "shop"
    assert routed(app, "mail.send")["queue"] == "paper"
    assert routed(app, "elsewhere")["queue"] == "tests"


def test_of_two_patterns_the_first_counts() -> None:
    assert MapRoute([("shop.*", "a"), ("shop.c*", "b")])("shop.count") == {"queue": "a"}


def test_routers_are_asked_in_their_order_until_one_knows(app: Any) -> None:
    routes = [by_suffix, ByCustomer(), {"shop.*": "shop"}]

    assert routed(app, "shop.late", routes)["queue"] == "late"
    assert routed(app, "shop.count", kwargs={"customer": "acme"})["queue"] == "customer-acme"
    assert routed(app, "shop.count")["queue"] == "shop"


@pytest.mark.parametrize("name", [f"{__name__}:ByCustomer", f"{__name__}.ByCustomer"])
def test_a_router_may_be_named(app: Any, name: str) -> None:
    assert routed(app, "shop.count", (name,), kwargs={"customer": "acme"})["queue"] == "customer-acme"
    assert routed(app, "shop.late", f"{__name__}:by_suffix")["queue"] == "late"


def test_a_queue_that_is_not_declared_is_refused_where_none_may_be_made(app: Any) -> None:
    app.conf.update(task_create_missing_queues=False, task_routes={"shop.count": "undeclared"})

    with pytest.raises(QueueNotFound, match="undeclared"):
        app.amqp.router.route({}, "shop.count")


def test_a_routed_task_is_delivered_to_its_queue(app: Any) -> None:
    app.conf.task_routes = {"shop.*": {"queue": "shop"}}
    app.send_task("shop.count", (1,))
    with app.connection_for_read() as connection:
        message = connection.default_channel.basic_get("shop", no_ack=True)

    assert message.headers["task"] == "shop.count"
    assert message.delivery_info["routing_key"] == "shop"


def test_declared_queues_are_taken_from_and_keep_their_exchange(app: Any) -> None:
    app.conf.task_queues = [Queue("a", Exchange("ex", "topic"), routing_key="a.#"), Queue("b")]
    queues = app.amqp.queues

    assert list(queues.consume_from) == ["a", "b"]
    assert (queues["a"].exchange.name, queues["a"].routing_key) == ("ex", "a.#")
    assert queues["b"].exchange.name == "tests"


def test_queues_may_be_declared_as_a_dict(app: Any) -> None:
    app.conf.task_queues = {"a": {"exchange": "ex", "exchange_type": "topic", "binding_key": "k"}, "b": {}}
    queues = app.amqp.queues

    assert (queues["a"].exchange.type, queues["a"].routing_key) == ("topic", "k")
    assert queues["b"].routing_key == "b"


def test_a_queue_that_is_first_named_is_made_and_not_taken_from(app: Any) -> None:
    queues = app.amqp.queues
    made = queues["new"]

    assert (made.name, made.exchange.name, made.routing_key) == ("new", "new", "new")
    assert list(queues.consume_from) == ["tests"]
    assert queues["new"] is made


def test_selected_queues_are_the_only_ones_taken_from(app: Any) -> None:
    app.conf.task_queues = [Queue("a"), Queue("b"), Queue("c")]
    queues = app.amqp.queues
    queues.select(["a", "b"])
    assert sorted(queues.consume_from) == ["a", "b"]
    queues.deselect("a")
    assert list(queues.consume_from) == ["b"]
    queues.select_add("d")

    assert sorted(queues.consume_from) == ["b", "d"]


def test_a_queue_is_known_by_its_alias(app: Any) -> None:
    queue = Queue("long-name", alias="short")
    app.conf.task_queues = [queue]

    assert app.amqp.queues["short"].name == "long-name"


def test_queues_may_all_have_priorities(app: Any) -> None:
    app.conf.task_queue_max_priority = 9
    own = Queue("own", queue_arguments={"x-max-priority": 3})
    queues = app.amqp.Queues([own, Queue("other")])

    assert queues["own"].queue_arguments == {"x-max-priority": 3}
    assert queues["other"].queue_arguments == {"x-max-priority": 9}
    assert queues["made"].queue_arguments == {"x-max-priority": 9}


def test_made_queues_may_be_quorum_queues(app: Any) -> None:
    queues = app.amqp.Queues([Queue("a")], create_missing_queue_type="quorum")
    assert queues["made"].queue_arguments == {"x-queue-type": "quorum"}
    with pytest.raises(ValueError, match="Invalid queue type"):
        app.amqp.Queues([Queue("a")], create_missing_queue_type="odd")["made"]


def test_the_default_queue_has_its_own_exchange_and_key(app: Any) -> None:
    app.conf.update(task_default_exchange="ex", task_default_routing_key="key", task_default_queue_type="quorum")
    queue = app.amqp.default_queue

    assert (queue.exchange.name, queue.routing_key) == ("ex", "key")
    assert queue.queue_arguments == {"x-queue-type": "quorum"}


def test_the_queues_are_listed_a_line_each(app: Any) -> None:
    app.conf.task_queues = [Queue("a", Exchange("ex"), routing_key="k"), Queue("b")]
    lines = app.amqp.queues.format(indent=2).splitlines()

    assert lines == [
        "  .> a                exchange=ex(direct) key=k",
        "  .> b                exchange=tests(direct) key=tests",
    ]
