"""A kombu-like producer whose task messages go through the pipeline."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from functools import cached_property
from inspect import signature
from typing import Any, Protocol, Self

from kombu import compression as compressions
from kombu import serialization
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from kombu.messaging import Producer
from kombu.utils.functional import retry_over_time

from pyramid_scheduler.api import PLAIN, BrokerUnavailable, Message, write_plain_json

#: A durable queue without any of these is a name, and the pipeline makes it; all others are for kombu to declare.
_LIMITS = ("expires", "message_ttl", "max_length", "max_length_bytes", "max_priority")
_TRAITS = ("exclusive", "auto_delete", "queue_arguments")
#: All else travels with the message.
_OF_PUBLISHING = frozenset(signature(Producer.publish).parameters)


class Catcher(Protocol):
    """Takes messages that are sent, in place of the broker."""

    missed: bool  #: of those it wants, some went past the pipeline, and are published

    def wants(self, headers: Mapping[str, Any]) -> bool:
        """Whether a message with these headers is for it."""

    def catch(self, message: Message) -> None: ...


class Outbox(threading.local):
    """Who catches the messages that one thread sends: the last of these."""

    def __init__(self) -> None:
        self.catchers: list[Catcher] = []


outbox = Outbox()


class Catching:
    """A context: within it, the messages that it ``wants`` are not published but found in its list."""

    def __init__(self) -> None:
        self.caught: list[Message] = []
        self.missed = False

    def wants(self, headers: Mapping[str, Any]) -> bool:
        """Here, each."""
        return True

    def catch(self, message: Message) -> None:
        self.caught.append(message)

    def __enter__(self) -> list[Message]:
        outbox.catchers.append(self)
        return self.caught

    def __exit__(self, *exc_info: object) -> None:
        outbox.catchers.pop()


class PipelineProducer:
    """What ``app.producer_or_acquire()`` yields. Safe to share between threads."""

    auto_declare = False
    serializer: str | None = None

    def __init__(self, app: Any, pipeline: Any) -> None:
        self.app = app
        self._pipeline = pipeline

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: Any) -> None: ...

    def release(self) -> None:
        """There is nothing to give back."""

    close = release

    @cached_property
    def connection(self) -> Any:
        """A kombu connection to the same broker, for what asks a producer for one; it connects when it is used."""
        return self.app.connection_for_write()

    def library_errors(self) -> Any:
        """A context that makes a transport's errors kombu's own. A database has none, as kombu does not reach it."""
        return self.connection._reraise_as_library_errors() if self._pipeline.is_open_to_kombu else nullcontext()

    @property
    def channel(self) -> Any:
        return self.connection.default_channel

    def publish(self, body: Any, **options: Any) -> Any:
        """Publish as ``kombu.Producer.publish`` does; raises kombu's EncodeError and OperationalError."""
        if not self._goes_through_the_pipeline(options):
            catchers = outbox.catchers
            if catchers:
                catchers[-1].missed = catchers[-1].missed or catchers[-1].wants(options.get("headers") or {})
            return self._publish_with_kombu(body, options)
        retry, policy = options.get("retry"), options.get("retry_policy") or {}
        self._declare(options.get("declare") or (), retry, policy)
        return self.send(make_message(body, options), retry, policy)

    def send(self, message: Message, retry: Any, policy: Mapping[str, Any]) -> None:
        """Publish a message that is made already; raises kombu's OperationalError."""
        catchers = outbox.catchers
        if catchers and catchers[-1].wants(message.headers):
            catchers[-1].catch(message)
        else:
            self._publish(message, retry, policy)

    def _goes_through_the_pipeline(self, options: Mapping[str, Any]) -> bool:
        if options.get("exchange") != "" or not options.get("routing_key"):
            return False
        return not self._pipeline.is_open_to_kombu or options.get("delivery_mode") in (None, 2, "persistent")

    def _declare(self, entities: Any, retry: Any, policy: Mapping[str, Any]) -> None:
        """Before the first message, or the pipeline would make a queue that a worker cannot declare."""
        special = [entity for entity in entities if not _is_plain(entity)]
        if special and self._pipeline.is_open_to_kombu:
            with self.app.amqp.producer_pool.acquire(block=True) as producer:
                for entity in special:
                    producer.maybe_declare(entity, bool(retry), **policy)

    def _publish(self, message: Message, retry: Any, policy: Mapping[str, Any]) -> None:
        publish = self._pipeline.scheduler.publisher.publish
        try:
            publish([message])
            return
        except BrokerUnavailable as error:
            if not retry:
                raise OperationalError(str(error)) from error
        try:
            retry_over_time(
                publish,
                BrokerUnavailable,
                args=([message],),
                max_retries=policy.get("max_retries", 3),
                interval_start=policy.get("interval_start", 0),
                interval_step=policy.get("interval_step", 0.2),
                interval_max=policy.get("interval_max", 1),
            )
        except BrokerUnavailable as error:
            raise OperationalError(str(error)) from error

    def _publish_with_kombu(self, body: Any, options: dict[str, Any]) -> Any:
        with self.app.amqp.producer_pool.acquire(block=True) as producer:
            return producer.publish(body, **options)


def _is_plain(entity: Any) -> bool:
    if not isinstance(entity, Queue) or not entity.durable:
        return False
    limited = any(getattr(entity, name) is not None for name in _LIMITS)
    return not limited and not any(getattr(entity, name) for name in _TRAITS)


def make_message(body: Any, options: Mapping[str, Any]) -> Message:
    """A message from the arguments of ``publish``; raises kombu's EncodeError."""
    # An absent header says what an empty one says, and every header costs both ends some microseconds.
    headers = {name: value for name, value in (options.get("headers") or {}).items() if value is not None}
    content_type, encoding, data = encode(body, options.get("serializer"))
    if options.get("compression"):
        data, headers["compression"] = compressions.compress(data, options["compression"])
    expiration = options.get("expiration")
    return Message(
        queue=str(options["routing_key"]),
        headers=headers,
        body=data,
        content_type=content_type,
        content_encoding=encoding,
        priority=int(options.get("priority") or 0),
        expires_at=None if expiration is None else time.time() + float(expiration),
        properties={n: value for n, value in options.items() if value is not None and n not in _OF_PUBLISHING},
    )


def encode_call(args: Any, kwargs: Any, embed: Any, serializer: str) -> bytes:
    """As ``encode``; of plain arguments, which are most, without a look into each for what JSON has no type for."""
    if serializer == "json" and not kwargs and PLAIN.issuperset(map(type, args)):
        with suppress(ValueError):  # a number too long to be written: let the long way say so
            return write_plain_json((args, kwargs, embed)).encode()
    return encode((args, kwargs, embed), serializer)[2]


def encode(body: Any, serializer: Any) -> tuple[str, str, bytes]:
    """(content type, content encoding, bytes); raises kombu's EncodeError."""
    content_type, encoding, data = serialization.dumps(body, serializer)
    return content_type, encoding, data.encode() if isinstance(data, str) else data
