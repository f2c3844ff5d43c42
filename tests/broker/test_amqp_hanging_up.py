"""A dead process's connection to RabbitMQ, as its supervisor ends it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from pyramid_scheduler.broker import amqp_hanging_up
from pyramid_scheduler.broker.amqp_broker import AmqpBroker
from pyramid_scheduler.core.interfaces import HangUp
from pyramid_scheduler.core.message import Delivery, Message
from tests import servers
from tests.fleet import no_descriptor_left, wait_for

URL = f"{servers.RABBITMQ_URL}//"
MESSAGES = 20


@dataclass
class Estate:
    """A consumer that shares its connection, with the only copy that is left of it when the consumer is dead."""

    source: Any
    copies: list[tuple[int, HangUp]] = field(default_factory=list)

    def share(self, fd: int, hang_up: HangUp) -> bool:
        self.copies.append((os.dup(fd), hang_up))
        return True

    def die(self, *begun: Delivery, doubtful: Sequence[Delivery] = ()) -> None:
        """Without a word; the system closes what the process had open."""
        os.close(self.source._connection.sock.detach())
        fd, hang_up = self.copies[-1]
        hang_up(fd, [one.tag for one in begun], [one.tag for one in doubtful])
        os.close(fd)

    def take(self, limit: int) -> list[Delivery]:
        taken: list[Delivery] = []
        wait_for(lambda: taken.extend(self.source.receive(limit - len(taken), 0.1)) or len(taken) == limit)
        return taken


@pytest.fixture
def broker(queue: str) -> Iterator[AmqpBroker]:
    servers.require("rabbitmq")
    broker = AmqpBroker(URL, {})
    broker.publisher.publish([Message(queue, {"id": f"job{n}"}, b"x" * 20_000) for n in range(MESSAGES)])
    yield broker
    with broker._amqp.connection() as connection:
        connection.channel().queue_delete(queue)
    broker.close()


@pytest.fixture
def make_estate(broker: AmqpBroker, queue: str) -> Callable[[], Estate]:
    def make() -> Estate:
        estate = Estate(None)
        estate.source = broker.source([queue], "somebody", estate.share)
        return estate

    return make


Make = Callable[[], Estate]


def ids(deliveries: list[Delivery]) -> set[str]:
    return {delivery.headers["id"] for delivery in deliveries}


def test_what_had_begun_is_acked_for_the_dead_and_the_rest_comes_back(make_estate: Make) -> None:
    dead, heir = make_estate(), make_estate()
    taken = dead.take(8)
    dead.source.ack(taken[:2])
    assert dead.source.keeps(taken[3])
    dead.die(*taken[3:5])
    back = heir.take(MESSAGES - 4)
    assert ids(back).isdisjoint(ids(taken[:2] + taken[3:5]))
    assert {one.headers["id"] for one in back if one.redelivered} >= ids(taken[2:3] + taken[5:])
    assert {one.redelivered: one.unsettled_until > 0 for one in back} == {False: False, True: True}


@pytest.mark.parametrize("heard", range(4))
def test_of_what_was_just_being_acked_nothing_comes_back_however_much_of_it_was_heard(
    make_estate: Make, heard: int
) -> None:
    dead, heir = make_estate(), make_estate()
    taken = dead.take(6)
    running, *being_acked = taken[1:5]  # not from the first one on, of which one ack would say all
    for one in being_acked[:heard]:
        dead.source._channel.basic_ack(one.tag[1])
    began = time.monotonic()
    dead.die(running, doubtful=being_acked)
    assert time.monotonic() - began < amqp_hanging_up.PATIENCE_SECONDS / 2
    back = heir.take(MESSAGES - 4)
    assert ids(back).isdisjoint(ids(taken[1:5]))


def test_what_was_acked_is_heard_though_the_server_has_said_more_than_was_ever_read(make_estate: Make) -> None:
    """Its kernel would reset a connection that is closed with something unread, and that overtakes the acks."""
    heir = make_estate()
    for _ in range(MESSAGES // 2):
        dead = make_estate()
        one, *_ = dead.take(1)
        dead.source._flow.move(500)
        dead.source.ack([one])
        dead.die()
    assert len(heir.take(MESSAGES // 2)) == MESSAGES // 2
    assert heir.source.receive(1, 0.3) == []


def test_a_delivery_of_a_connection_that_was_lost_is_not_acked_over_the_next(make_estate: Make) -> None:
    dead, heir = make_estate(), make_estate()
    (lost,) = dead.take(1)
    dead.source._drop()
    assert not dead.source.keeps(lost)
    (again,) = dead.take(1)
    dead.die(lost)
    assert {"job0"} == ids([lost]) == ids([again])
    assert len(heir.take(MESSAGES)) == MESSAGES


def test_what_may_be_acked_in_favour_of_its_copy_is_not_to_be_acked_for_the_dead(make_estate: Make) -> None:
    source = (estate := make_estate()).source
    source._renew_seconds = 0.1
    old = estate.take(3)
    wait_for(lambda: source.receive(0, 0.01) or len(source._hold._copies) == len(old))
    source._renew_seconds = None
    (fresh,) = estate.take(1)
    assert [source.keeps(one) for one in (*old, fresh)] == [False, False, False, True]
    source.close()


def test_nobody_waits_for_what_may_have_come_of_a_message_that_he_has_returned_himself(make_estate: Make) -> None:
    estate, other = make_estate(), make_estate()
    taken = estate.take(4)
    estate.source.give_back(taken)
    back = estate.take(4)
    assert ids(back) == ids(taken)
    assert {(one.redelivered, one.unsettled_until) for one in back} == {(True, 0.0)}
    estate.die()
    assert all(one.unsettled_until for one in other.take(MESSAGES) if one.headers["id"] in ids(taken))


def test_a_process_that_has_hung_up_itself_is_not_waited_for(make_estate: Make) -> None:
    estate = make_estate()
    estate.take(1)
    estate.source.close()
    fd, hang_up = estate.copies[0]
    began = time.monotonic()
    hang_up(fd, [], [])
    assert time.monotonic() - began < amqp_hanging_up.PATIENCE_SECONDS / 2


@pytest.fixture
def far_end() -> Iterator[Callable[[Callable[[socket.socket], None]], socket.socket]]:
    """A connection to somebody who behaves as told."""
    ends: list[socket.socket] = []

    def make(behave: Callable[[socket.socket], None]) -> socket.socket:
        here, there = socket.socketpair()
        ends.extend((here, there))
        threading.Thread(target=behave, args=(there,), daemon=True).start()
        return here

    yield make
    for end in ends:
        end.close()


def be_silent(end: socket.socket) -> None:
    end.recv(1)


def chatter(end: socket.socket) -> None:
    try:
        while True:
            end.sendall(b"y" * 1000)
    except OSError:
        pass


@pytest.mark.parametrize("behave", [be_silent, chatter])
def test_who_never_says_that_it_has_heard_is_left_after_a_while(behave: Any, far_end: Any) -> None:
    here = far_end(behave)
    began = time.monotonic()
    amqp_hanging_up.hang_up(here.fileno(), [(1, 7)], [], channel=1, generation=1)
    assert amqp_hanging_up.PATIENCE_SECONDS * 0.9 < time.monotonic() - began < amqp_hanging_up.PATIENCE_SECONDS * 5
    with pytest.raises(BrokenPipeError):
        here.sendall(b"x")


def test_to_hang_up_takes_no_descriptor(far_end: Any) -> None:
    here = far_end(lambda end: end.sendall(amqp_hanging_up.FAREWELL_RETURNED))
    with no_descriptor_left():
        amqp_hanging_up.hang_up(here.fileno(), [], [], channel=1, generation=1)
    assert here.fileno() >= 0


def test_an_encrypted_connection_is_not_shared(broker: AmqpBroker, queue: str, mocker: Any) -> None:
    estate = Estate(None)
    estate.source = broker.source([queue], "somebody", estate.share)
    mocker.patch("pyramid_scheduler.broker.amqp_source.is_plain", return_value=False)
    (one,) = estate.take(1)
    assert not estate.copies
    assert not estate.source.keeps(one)
