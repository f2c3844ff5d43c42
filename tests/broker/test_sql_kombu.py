"""The SQL broker through Kombu: with its producers, consumers and mailboxes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kombu
import pytest
from kombu.pidbox import Mailbox

from pyramid_scheduler.broker import payload
from pyramid_scheduler.broker.envelope import make_sealer
from pyramid_scheduler.broker.transports.sql import open_sql_store
from pyramid_scheduler.broker.transports.sql_kombu import register
from pyramid_scheduler.broker.transports.store import Put
from pyramid_scheduler.core.clock import SystemClock
from pyramid_scheduler.core.settings import Settings
from tests.fleet import ROOT, wait_for


@pytest.fixture
def connection(database_url: str) -> Iterator[Any]:
    register()
    with kombu.Connection(f"pssql+{database_url}") as connection:
        yield connection


def drain(connection: Any) -> bool:
    try:
        connection.drain_events(timeout=0.1)
    except TimeoutError:
        return False
    return True


def test_what_kombu_produces_kombu_consumes(connection: Any, queue: str) -> None:
    got: list[Any] = []
    with connection.SimpleQueue(queue) as simple:
        for n in range(5):
            simple.put({"n": n})
        for _ in range(5):
            message = simple.get(timeout=5)
            got.append(message.payload["n"])
            message.ack()
        assert simple.qsize() == 0
    assert got == [0, 1, 2, 3, 4]


def test_what_kombu_rejects_comes_back_or_is_dropped_as_it_said(connection: Any, queue: str) -> None:
    with connection.SimpleQueue(queue) as simple:
        simple.put("x")
        simple.get(timeout=5).requeue()
        simple.get(timeout=5).reject()
        assert simple.qsize() == 0


def test_our_messages_are_kombu_s_and_kombu_s_are_ours(connection: Any, database_url: str, queue: str) -> None:
    sealer = make_sealer(Settings(), SystemClock(), local=False)
    store = open_sql_store(database_url)
    message = sealer.seal("a.b", (1,), {}, queue=queue, headers={"id": "x"})
    store.put([Put(queue, payload.dump(message))])
    with connection.SimpleQueue(queue) as simple:
        got = simple.get(timeout=5)
        assert got.headers["task"] == "a.b"
        assert got.payload[0] == [1]
        got.ack()
        simple.put([[2], {}, {}], headers={"id": "y", "task": "a.b"})
    [claimed] = store.claim([queue], 1, "us")
    assert sealer.open(payload.load(claimed.payload, queue, claimed.tag, False)).args == [2]


CONSUME_AND_DIE = """
import os, signal, sys, kombu
from pyramid_scheduler.broker.transports.sql_kombu import register
register()
with kombu.Connection(sys.argv[1]) as connection, connection.SimpleQueue(sys.argv[2]) as queue:
    queue.get(timeout=10)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_kombu_consumer_held_is_redelivered(connection: Any, database_url: str, queue: str) -> None:
    with connection.SimpleQueue(queue) as simple:
        simple.put("precious")
        words = [sys.executable, "-c", CONSUME_AND_DIE, f"pssql+{database_url}", queue]
        killed = subprocess.run(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        assert killed.returncode == -signal.SIGKILL
        store = open_sql_store(database_url)
        wait_for(lambda: store.recover(0.2))
        message = simple.get(timeout=5)
        assert message.payload == "precious"
        assert message.delivery_info["redelivered"]
        message.ack()


def test_fanout_and_topic_exchanges_reach_every_bound_queue(connection: Any, queue: str) -> None:
    got: list[tuple[str, Any]] = []
    fanout = kombu.Exchange(f"{queue}.fanout", "fanout")
    topic = kombu.Exchange(f"{queue}.topic", "topic")
    queues = [
        kombu.Queue(f"{queue}.a", fanout),
        kombu.Queue(f"{queue}.b", fanout),
        kombu.Queue(f"{queue}.c", topic, routing_key="task.*"),
    ]
    consumers = [
        kombu.Consumer(
            connection.channel(), one, callbacks=[lambda body, m, name=one.name: (got.append((name, body)), m.ack())]
        )
        for one in queues
    ]
    for consumer in consumers:
        consumer.consume()
    producer = connection.Producer()
    producer.publish("all", exchange=fanout)
    producer.publish("some", exchange=topic, routing_key="task.sent")
    producer.publish("none", exchange=topic, routing_key="worker.online")
    wait_for(lambda: drain(connection) or len(got) == 3)
    while drain(connection):
        pass
    assert sorted(got) == [(f"{queue}.a", "all"), (f"{queue}.b", "all"), (f"{queue}.c", "some")]


def test_remote_control_works_over_a_mailbox(connection: Any, queue: str) -> None:
    mailbox = Mailbox(queue, type="fanout")
    handled: list[str] = []
    node = mailbox(connection).Node("worker@here", handlers={"note": lambda state, text: handled.append(text)})
    node.listen(channel=connection.channel())
    mailbox(connection)._broadcast("note", {"text": "hello"}, destination=["worker@here"])
    mailbox(connection)._broadcast("note", {"text": "not for us"}, destination=["worker@there"])
    wait_for(lambda: drain(connection) and handled)
    while drain(connection):
        pass
    assert handled == ["hello"]


def test_the_transport_is_only_known_once_it_is_registered(tmp_path: Path) -> None:
    register()
    register()
    with kombu.Connection(f"pssql+sqlite:///{tmp_path}/x.sqlite") as connection:
        assert connection.connected or connection.connect()
