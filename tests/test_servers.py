"""What tests leave on the servers."""

from __future__ import annotations

import pytest
from amqp import NotFound
from kombu import Connection, Queue

from tests import servers


def test_queues_that_are_dropped_are_gone_with_what_was_in_them_and_others_stay() -> None:
    servers.require("rabbitmq")
    ours, other = servers.unique("queue"), servers.unique("queue")
    with Connection(f"{servers.RABBITMQ_URL}//") as connection:
        for name in (ours, other):
            connection.SimpleQueue(name).put("a message")
        servers.drop_queues([ours, servers.unique("never_declared")])
        with pytest.raises(NotFound):
            Queue(ours)(connection.channel()).queue_declare(passive=True)
        assert Queue(other)(connection.channel()).queue_declare(passive=True).message_count == 1
        servers.drop_queues([other])
