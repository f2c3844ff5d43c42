"""Transports as Kombu provides them; here its RabbitMQ, because that one can hang up."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import amqp
import pytest

from pyramid_scheduler.broker.amqp_connecting import connect
from pyramid_scheduler.broker.kombu_broker import KombuBroker, KombuSource
from pyramid_scheduler.core.errors import BrokerUnavailable
from pyramid_scheduler.core.message import Delivery, Message
from tests import servers
from tests.fleet import wait_for

URL = f"{servers.RABBITMQ_URL}//"


@pytest.fixture
def broker(queue: str) -> Iterator[KombuBroker]:
    servers.require("rabbitmq")
    broker = KombuBroker(URL, {})
    broker.publisher.publish([Message(queue, {"id": f"job{n}"}, b"[]") for n in range(2)])
    yield broker
    broker.close()
    connection: amqp.Connection = connect(URL, {})
    connection.channel().queue_delete(queue)
    connection.close()


def hang_up(source: KombuSource) -> None:
    source._connection.connection.sock.shutdown(socket.SHUT_RDWR)
    with pytest.raises(BrokerUnavailable):
        source.receive(2, 5.0)


def take(source: KombuSource) -> list[Delivery]:
    taken: list[Delivery] = []
    wait_for(lambda: taken.extend(source.receive(2, 0.1)) or len(taken) == 2, what="two messages")
    return sorted(taken, key=lambda delivery: str(delivery.headers["id"]))


def test_after_a_hang_up_it_connects_again_and_what_it_held_comes_back(broker: KombuBroker, queue: str) -> None:
    source = broker.source([queue], "somebody")
    before = take(source)
    hang_up(source)

    after = take(source)
    assert [delivery.headers["id"] for delivery in after] == ["job0", "job1"]
    assert {delivery.redelivered for delivery in after} == {True}
    source.ack(before)
    source.give_back(before)
    assert source.receive(2, 0.1) == [], "what the old connection held, the new one knows nothing of"
    source.ack(after[:1])
    source.close()
    wait_for(lambda: broker.size(queue) == 1, what="the job that was not acked")


def test_a_queue_that_is_gone_is_declared_again(broker: KombuBroker, queue: str) -> None:
    source = broker.source([queue], "somebody")
    source.ack(take(source))
    connection = connect(URL, {})
    connection.channel().queue_delete(queue)
    connection.close()
    hang_up(source)

    assert source.receive(1, 0.0) == []
    assert broker.size(queue) == 0
    source.close()
