"""Our Redis transport and Kombu's own on the same queues, exchanges and broadcasts; and a real Celery worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kombu
import pytest
from celery import Celery
from kombu import pools
from kombu.pidbox import Mailbox

from pyramid_scheduler.broker import payload
from pyramid_scheduler.broker.transports.redis import open_redis_store
from pyramid_scheduler.broker.transports.redis_kombu import register
from tests import servers
from tests.fleet import ROOT, wait_for

URL = f"{servers.REDIS_URL}/11"
OURS, KOMBUS = f"ps{URL}", URL
register()


@pytest.fixture
def connect() -> Iterator[Callable[[str], Any]]:
    servers.require("redis")
    made: list[Any] = []

    def make(url: str) -> Any:
        made.append(kombu.Connection(url))
        return made[-1]

    yield make
    for connection in made:
        connection.release()


def drain(connection: Any, seconds: float = 0.1) -> bool:
    try:
        connection.drain_events(timeout=seconds)
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(("producer", "consumer"), [(OURS, OURS), (OURS, KOMBUS), (KOMBUS, OURS)])
def test_either_side_consumes_what_either_side_produced_most_urgent_first(
    connect: Any, queue: str, producer: str, consumer: str
) -> None:
    with connect(producer).SimpleQueue(queue) as simple:
        for n in range(4):
            simple.put({"n": n}, priority=9)
        simple.put({"n": 99}, priority=0)
    with connect(consumer).SimpleQueue(queue) as simple:
        messages = [simple.get(timeout=5) for _ in range(5)]
        assert [message.payload["n"] for message in messages] == [99, 0, 1, 2, 3]
        for message in messages:
            message.ack()
    assert open_redis_store(URL).size(queue) == 0


def test_what_is_rejected_comes_back_or_is_dropped_as_it_said(connect: Any, queue: str) -> None:
    with connect(OURS).SimpleQueue(queue) as simple:
        simple.put("x")
        simple.get(timeout=5).requeue()
        simple.get(timeout=5).reject()
        assert simple.qsize() == 0


def test_a_message_waits_for_nobody_when_a_consumer_is_idle(connect: Any, queue: str) -> None:
    connection, other = connect(OURS), connect(KOMBUS)
    arrived: list[float] = []
    bound = kombu.Queue(queue, kombu.Exchange(queue), queue)
    with connection.Consumer(bound, callbacks=[lambda body, m: (arrived.append(time.monotonic()), m.ack())]):
        drain(connection)
        producer = other.Producer()
        sent: list[float] = []
        later = threading.Timer(0.2, lambda: (sent.append(time.monotonic()), producer.publish("x", routing_key=queue)))
        later.start()
        assert drain(connection, 5)
    later.join()
    assert arrived[0] - sent[0] < 0.1


@pytest.mark.parametrize(("producer", "consumer"), [(OURS, KOMBUS), (KOMBUS, OURS)])
def test_exchanges_of_every_kind_are_shared(connect: Any, queue: str, producer: str, consumer: str) -> None:
    got: list[tuple[str, Any]] = []
    direct = kombu.Exchange(f"{queue}.direct", "direct")
    topic = kombu.Exchange(f"{queue}.topic", "topic")
    fanout = kombu.Exchange(f"{queue}.fanout", "fanout")
    queues = [
        kombu.Queue(f"{queue}.a", direct, routing_key="one"),
        kombu.Queue(f"{queue}.b", topic, routing_key="task.*"),
        kombu.Queue(f"{queue}.c", fanout, auto_delete=True, expires=60),
    ]
    receiving, sending = connect(consumer), connect(producer)
    for one in queues:
        kombu.Consumer(
            receiving.channel(), one, callbacks=[lambda body, m, name=one.name: (got.append((name, body)), m.ack())]
        ).consume()
    drain(receiving)
    publish = sending.Producer().publish
    publish("to one", exchange=direct, routing_key="one", declare=[direct])
    publish("to two", exchange=direct, routing_key="two", declare=[direct])
    publish("some", exchange=topic, routing_key="task.sent", declare=[topic])
    publish("none", exchange=topic, routing_key="worker.online", declare=[topic])
    publish("all", exchange=fanout, declare=[fanout])
    wait_for(lambda: drain(receiving) or len(got) >= 3)
    while drain(receiving):
        pass
    assert sorted(got) == [(f"{queue}.a", "to one"), (f"{queue}.b", "some"), (f"{queue}.c", "all")]


def test_a_queue_bound_after_its_exchange_was_used_is_found(connect: Any, queue: str) -> None:
    exchange = kombu.Exchange(queue, "direct")
    ours, kombus = connect(OURS), connect(KOMBUS)
    producer = ours.Producer()
    kombu.Queue(f"{queue}.a", exchange, routing_key="a")(kombus.default_channel).declare()
    producer.publish("1", exchange=exchange, routing_key="a", declare=[exchange])
    late = kombu.Queue(f"{queue}.b", exchange, routing_key="b")(kombus.default_channel)
    late.declare()
    producer.publish("2", exchange=exchange, routing_key="b")
    assert late.get(no_ack=True).payload == "2"


@pytest.mark.parametrize(("node_url", "asker_url"), [(OURS, KOMBUS), (KOMBUS, OURS)])
def test_a_mailbox_answers_across_the_two(connect: Any, queue: str, node_url: str, asker_url: str) -> None:
    mailbox = Mailbox(queue, type="fanout")
    there, here = connect(node_url), connect(asker_url)
    node = mailbox(there).Node("worker@there", handlers={"ping": lambda state, **_: {"ok": "pong"}})
    node.mailbox.connection, node.state = there, object()
    ended = threading.Event()

    def serve() -> None:
        node.channel = there.channel()
        with node.Consumer(channel=node.channel, no_ack=True, callbacks=[node.handle_message]):
            listening.set()
            while not ended.is_set():
                drain(there)

    listening = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    listening.wait(5)
    replies = wait_for(lambda: mailbox(here)._broadcast("ping", reply=True, timeout=1, limit=1))
    ended.set()
    thread.join()
    assert replies == [{"worker@there": {"ok": "pong"}}]


CONSUME_AND_DIE = """
import os, signal, sys, kombu
from pyramid_scheduler.broker.transports.redis_kombu import register
register()
with kombu.Connection(sys.argv[1]) as connection, connection.SimpleQueue(sys.argv[2]) as queue:
    queue.get(timeout=10)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_kombu_consumer_held_is_redelivered(connect: Any, queue: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with connect(OURS).SimpleQueue(queue) as simple:
        simple.put("precious")
        words = [sys.executable, "-c", CONSUME_AND_DIE, OURS, queue]
        assert subprocess.run(words, env=environ, check=False).returncode == -signal.SIGKILL
        store = open_redis_store(URL)
        wait_for(lambda: (store.recover(1.0), store.size(queue))[1])  # others may have left claims in this database
        message = simple.get(timeout=5)
        assert message.payload == "precious"
        assert message.delivery_info["redelivered"]
        message.ack()


CELERY = """
import sys
from celery import Celery
from pyramid_scheduler.broker.transports.redis_kombu import register
register()
app = Celery("shared", broker=sys.argv[1], backend=sys.argv[2])
app.conf.update(task_default_queue=sys.argv[3], worker_hijack_root_logger=False)

@app.task(name="add")
def add(x, y):
    return x + y

words = "worker --pool=solo --loglevel=WARNING --without-mingle --without-gossip -n"
app.worker_main([*words.split(), sys.argv[4]])
"""


@pytest.fixture
def celery_worker(tmp_path: Path, queue: str) -> Iterator[Callable[[str], str]]:
    servers.require("redis")
    started: list[subprocess.Popen[bytes]] = []

    def start(broker: str) -> str:
        name = f"{queue}-{len(started)}@here"
        words = [sys.executable, "-c", CELERY, broker, URL, queue, name]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (tmp_path / f"{name}.log").open("wb") as log:
            started.append(subprocess.Popen(words, env=environ, cwd=tmp_path, stdout=log, stderr=log))
        return name

    yield start
    for process in started:
        process.kill()  # Celery would wait for its broker, twice two seconds
        process.wait()


@pytest.mark.parametrize(
    ("worker_on", "app_on"), [(KOMBUS, OURS), (OURS, KOMBUS), pytest.param(OURS, OURS, marks=pytest.mark.peer)]
)
def test_celery_works_with_either_transport_on_either_side(
    celery_worker: Any, queue: str, worker_on: str, app_on: str
) -> None:
    name = celery_worker(worker_on)
    app = Celery(broker=app_on, backend=URL)
    app.conf.task_default_queue = queue
    results = [app.send_task("add", (n, n)) for n in range(20)]
    assert [result.get(timeout=30) for result in results] == [2 * n for n in range(20)]
    answers = wait_for(lambda: app.control.inspect(destination=[name], timeout=1).ping())
    pools.reset()  # what Celery keeps open would beat on
    assert answers == {name: {"ok": "pong"}}


def test_our_consumer_and_a_celery_worker_share_a_queue(celery_worker: Any, queue: str) -> None:
    app = Celery(broker=KOMBUS, backend=URL)
    app.conf.task_default_queue = queue
    ids = {app.send_task("add", (n, n)).id for n in range(60)}
    store, me = open_redis_store(URL), servers.unique("consumer")
    ours = {
        payload.load(one.payload, queue, one.tag, False).headers["id"]: one.tag for one in store.claim([queue], 30, me)
    }
    celery_worker(KOMBUS)
    theirs = ids - set(ours)
    assert {app.AsyncResult(one).get(timeout=30) % 2 for one in theirs} == {0}
    store.ack(list(ours.values()), me)
    assert len(ours) == 30
    assert store.release(me) == 0
    assert store.size(queue) == 0
