"""Publishing over AMQP: with the broker's confirmation, and back if no queue takes it."""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import amqp
from amqp.exceptions import (
    ChannelError,
    ContentTooLarge,
    FrameError,
    FrameSyntaxError,
    InternalError,
    PreconditionFailed,
)

from ..core.errors import BrokerUnavailable, InvalidMessage, QueueUnavailable
from ..core.message import Message
from .amqp_connecting import ERRORS, connect
from .amqp_declaring import AmqpDeclarer

CONFIRM_TIMEOUT_SECONDS = 2.0
#: Properties that are short texts. Others, but for the timestamp, AMQP does not know.
_TEXTS = ("app_id", "cluster_id", "correlation_id", "message_id", "reply_to", "type", "user_id")
#: For all else; a cluster may take its time to make a queue.
ANSWER_SECONDS = 5.0
#: What a server says of a message that it will never take: too large, or with a header or property it has a rule for.
_REFUSALS = (ContentTooLarge, FrameError, InternalError, PreconditionFailed)
#: What py-amqp raises for a value that is not of the size or type that AMQP has for it; nothing is sent then.
_UNSPEAKABLE = (FrameSyntaxError, OverflowError, TypeError, struct.error)
#: Some servers take no longer a time, and a worker refuses what has expired anyway: its headers say when.
LONGEST_EXPIRATION_MILLISECONDS = 2**32 - 1
#: Of the frame that has a message's headers and properties.
_FRAME_BYTES = 20


