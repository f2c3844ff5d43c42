"""The broker on Kombu's own transports, here the memory transport."""

from __future__ import annotations

import gzip

import pytest

from pyramid_scheduler.broker.kombu_broker import KombuBroker
from pyramid_scheduler.core.message import Message
from tests.servers import unique


@pytest.mark.parametrize("headers", [{}, {"compression": "application/x-gzip"}])
def test_what_arrives_are_the_bytes_that_were_sent(headers: dict[str, str]) -> None:
    queue, body = unique("kombu"), gzip.compress(b"[[], {}, {}]")
    broker = KombuBroker("memory://", {})
    source = broker.source([queue], "one")
    broker.publisher.publish([Message(queue, {"id": "1", **headers}, body, "application/json", "utf-8")])

    (delivery,) = source.receive(1, 5)
    source.ack([delivery])
    source.close()
    broker.close()

    assert (delivery.body, dict(delivery.headers)) == (body, {"id": "1", **headers})
