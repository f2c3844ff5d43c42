"""RabbitMQ that takes encrypted connections only."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from pyramid_scheduler.broker.amqp_broker import AmqpBroker
from pyramid_scheduler.core.errors import BrokerUnavailable
from pyramid_scheduler.core.message import Message
from tests import own_servers
from tests.own_servers import Tls


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, certificate: Tls) -> Iterator[str]:
    with own_servers.rabbitmq(tmp_path_factory.mktemp("rabbitmq"), tls=certificate) as url:
        yield url


@pytest.mark.parametrize("scheme", ["amqp", "amqps"])
def test_jobs_travel_encrypted_where_the_table_names_whom_to_trust(
    url: str, certificate: Tls, queue: str, scheme: str
) -> None:
    trusted = {"ca_certs": str(certificate.certificate), "server_hostname": "127.0.0.1"}
    broker = AmqpBroker(url.replace("amqps", scheme), {"ssl": json.dumps(trusted)})
    broker.publisher.publish([Message(queue, {"id": "job"}, b"[]")])
    source = broker.source([queue], "somebody")
    (delivery,) = source.receive(1, 5.0)
    source.ack([delivery])
    source.close()
    broker.close()


@pytest.mark.parametrize(
    ("trusted", "reason"),
    [({}, "self.signed"), ({"ca_certs": True, "server_hostname": "elsewhere"}, "'elsewhere'")],
)
def test_a_server_that_is_not_whom_it_should_be_gets_no_job(
    url: str, certificate: Tls, queue: str, trusted: dict[str, object], reason: str
) -> None:
    if trusted:
        trusted = {**trusted, "ca_certs": str(certificate.certificate)}
    with pytest.raises(BrokerUnavailable, match=reason):
        AmqpBroker(url, {"ssl": json.dumps(trusted)}).publisher.publish([Message(queue, {"id": "job"}, b"[]")])
