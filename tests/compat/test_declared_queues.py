"""Queues that are more than a name: whoever comes first makes them as the app describes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kombu.common import Broadcast
from kombu.connection import Connection
from kombu.entity import Exchange, Queue

from compat import Celery, signals
from compat.worker.embedding import embed
from tests import servers

KINDS: dict[str, dict[str, Any]] = {
    "dead letters": {"queue_arguments": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}},
    "a life of messages": {"message_ttl": 60},
    "a greatest length": {"max_length": 100},
    "a greatest priority": {"max_priority": 5},
    "none of its own after a restart": {"durable": False},
}


def sender(broker: str, queue: Queue, **settings: Any) -> Celery:
    app = Celery("sender", broker=broker, set_as_current=False)
    app.conf.update(task_queues=[queue], task_default_queue=queue.name, **settings)
    app.conf.pyramid_scheduler = {"ledger.url": "sqlite://"}
    return app


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[Any]:
    with servers.fresh_broker("rabbitmq", tmp_path) as url, Connection(url) as connection:
        yield connection


@pytest.mark.parametrize("kind", KINDS)
def test_a_queue_that_its_producer_made_is_the_one_that_a_worker_declares(rabbitmq: Any, kind: str) -> None:
    name = servers.unique("declared")
    queue = Queue(name, Exchange(name), routing_key=name, **KINDS[kind])
    app = sender(rabbitmq.as_uri(include_password=True), queue)

    for _ in range(2):
        app.send_task("t")
    app.close()

    bound = queue(rabbitmq.default_channel)
    try:
        bound.declare()  # raises PreconditionFailed where it is another
        assert bound.queue_declare(passive=True).message_count == 2
    finally:
        bound.delete()
        bound.exchange.delete()


@pytest.mark.parametrize(
    ("traits", "settings"),
    [
        ({"queue_arguments": {"x-max-priority": 5}}, {}),
        ({}, {"task_default_delivery_mode": "transient"}),
    ],
    ids=["a greatest priority", "transient messages"],
)
def test_what_only_rabbitmq_knows_is_no_reason_to_send_past_a_database(
    tmp_path: Path, traits: dict[str, Any], settings: dict[str, Any]
) -> None:
    with servers.fresh_broker("sqlite", tmp_path) as url:
        app = sender(f"sqla+{url}", Queue("declared", **traits), **settings)

        app.send_task("t")

        assert app.pipeline.scheduler.broker.size("declared") == 1
        app.close()


def test_tasks_go_to_a_database_that_is_named_by_its_plain_url(tmp_path: Path) -> None:
    with servers.fresh_broker("sqlite", tmp_path) as url:
        app = sender(url, Queue("declared"), task_send_sent_event=True)

        @app.task
        def t() -> None: ...

        t.delay()
        app.send_task("t")

        assert app.pipeline.scheduler.broker.size("declared") == 2
        app.close()


def test_a_worker_leaves_broadcast_queues_out(app: Any) -> None:
    app.conf.task_queues = [Queue("tests"), Broadcast("news")]

    worker = app.WorkController(app=app, hostname="celery@here")

    assert worker.queue_names == ["tests"]
    assert app.pipeline.scheduler.settings.queues == ("tests",)


def test_a_queue_that_is_selected_when_a_worker_is_set_up_is_taken_from_by_the_process_that_did_so(app: Any) -> None:
    app.conf.result_backend = "cache+memory://"

    @app.task(name="queues.where", bind=True)
    def where(self: Any) -> Any:
        return self.request.delivery_info["routing_key"]

    def select(sender: str, instance: Any, **kwargs: Any) -> None:
        instance.app.amqp.queues.select_add(f"{sender}.dq")

    with signals_to(signals.celeryd_after_setup, select):
        scheduler = embed(app, {}, "celery@here")
    scheduler.occasions.start.come()
    try:
        assert where.apply_async(queue="celery@here.dq").get(timeout=20) == "celery@here.dq"
    finally:
        scheduler.occasions.stop.come()
        scheduler.occasions.exit.come()


@contextmanager
def signals_to(signal: Any, receiver: Any) -> Iterator[None]:
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)
