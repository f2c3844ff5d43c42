"""RabbitMQ: queues of any kind, a prefetch that follows, acks in batches, messages that are held for long."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import amqp
import pytest
from amqp.exceptions import PreconditionFailed
from pytest_mock import MockerFixture

from pyramid_scheduler.broker import amqp_connecting, amqp_declaring, amqp_holding, amqp_publishing
from pyramid_scheduler.broker.amqp_broker import AmqpBroker
from pyramid_scheduler.broker.amqp_connecting import connect
from pyramid_scheduler.core.errors import BrokerUnavailable, InvalidMessage, QueueUnavailable
from pyramid_scheduler.core.message import Delivery, Message
from tests import servers
from tests.fleet import wait_for
from tests.wire import wire_to

URL = f"{servers.RABBITMQ_URL}//"
TYPES = ("classic", "quorum")

MakeBroker = Callable[..., AmqpBroker]


@pytest.fixture
def connection(queue: str) -> Iterator[amqp.Connection]:
    """Somebody else's; it deletes the test's queue in the end."""
    servers.require("rabbitmq")
    connection = connect(URL, {})
    yield connection
    connection.channel().queue_delete(queue)
    connection.close()


@pytest.fixture
def make_broker(connection: amqp.Connection) -> Iterator[MakeBroker]:
    made: list[AmqpBroker] = []

    def make(**options: Any) -> AmqpBroker:
        made.append(AmqpBroker(URL, options))
        return made[-1]

    yield make
    for broker in made:
        broker.close()


@pytest.fixture
def open_source(queue: str) -> Iterator[Callable[[AmqpBroker], Any]]:
    opened: list[Any] = []

    def open_source(broker: AmqpBroker) -> Any:
        opened.append(broker.source([queue], "somebody"))
        return opened[-1]

    yield open_source
    for source in opened:
        source.close()


def message(queue: str, n: int = 0) -> Message:
    headers = {"id": f"job{n}", "task": "shop.pay", "timelimit": [None, 2.5], "eta": None, "retries": n}
    return Message(queue, headers, b'[[1], {"a": "\xc3\xa9"}, {}]', priority=3, properties={"reply_to": "there"})


def test_a_header_that_amqp_has_no_type_for_is_named_and_the_next_message_goes_out(
    make_broker: MakeBroker, connection: amqp.Connection, queue: str
) -> None:
    broker = make_broker()
    one = message(queue)
    with pytest.raises(InvalidMessage, match="b'day'"):
        broker.publisher.publish([replace(one, headers={**one.headers, "day": date(2026, 5, 1)})])
    broker.publisher.publish([one])
    assert connection.channel().basic_get(queue).headers["id"] == "job0"


class Struck(BaseException):
    """As a time limit strikes a job that is just publishing."""


Refusing = tuple[AmqpBroker, Message, Message]


@pytest.fixture
def refusing(make_broker: MakeBroker, connection: amqp.Connection, queue: str) -> Iterator[Refusing]:
    """A broker, a message for a queue that is full, and one for a queue that has room."""
    full, fine = message(queue), message(f"{queue}-fine")
    broker = make_broker(queue_arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    broker.publisher.publish([full])
    yield broker, full, fine
    connection.channel().queue_delete(fine.queue)


def test_what_a_batch_that_broke_off_has_sent_is_not_counted_among_the_next(
    refusing: Refusing, mocker: MockerFixture
) -> None:
    broker, full, fine = refusing
    with pytest.raises(InvalidMessage):
        broker.publisher.publish([full, replace(fine, headers={"day": date(2026, 5, 1)})])
    broker.publisher.publish([fine])
    broker.purge(fine.queue)
    mocker.patch.object(broker.publisher, "_await_confirmations", side_effect=Struck)
    with pytest.raises(Struck):
        broker.publisher.publish([full])
    mocker.stopall()
    broker.publisher.publish([fine])


def test_what_a_queue_has_refused_of_a_batch_that_broke_off_is_not_said_of_the_next(
    refusing: Refusing, mocker: MockerFixture
) -> None:
    broker, full, fine = refusing
    put = amqp_publishing._put

    def put_when_answered(channel: Any, queue: str, one: Any) -> None:
        while broker.publisher._unconfirmed:  # type: ignore[attr-defined]
            channel.connection.drain_events(timeout=5)
        put(channel, queue, one)

    mocker.patch.object(amqp_publishing, "_put", put_when_answered)
    with pytest.raises(InvalidMessage):
        broker.publisher.publish([full, replace(fine, headers={"day": date(2026, 5, 1)})])
    broker.publisher.publish([fine])


def large(queue: str) -> Message:
    return Message(queue, {"id": "large"}, b"x" * 2**20)


def ids(deliveries: list[Delivery]) -> list[str]:
    return [str(delivery.headers["id"]) for delivery in deliveries]


def take(source: Any, limit: int = 1, seconds: float = 5.0) -> list[Delivery]:
    """That many deliveries, or what came in time."""
    taken: list[Delivery] = []
    deadline = time.monotonic() + seconds
    while len(taken) < limit and time.monotonic() < deadline:
        taken += source.receive(limit - len(taken), 0.1)
    return taken


def test_properties_that_amqp_cannot_carry_hold_up_no_message(
    make_broker: MakeBroker, open_source: Any, queue: str
) -> None:
    strange = {"app_id": 7, "type": "x" * 300, "timestamp": "noon", "tenant": {"of": "ours"}, "message_id": "\ud800"}
    broker = make_broker()
    broker.publisher.publish(
        [
            replace(message(queue), properties=strange, priority=1000),
            replace(message(queue, 1), properties={"timestamp": 5, "correlation_id": "c"}),
        ]
    )

    first, second = take(open_source(broker), 2)
    assert first.properties["app_id"] == "7"
    assert not {"type", "timestamp", "tenant"} & first.properties.keys()
    assert (second.properties["timestamp"], second.properties["correlation_id"]) == (5, "c")


REFUSED: dict[str, Callable[[Message], Message]] = {
    "a property of another user's": lambda one: replace(one, properties={"user_id": "somebody"}),
    "a header that the server has a rule for": lambda one: replace(one, headers={**one.headers, "CC": "x"}),
    "a number without an end": lambda one: replace(one, headers={**one.headers, "x": float("inf")}),
    "headers that are larger than a frame": lambda one: replace(one, headers={**one.headers, "x": "y" * 200_000}),
    "headers that are much larger": lambda one: replace(one, headers={**one.headers, "x": "y" * 20_000_000}),
    "a number that is too large": lambda one: replace(one, headers={**one.headers, "x": 2**70}),
    "a name that is too long": lambda one: replace(one, headers={**one.headers, "n" * 300: 1}),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_message_that_the_server_will_never_take_is_no_sign_of_a_server_that_is_away(
    make_broker: MakeBroker, connection: amqp.Connection, queue: str, why: str, mocker: MockerFixture
) -> None:
    mocker.patch.object(amqp_publishing, "ANSWER_SECONDS", 0.3)
    broker = make_broker()
    with pytest.raises(InvalidMessage):
        broker.publisher.publish([message(queue), REFUSED[why](message(queue))])
    connection.channel().queue_purge(queue)
    broker.publisher.publish([message(queue, 2)])
    assert connection.channel().basic_get(queue).headers["id"] == "job2"


def test_a_message_that_expires_in_a_lifetime_is_sent(make_broker: MakeBroker, open_source: Any, queue: str) -> None:
    broker = make_broker()
    times = [time.time() + days * 86400 for days in (40, 400, 40000)]
    broker.publisher.publish([replace(message(queue), expires_at=at) for at in times])
    assert ["expiration" in delivery.properties for delivery in take(open_source(broker), 3)] == [True, False, False]


# Queues


@pytest.mark.parametrize("kind", TYPES)
def test_queues_are_declared_as_the_setting_says(
    make_broker: MakeBroker, connection: amqp.Connection, queue: str, kind: str
) -> None:
    make_broker(queue_type=kind).publisher.publish([message(queue)])

    other = TYPES[kind == "classic"]
    with pytest.raises(PreconditionFailed, match=f"received '{other}' but current is '{kind}'"):
        connection.channel().queue_declare(queue, durable=True, auto_delete=False, arguments={"x-queue-type": other})


@pytest.mark.parametrize("arguments", [{"x-max-priority": 10}, {"x-queue-type": "quorum"}])
@pytest.mark.parametrize(("kind", "level"), [("", logging.INFO), ("classic", logging.WARNING)])
def test_a_queue_that_was_declared_elsewhere_is_used_as_it_is_with_one_word_which_warns_who_asked_for_another(
    make_broker: MakeBroker,
    open_source: Any,
    connection: amqp.Connection,
    queue: str,
    caplog: pytest.LogCaptureFixture,
    arguments: dict[str, Any],
    kind: str,
    level: int,
) -> None:
    connection.channel().queue_declare(queue, durable=True, auto_delete=False, arguments=arguments)
    broker = make_broker(queue_type=kind)

    with caplog.at_level(logging.INFO):
        broker.publisher.publish([message(queue, n) for n in range(3)])
        first, second = open_source(broker), open_source(broker)
        taken = take(first, 3)
        second.receive(1, 0.0)

    assert ids(taken) == ["job0", "job1", "job2"]
    first.ack(taken)
    (said,) = [record for record in caplog.records if "used as it is" in record.getMessage()]
    assert said.levelno == level
    assert queue in said.getMessage()


def test_a_queue_that_the_server_will_not_have_is_an_error_that_says_why(make_broker: MakeBroker, queue: str) -> None:
    broker = make_broker(queue_type="quorum", queue_arguments={"x-expires": -1})

    with pytest.raises(QueueUnavailable, match="x-expires"):
        broker.publisher.publish([message(queue)])


def test_a_queue_that_the_server_will_not_have_costs_no_channel_each_time(make_broker: MakeBroker, queue: str) -> None:
    publisher = make_broker(queue_arguments={"x-expires": -1}).publisher
    open_channels = []
    for _ in range(3):
        with pytest.raises(QueueUnavailable):
            publisher.publish([message(queue)])
        with publisher.connection() as connection:
            open_channels.append(len(connection.channels))
    assert len({*open_channels}) == 1


def test_a_server_that_refuses_an_unlimited_number_of_deliveries_gets_a_queue_without(
    make_broker: MakeBroker, queue: str, mocker: MockerFixture
) -> None:
    asked = mocker.spy(amqp.Channel, "queue_declare")
    mocker.patch.object(amqp_declaring, "_version", return_value=amqp_declaring.LIMITING_VERSION)
    make_broker(queue_type="quorum").publisher.publish([message(queue)])

    arguments = [call.kwargs["arguments"] for call in asked.call_args_list]
    assert arguments[0] == {"x-queue-type": "quorum", "x-delivery-limit": -1}
    assert arguments[1:] in ([], [{"x-queue-type": "quorum"}])


def test_a_message_that_the_queue_does_not_take_is_an_error(make_broker: MakeBroker, queue: str) -> None:
    broker = make_broker(queue_arguments={"x-max-length": 2, "x-overflow": "reject-publish"})
    broker.publisher.publish([message(queue, n) for n in range(2)])

    for batch in ([message(queue)], [message(queue), message(queue)]):
        with pytest.raises(QueueUnavailable, match=f"queue {queue} does not take"):
            broker.publisher.publish(batch)

    assert broker.purge(queue) == 2
    broker.publisher.publish([message(queue)])


ASKING: dict[str, Callable[[AmqpBroker, str], object]] = {
    "the first job of a queue": lambda broker, queue: broker.publisher.publish([message(f"{queue}-other")]),
    "the size of a queue": lambda broker, queue: broker.size(queue),
    "more than the line takes": lambda broker, queue: broker.publisher.publish([large(queue)] * 20),
}


@pytest.mark.parametrize("asking", ASKING.values(), ids=ASKING)
def test_who_publishes_does_not_wait_for_ever_for_a_broker_that_takes_or_answers_nothing(
    asking: Callable[[AmqpBroker, str], object], queue: str, mocker: MockerFixture
) -> None:
    mocker.patch.object(amqp_publishing, "ANSWER_SECONDS", 0.3)
    mocker.patch.object(amqp_connecting, "CONNECT_TIMEOUT_SECONDS", 0.3)
    servers.require("rabbitmq")
    with wire_to(servers.PORTS["rabbitmq"]) as wire:
        broker = AmqpBroker(f"amqp://guest:guest@127.0.0.1:{wire.port}//", {"queue_arguments": {"x-expires": 60000}})
        broker.publisher.publish([message(queue)])
        wire.go_dead()
        started = time.monotonic()
        with pytest.raises(BrokerUnavailable, match="does not answer"):
            asking(broker, queue)
        assert time.monotonic() - started < 5
        broker.close()


# Prefetch


@pytest.mark.parametrize("kind", TYPES)
def test_the_broker_sends_ahead_what_is_asked_for_and_no_more(
    make_broker: MakeBroker, open_source: Any, queue: str, kind: str
) -> None:
    broker = make_broker(queue_type=kind)
    broker.publisher.publish([message(queue, n) for n in range(300)])
    source, other = open_source(broker), open_source(broker)

    few = take(source, 2)
    assert broker.size(queue) == 298
    source.ack(few)
    many = take(source, 128)
    assert len({*ids(few + many)}) == 130
    source.ack(many)
    source.receive(1, 0.1)
    assert broker.size(queue) >= 300 - 130 - 128 * 2
    source.close()
    assert {*ids(few + many + take(other, 170))} == {f"job{n}" for n in range(300)}


@pytest.mark.parametrize("kind", TYPES)
def test_who_makes_certain_of_an_ack_is_sent_no_more_for_it(
    make_broker: MakeBroker, open_source: Any, queue: str, kind: str
) -> None:
    broker = make_broker(queue_type=kind)
    broker.publisher.publish([message(queue, n) for n in range(50)])
    source = open_source(broker)

    few = take(source, 2)
    assert source.ack_for_certain(few) == few
    take(source, 2)
    assert broker.size(queue) >= 50 - 2 - 2 * 2


def test_who_has_no_room_waits_until_woken_though_more_is_here_than_was_asked_for(
    make_broker: MakeBroker, open_source: Any, queue: str
) -> None:
    broker = make_broker()
    broker.publisher.publish([message(queue, n) for n in range(6)])
    source = open_source(broker)
    assert take(source, 1)
    source._flow.move(6)  # as after many jobs that were short

    def waits() -> bool:
        began = time.monotonic()
        assert source.receive(0, 0.1) == []
        return bool(source._arrived) and time.monotonic() - began >= 0.1

    wait_for(waits, seconds=10)
    source.wake()
    began = time.monotonic()
    assert source.receive(0, 30.0) == []
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("kind", TYPES)
def test_what_waits_behind_long_jobs_goes_to_who_has_room(
    make_broker: MakeBroker, open_source: Any, queue: str, kind: str
) -> None:
    broker = make_broker(queue_type=kind)
    busy, free = open_source(broker), open_source(broker)
    broker.publisher.publish([message(queue, n) for n in range(4)])
    running = take(busy, 4)

    assert busy.receive(4, 0.1) == [], "it asks for more, and has the broker send ahead"
    broker.publisher.publish([message(queue, n) for n in range(10, 14)])
    found: list[str] = []

    def look() -> bool:
        assert busy.receive(0, 0.05) == []
        found.extend(ids(free.receive(8, 0.05)))
        return len(found) == 4

    wait_for(look, seconds=5, what="the messages behind the long job")
    assert sorted(found) == [f"job{n}" for n in range(10, 14)]
    busy.ack(running)


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_given_back_goes_to_who_has_room_and_not_round_and_round(
    make_broker: MakeBroker, open_source: Any, queue: str, kind: str
) -> None:
    broker = make_broker(queue_type=kind)
    broker.publisher.publish([message(queue, n) for n in range(4)])
    busy, free = open_source(broker), open_source(broker)
    running, *waiting = take(busy, 4)

    busy.give_back(waiting)
    assert busy.receive(0, 0.2) == []
    assert sorted(ids(take(free, 3))) == ["job1", "job2", "job3"]
    assert busy.receive(0, 0.2) == []
    busy.ack([running])
    broker.publisher.publish([message(queue, 4)])
    free.receive(0, 0.0)
    free.close()
    assert len(take(busy, 4)) == 4, "it does not consume any more"


def test_a_process_with_very_many_open_files_consumes_as_any_other(
    make_broker: MakeBroker, open_source: Any, queue: str, many_open_files: None
) -> None:
    broker = make_broker()
    source = open_source(broker)
    assert source.receive(1, 0.01) == []
    broker.publisher.publish([message(queue)])
    source.ack(take(source))


# Acks


def test_acks_of_a_whole_batch_are_one_frame(
    make_broker: MakeBroker, open_source: Any, queue: str, mocker: MockerFixture
) -> None:
    broker = make_broker()
    broker.publisher.publish([message(queue, n) for n in range(200)])
    source = open_source(broker)
    taken = take(source, 200)
    acks = mocker.spy(amqp.Channel, "basic_ack")

    source.ack(taken[1:100])
    assert acks.call_count == 99, "behind one that still runs, each is acked by itself"
    source.ack([taken[0], *taken[100:]])
    assert acks.call_count <= 101
    source.close()
    assert broker.size(queue) == 0


# Holding


class Held:
    """A source that copies what it holds after a fifth of a second, and a count of the copies."""

    def __init__(self, broker: AmqpBroker, source: Any, mocker: MockerFixture) -> None:
        self.source = source
        self.copies = mocker.spy(source, "_forward")

    def turn_until(self, copies: int) -> None:
        """And then as long as it takes the last copy to arrive."""

        def turn() -> bool:
            assert self.source.receive(0, 0.05) == []
            return self.copies.call_count >= copies

        wait_for(turn, seconds=10, what=f"{copies} copies")


@pytest.fixture
def held(make_broker: MakeBroker, open_source: Any, mocker: MockerFixture) -> Callable[[str], tuple[AmqpBroker, Held]]:
    def make(kind: str) -> tuple[AmqpBroker, Held]:
        broker = make_broker(queue_type=kind, renew_seconds=0.2)
        return broker, Held(broker, open_source(broker), mocker)

    return make


MakeHeld = Callable[[str], tuple[AmqpBroker, Held]]


@pytest.mark.parametrize("kind", ["classic", pytest.param("quorum", marks=pytest.mark.fault)])
def test_a_message_that_is_held_for_long_comes_back_as_it_was_when_its_holder_dies(
    held: MakeHeld, open_source: Any, queue: str, kind: str, mocker: MockerFixture
) -> None:
    mocker.patch.object(amqp_holding, "COPY_LIVES_MILLISECONDS", 1000)
    broker, holder = held(kind)
    sent = message(queue)
    broker.publisher.publish([sent])
    (delivery,) = take(holder.source)
    holder.turn_until(copies=3)
    other = open_source(broker)
    assert other.receive(1, 0.3) == [], "it is held"

    holder.source._connection.sock.close()
    (again,) = take(other, seconds=10)

    assert (delivery.redelivered, again.redelivered) == (False, True)
    assert again.headers == delivery.headers == sent.headers
    assert (again.body, again.content_type, again.content_encoding) == (sent.body, "application/json", "utf-8")
    assert again.message() == delivery.message()
    other.ack([again])
    assert take(other, seconds=0.5) == []


@pytest.mark.parametrize("kind", TYPES)
def test_a_held_message_that_is_acked_is_gone_and_one_that_is_given_back_never_started(
    held: MakeHeld, open_source: Any, queue: str, kind: str
) -> None:
    broker, holder = held(kind)
    broker.publisher.publish([message(queue, n) for n in range(2)])
    done, undone = take(holder.source, 2)
    holder.turn_until(copies=4)

    holder.source.ack([done])
    holder.source.give_back([undone])
    assert holder.source.receive(0, 0.5) == []
    other = open_source(broker)
    (again,) = take(other, seconds=10)
    assert (ids([again]), again.redelivered) == (["job1"], False)
    holder.source.close()
    assert take(other, seconds=0.5) == []


def test_what_is_settled_while_its_copy_is_on_its_way_does_not_come_back(
    held: MakeHeld, open_source: Any, queue: str, mocker: MockerFixture
) -> None:
    broker, holder = held("")
    broker.publisher.publish([message(queue)])
    (delivery,) = take(holder.source)
    forward = holder.source._hold._forward

    def forward_and_ack(queue: str, copy: Any) -> None:
        forward(queue, copy)
        holder.source.ack([delivery])

    copied = mocker.patch.object(holder.source._hold, "_forward", side_effect=forward_and_ack)
    wait_for(lambda: holder.source.receive(0, 0.05) == [] and copied.call_count)
    assert holder.source.receive(0, 0.3) == []
    holder.source.close()
    assert take(open_source(broker), seconds=1.0) == []


def test_a_message_that_the_broker_does_not_take_a_copy_of_is_copied_later(
    held: MakeHeld, open_source: Any, queue: str, mocker: MockerFixture
) -> None:
    broker, holder = held("")
    broker.publisher.publish([message(queue)])
    (delivery,) = take(holder.source)
    hold = holder.source._hold
    forward = mocker.patch.object(hold, "_forward", side_effect=[BrokerUnavailable("it is full"), *[None] * 9])

    wait_for(lambda: holder.source.receive(0, 0.05) == [] and forward.call_count >= 2, what="a second attempt")
    holder.source.ack([delivery])
    holder.source.close()
    assert broker.size(queue) == 0


ACK_AND_DIE = """
import os, signal, sys
from pyramid_scheduler.broker.amqp_broker import AmqpBroker
url, queue, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
for _ in range(times):
    child = os.fork()
    if not child:
        source = AmqpBroker(url, {}).source([queue], "killed")
        while not (taken := source.receive(200, 5.0)):
            pass
        source.ack_for_certain(taken[:1])
        print(taken[0].headers["id"], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
"""


@pytest.mark.fault
def test_an_ack_that_is_certain_outlives_its_process(make_broker: MakeBroker, queue: str) -> None:
    times = 100
    make_broker().publisher.publish([replace(message(queue, n), body=b"x" * 20_000) for n in range(300 + times)])
    command = [sys.executable, "-c", ACK_AND_DIE, URL, queue, str(times)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
    acked = done.stdout.split()
    assert (len(acked), len(set(acked))) == (times, times)


def test_one_message_that_cannot_be_copied_lets_the_others_be_held_on_to(
    held: MakeHeld, queue: str, mocker: MockerFixture
) -> None:
    broker, holder = held("")
    broker.publisher.publish([message(queue, n) for n in range(2)])
    first, second = take(holder.source, 2)
    hold = holder.source._hold
    forward = hold._forward

    def refuse_one(queue: str, copy: amqp.Message) -> None:
        if copy.headers["id"] == "job0":
            raise InvalidMessage("it is too large")
        forward(queue, copy)

    mocker.patch.object(hold, "_forward", side_effect=refuse_one)
    wait_for(lambda: holder.source.receive(0, 0.05) == [] and second.tag[1] in hold._copies, what="the second's copy")
    holder.source.ack([first, second])
    holder.source.close()
    assert broker.size(queue) == 0