class AmqpPublisher:
    """One connection, used by one thread at a time; a batch is sent whole, then its confirmations are awaited."""

    def __init__(self, url: str, display: str, options: Mapping[str, Any], declarer: AmqpDeclarer) -> None:
        self._url = url
        self._display = display
        self._options = options
        self._declarer = declarer
        self._lock = threading.Lock()
        self._connection: amqp.Connection | None = None
        self._channel: amqp.Channel | None = None
        self._pid = 0
        self._declared: set[str] = set()
        self._unconfirmed: dict[int, str] = {}  # by delivery tag, the queue
        self._full: list[str] = []  # queues that did not take a message
        self._missing: list[str] = []  # queues that are not there any more
        self._sent = 0

    def publish(self, messages: Sequence[Message], within: Any = None) -> None:
        """Returns when the broker has confirmed all messages.

        A connection that turns out to be dead is replaced once. If it died after sending, some messages may have
        arrived before: they arrive twice then rather than not at all.
        """
        if messages:
            self._try_twice(lambda: self._publish(messages))

    def forward(self, queue: str, message: amqp.Message) -> None:
        """Publish one message as it is, to a queue that somebody else looks after."""
        self._try_twice(lambda: self._send([(queue, message)]))

    def _try_twice(self, step: Callable[[], None]) -> None:
        with self._lock:
            for attempt in (1, 2):
                fresh = self._connection is None or self._pid != os.getpid()
                try:
                    step()
                    return
                except QueueUnavailable:
                    raise
                except ERRORS as error:
                    self._drop()
                    if attempt == 2 or fresh:
                        raise self._said(error) from error
                except BaseException as error:  # a time limit may strike here
                    if self._unconfirmed or self._full or self._missing or not isinstance(error, InvalidMessage):
                        self._drop()  # the answers to what was sent would be taken for those of the next
                    raise

    def _said(self, error: Exception) -> Exception:
        """Of a message that will never be taken it would be wrong to say that the broker is away: it would be tried
        again for ever, and all others with it."""
        if isinstance(error, _REFUSALS):
            return InvalidMessage(f"the broker {self._display} takes no such message: {error}")
        return BrokerUnavailable(f"the broker {self._display} does not answer: {error}")

    def _publish(self, messages: Sequence[Message]) -> None:
        self._open()
        for message in messages:
            self._declare(message.queue)
        self._send([(message.queue, _amqp_message(message)) for message in messages])

    def _send(self, messages: Sequence[tuple[str, amqp.Message]]) -> None:
        self._open()
        channel = self._channel
        assert channel is not None
        try:
            for queue, message in messages:
                _put(channel, queue, message)
                self._sent += 1
                self._unconfirmed[self._sent] = queue
            self._await_confirmations()
        except ERRORS as error:
            self._measure([message for _, message in messages], error)
            raise

    def _measure(self, messages: Sequence[amqp.Message], error: Exception) -> None:
        """A server that is sent too large a frame hangs up, often before it is heard why."""
        assert self._connection is not None
        most = self._connection.frame_max - _FRAME_BYTES
        largest = max(len(message._serialize_properties()) for message in messages)
        if largest > most:
            self._drop()
            raise InvalidMessage(
                f"the headers of a message take {largest} bytes, more than the {most} that the broker {self._display}"
                " takes (frame_max): make them less, or say it in the arguments"
            ) from error

    def _await_confirmations(self) -> None:
        deadline = time.monotonic() + CONFIRM_TIMEOUT_SECONDS
        connection = self._connection
        assert connection is not None
        while self._unconfirmed:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("it has not confirmed the message in time; is it out of memory or disk?")
            connection.drain_events(timeout=left)
        missing, full = ({*queues} for queues in (self._missing, self._full))
        self._missing.clear()
        self._full.clear()
        if missing:
            raise BrokerUnavailable(f"there is no queue {', '.join(sorted(missing))}")
        if full:
            raise QueueUnavailable(
                f"queue {', '.join(sorted(full))} does not take the message; is it at its limit (x-max-length)?"
            )

    def _open(self) -> None:
        if self._connection is not None and self._pid == os.getpid():
            return
        self._connection, self._pid = connect(self._url, self._options, ANSWER_SECONDS), os.getpid()
        self._new_channel()

    def _new_channel(self) -> None:
        assert self._connection is not None
        self._adopt(self._connection.channel())

    def _adopt(self, channel: amqp.Channel) -> None:
        self._channel = channel
        self._sent = 0
        self._unconfirmed.clear()
        self._full.clear()
        self._missing.clear()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._answered)
        channel.events["basic_nack"].add(self._not_taken)
        channel.events["basic_return"].add(self._returned)

    def _declare(self, queue: str) -> None:
        if queue in self._declared:
            return
        assert self._connection is not None
        channel = self._connection.channel()
        try:
            channel = self._declarer.declare(self._connection, channel, queue)
        except ChannelError as error:
            raise QueueUnavailable(f"the broker {self._display} has no queue {queue} for us: {error}") from error
        finally:
            if channel.is_open:
                channel.close()
        self._declared.add(queue)

    def _answered(self, delivery_tag: int, multiple: bool) -> list[str]:
        """The queues of the messages that this is the answer for."""
        tags = [tag for tag in self._unconfirmed if tag <= delivery_tag] if multiple else [delivery_tag]
        return [self._unconfirmed.pop(tag) for tag in tags if tag in self._unconfirmed]

    def _not_taken(self, delivery_tag: int, multiple: bool) -> None:
        self._full += self._answered(delivery_tag, multiple)

    def _returned(self, error: Any, exchange: str, routing_key: str, message: Any) -> None:
        self._declared.discard(routing_key)
        self._missing.append(routing_key)

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._declared.clear()
        self._unconfirmed.clear()
        if connection is not None and self._pid == os.getpid():
            try:
                connection.collect()
            except ERRORS:
                pass

    @contextmanager
    def connection(self) -> Iterator[amqp.Connection]:
        """The publishing connection, for declarations and questions; one thread at a time."""
        with self._lock:
            try:
                self._open()
                assert self._connection is not None
                yield self._connection
            except ERRORS as error:
                self._drop()
                raise BrokerUnavailable(f"the broker {self._display} does not answer: {error}") from error

    def joins(self, database_url: str) -> bool:
        return False

    def close(self) -> None:
        with self._lock:
            self._drop()


def _put(channel: amqp.Channel, queue: str, message: amqp.Message) -> None:
    try:
        channel.basic_publish(message, exchange="", routing_key=queue, mandatory=True)
    except _UNSPEAKABLE as error:
        raise InvalidMessage(f"AMQP has no type for a header; make it text or a number: {error}") from error


def _amqp_message(message: Message) -> amqp.Message:
    properties = _carried({"correlation_id": message.id, **message.properties})
    if message.expires_at is not None:
        left = max(0, int((message.expires_at - time.time()) * 1000))
        if left <= LONGEST_EXPIRATION_MILLISECONDS:
            properties["expiration"] = str(left)
    return amqp.Message(
        message.body,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        application_headers=dict(message.headers),
        delivery_mode=2,
        priority=min(max(message.priority, 0), 2**8 - 1),
        **properties,
    )


def _carried(properties: Mapping[str, Any]) -> dict[str, Any]:
    """What AMQP has room for. Of what it has not, one message would hold up all that are sent with it, again and again:
    a schedule takes any value, long before it is sent."""
    texts = {name: str(properties[name]) for name in _TEXTS if properties.get(name) is not None}
    said: dict[str, Any] = {n: text for n, text in texts.items() if len(text.encode("utf-8", "surrogatepass")) < 2**8}
    moment = properties.get("timestamp")
    return {**said, "timestamp": moment} if isinstance(moment, int) and 0 <= moment < 2**64 else said
