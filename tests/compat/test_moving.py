"""Moving messages that wait, between queues and between brokers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from amqp.exceptions import AMQPError
from kombu import Connection, Exchange, Queue
from pytest_mock import MockerFixture

from compat.bin.celery import main
from compat.contrib import migrate
from compat.contrib.testing.app import TestApp, setup_default_app
from compat.contrib.testing.worker import start_worker
from tests import servers
from tests.servers import unique

BROKERS = ("memory", "sqlite", "postgresql", "redis", "rabbitmq")
on_every_broker = pytest.mark.parametrize("kind", BROKERS)


@pytest.fixture
def kind() -> str:
    """Of broker, unless the test says otherwise."""
    return "memory"


@pytest.fixture
def queues() -> list[str]:
    """Two of its own: the one that the app consumes, and another."""
    return [unique("moving"), unique("moving")]


@pytest.fixture
def app(kind: str, queues: list[str], tmp_path: Path) -> Iterator[Any]:
    with servers.fresh_broker(kind, tmp_path) as url:
        url = f"sqla+{url}" if kind in servers.DATABASES else url
        made = TestApp("moving", broker=url, backend="cache+memory://", config={"task_default_queue": queues[0]})
        made.conf.broker_transport_options = {} if kind == "rabbitmq" else {"polling_interval": 0.01}
        with setup_default_app(made):
            made.set_current()
            yield made
            for queue in queues:
                made.pipeline.scheduler.broker.purge(queue)
            if kind == "rabbitmq":
                with Connection(url) as connection:
                    for queue in queues:
                        connection.default_channel.queue_delete(queue)


def send(app: Any, *names: str, **options: Any) -> list[str]:
    return [app.send_task(name, (name,), task_id=f"{name}-id", **options).id for name in names]


def waiting(app: Any, queue: str) -> list[tuple[str, Any]]:
    """The names and arguments of the tasks that wait there, in order."""
    found: list[tuple[str, Any]] = []
    migrate.move(lambda body, message: found.append((message.headers["task"], body[0])), source=[queue], app=app)
    return found


@on_every_broker
def test_what_the_predicate_wants_is_moved_and_the_others_stay_in_order(app: Any, queues: list[str]) -> None:
    here, there = queues
    send(app, "a", "b", "c", "d")
    callbacks: list[Any] = []

    state = migrate.move(
        lambda body, message: message.headers["task"] in "bd" and Queue(there, Exchange(there), there),
        app=app,
        callback=lambda state, body, message: callbacks.append((state.filtered, body[0])),
    )

    assert (state.filtered, state.count, state.strtotal) == (2, 4, "4")
    assert callbacks == [(1, ["b"]), (2, ["d"])]
    assert waiting(app, here) == [("a", ["a"]), ("c", ["c"])]
    assert waiting(app, there) == [("b", ["b"]), ("d", ["d"])]


@pytest.mark.parametrize(
    "move",
    [
        lambda place: migrate.move_task_by_id("b-id", place),
        lambda place: migrate.move_by_idmap({"b-id": place, "unknown": place}),
        lambda place: migrate.move_by_taskmap({"b": place}),
        lambda place: migrate.move(lambda body, message: migrate.task_id_eq("b-id", body, message) and place),
        lambda place: migrate.move(lambda body, message: migrate.task_id_in(["b-id"], body, message) and place),
        lambda place: migrate.move(migrate.filter_callback(lambda body, message: place, ["b"])),
        lambda place: migrate.move_by_taskmap({"b": "there"}, transform=lambda name: place),
        lambda place: migrate.move(lambda body, message: "b" in body[0], exchange="", routing_key=place.name),
        lambda place: migrate.move(lambda body, message: "b" in body[0] and ("", place.name)),
    ],
)
def test_one_task_is_found_by_its_id_its_name_or_its_arguments(app: Any, queues: list[str], move: Any) -> None:
    here, there = queues
    send(app, "a", "b", "c")

    move(Queue(there))

    assert [name for name, _ in waiting(app, there)] == ["b"]
    assert sorted(name for name, _ in waiting(app, here)) == ["a", "c"]


def test_a_task_goes_to_one_worker_by_its_name(app: Any) -> None:
    send(app, "a", "b")

    migrate.move_direct_by_id("a-id", "one@here")

    assert waiting(app, migrate.worker_direct("one@here")) == [("a", ["a"])]


def test_a_message_of_the_first_protocol_says_its_name_and_id_in_its_body(app: Any, queues: list[str]) -> None:
    app.conf.task_protocol = 1
    send(app, "a", "b")

    migrate.move_by_taskmap({"a": Queue(queues[1])})
    migrate.move_task_by_id("b-id", Queue(queues[1]))

    sizes = [app.pipeline.scheduler.broker.size(queue) for queue in queues]
    assert sizes == [0, 2]


def test_a_moved_task_runs_with_its_arguments_where_it_was_moved_to(app: Any, queues: list[str]) -> None:
    @app.task(name="double")
    def double(n: int) -> int:
        return 2 * n

    result = double.apply_async((21,), queue=queues[1], compression="gzip", expires=60, priority=3)
    migrate.move_task_by_id(result.id, Queue(queues[0]), source=queues[1])

    with start_worker(app, perform_ping_check=False):
        assert result.get(timeout=10) == 42


def test_a_limit_or_the_predicate_ends_it(app: Any, queues: list[str]) -> None:
    send(app, "a", "b", "c", "d")

    def until_c(body: Any, message: Any) -> Any:
        if message.headers["task"] == "c":
            raise migrate.StopFiltering
        return Queue(queues[1])

    migrate.move(until_c, limit=1)
    migrate.move(until_c)

    assert [name for name, _ in waiting(app, queues[1])] == ["a", "b"]
    assert sorted(name for name, _ in waiting(app, queues[0])) == ["c", "d"]


def test_what_cannot_be_read_stays_and_is_logged(app: Any, queues: list[str], mocker: MockerFixture) -> None:
    warn = mocker.spy(migrate.logger, "warning")
    send(app, "a", serializer="pickle")

    state = migrate.move(lambda body, message: Queue(queues[1]))

    assert (state.count, state.filtered) == (1, 0)
    assert "ContentDisallowed" in repr(warn.call_args)
    assert app.pipeline.scheduler.broker.size(queues[0]) == 1


def test_an_error_of_the_predicate_puts_everything_back(app: Any, queues: list[str]) -> None:
    send(app, "a", "b")
    with pytest.raises(ZeroDivisionError):
        migrate.move(lambda body, message: 1 / 0)

    assert sorted(name for name, _ in waiting(app, queues[0])) == ["a", "b"]


def test_a_queue_that_nobody_made_has_nothing_to_move(app: Any) -> None:
    assert migrate.move(lambda body, message: True, source=unique("nowhere")).count == 0


def test_a_signed_message_is_not_moved_to_where_it_would_be_refused(app: Any, queues: list[str]) -> None:
    send(app, "a", headers={"ps-signature": "v1.of the first queue"})

    with pytest.raises(ValueError, match=r"scheduler\.secret"):
        migrate.move(lambda body, message: Queue(queues[1]))
    assert [name for name, _ in waiting(app, queues[0])] == ["a"]


@pytest.mark.parametrize("renamed", [False, True])
def test_all_that_waits_goes_to_another_broker(
    app: Any, queues: list[str], renamed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = queues
    send(app, "a", "b", priority=3)
    name = there if renamed else here
    with servers.fresh_broker("redis", "") as url, app.connection() as old, Connection(url) as new:
        state = migrate.migrate_tasks(
            old, new, app=app, queues=[f"{here}:{there}"] if renamed else None, callback=migrate.filter_status
        )
        arrived = [Queue(name)(new).get(no_ack=True) for _ in range(2)]
        new.default_channel.queue_delete(name)

    assert state.filtered == 2
    assert [message.headers["id"] for message in arrived] == ["a-id", "b-id"]
    assert {message.properties["priority"] for message in arrived} == {3}
    assert waiting(app, here) == []
    assert capsys.readouterr().out.splitlines() == ["1/2: a[a-id]", "2/2: b[b-id]"]


def test_the_word_migrate_moves_what_waits_to_another_broker(
    app: Any, queues: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    send(app, "a", "b", "c")
    url = f"sqlite:///{tmp_path}/other.sqlite"
    words = ["migrate", app.conf.broker_url, url, "-n", "2", "-Q", f"{queues[0]}:{queues[1]}"]

    assert main(words, app=app) == 0
    assert capsys.readouterr().out.splitlines() == ["1/3: a[a-id]", "2/3: b[b-id]", "2 messages moved"]
    assert waiting(app, queues[0]) == [("c", ["c"])]
    other = TestApp("other", broker=f"sqla+{url}", backend="cache+memory://")
    assert waiting(other, queues[1]) == [("a", ["a"]), ("b", ["b"])]


def test_what_a_broker_would_take_from_its_sender_only_is_left_behind(app: Any, queues: list[str]) -> None:
    send(app, "a", user_id="somebody")
    with servers.fresh_broker("rabbitmq", "") as url, app.connection() as old, Connection(url) as new:
        migrate.migrate_tasks(old, new, app=app)
        try:
            arrived = Queue(queues[0])(new).get(no_ack=True)
        finally:
            Connection(url).default_channel.queue_delete(queues[0])

    assert arrived.headers["id"] == "a-id"


REFUSED = {"a header it has a rule for": {"CC": "x"}, "a number without an end": {"x": float("inf")}}


@pytest.mark.parametrize("why", REFUSED)
def test_what_the_other_broker_refuses_is_not_gone(app: Any, queues: list[str], why: str) -> None:
    send(app, "a", headers=REFUSED[why])
    with servers.fresh_broker("rabbitmq", "") as url, app.connection() as old, Connection(url) as new:
        with pytest.raises(AMQPError):
            migrate.migrate_tasks(old, new, app=app)
        Connection(url).default_channel.queue_delete(queues[0])

    assert [name for name, _ in waiting(app, queues[0])] == ["a"]


def test_what_goes_to_no_queue_is_not_gone(queues: list[str]) -> None:
    """RabbitMQ drops what no queue is bound for, and says nothing of it unless it is asked to."""
    app = TestApp("moving", broker=f"{servers.RABBITMQ_URL}//", config={"task_default_queue": queues[0]})
    send(app, "a")
    try:
        with pytest.raises(AMQPError):
            migrate.move(lambda body, message: True, source=[queues[0]], exchange="", routing_key=queues[1], app=app)
        assert [name for name, _ in waiting(app, queues[0])] == ["a"]
    finally:
        app.connection().default_channel.queue_delete(queues[0])
