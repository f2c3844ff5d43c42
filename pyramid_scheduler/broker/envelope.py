"""Sealing and opening: a call becomes a protocol-2 message, and back."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kombu import compression as kombu_compression

from ..core import message as wire
from ..core.clock import Clock
from ..core.errors import InvalidMessage, UnreadableMessage, UntrustedMessage
from ..core.id import new_id
from ..core.message import Delivery, Message
from ..core.run import Run
from ..core.settings import Settings
from . import protocol1
from .decoding import JSON, decode, inflate
from .serializing import Encoded, encode
from .signing import KeyRing

NO_EMBED: Mapping[str, Any] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
LONGEST_REPR = 200
MOST_RETRIES = 10**6
#: An absent header says what an empty one says, and every header costs both ends some microseconds.
_PROTOCOL_HEADERS: Mapping[str, Any] = {
    "lang": "py",
    "task": "",
    "id": "",
    "retries": 0,
    "timelimit": [None, None],
    "root_id": "",
    "argsrepr": "",
    "kwargsrepr": "",
    "origin": "",
    "ignore_result": False,
}


def make_sealer(settings: Settings, clock: Clock, *, local: bool) -> EnvelopeSealer:
    """The sealer for these settings; ``local``: nobody outside this host can write to the broker."""
    return EnvelopeSealer(
        keys=KeyRing(settings.secrets),
        clock=clock,
        local=local,
        serializer=settings.serializer,
        compressor=settings.compressor,
        max_body_bytes=settings.max_body_bytes,
    )


class EnvelopeSealer:
    """Seals calls and opens deliveries; the only place where trust is decided."""

    def __init__(
        self, *, keys: KeyRing, clock: Clock, local: bool, serializer: str, compressor: str, max_body_bytes: int
    ) -> None:
        self._keys = keys
        self._is_signing = bool(keys)
        self._clock = clock
        self._local = local
        self._serializer = serializer
        self._compressor = compressor
        self._max_body_bytes = max_body_bytes
        self._accept = frozenset({serializer_type(serializer)} if serializer not in ("", "json", "pickle") else ())
        self._origin = f"{os.getpid()}@{socket.gethostname()}"

    def seal(
        self,
        task: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        queue: str,
        headers: Mapping[str, Any],
        embed: Mapping[str, Any] | None = None,
        priority: int = 0,
        expires_at: float | None = None,
        properties: Mapping[str, Any] | None = None,
        serializer: str | None = None,
        compression: str | None = None,
    ) -> Message:
        """A protocol-2 message; raises InvalidMessage when the arguments cannot be carried (or not safely)."""
        encoded = self._encode(args, kwargs, embed or NO_EMBED, self._serializer if serializer is None else serializer)
        full = self._headers(task, args, kwargs, headers, expires_at)
        compressor = self._compressor if compression is None else compression
        return self._finish(queue, full, encoded, compressor, priority, expires_at, properties or {})

    def seal_another(self, like: Message, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Message:
        """Only of calls without an id, an expiry and an embed of their own."""
        encoded = self._encode(args, kwargs, NO_EMBED, self._serializer)
        id_ = new_id()
        full = {
            **like.headers,
            "id": id_,
            "root_id": id_,
            wire.CREATED: self._clock.time(),
            "argsrepr": short_repr(args),
            "kwargsrepr": short_repr(kwargs),
        }
        return self._finish(like.queue, full, encoded, self._compressor, like.priority, None, like.properties)

    def _encode(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], embed: Mapping[str, Any], serializer: str
    ) -> Encoded:
        allowed = self._local or self._is_signing
        return encode((args, kwargs, embed), (args, kwargs), serializer=serializer, pickle_allowed=allowed)

    def _finish(
        self,
        queue: str,
        headers: dict[str, Any],
        encoded: Encoded,
        compressor: str,
        priority: int,
        expires_at: float | None,
        properties: Mapping[str, Any],
    ) -> Message:
        """Compressed, measured, signed."""
        body, content_type, encoding = encoded
        if compressor:
            body = self._compress(body, headers, compressor)
        if len(body) > self._max_body_bytes:
            raise InvalidMessage(
                f"the arguments of {headers['task']} take {len(body)} bytes, more than scheduler.broker.max_body"
                f" ({self._max_body_bytes}): store them elsewhere and pass their id"
            )
        if self._is_signing:
            self._sign(queue, headers, (content_type, encoding), body)
        return Message(queue, headers, body, content_type, encoding, priority, expires_at, properties)

    def reseal(self, message: Message, **headers: Any) -> Message:
        """The same message with other headers (by their wire names), signed again if it was signed well."""
        signed = message.headers.get(wire.SIGNATURE)
        full = _filled({**message.headers, **headers})
        content = (message.content_type, message.content_encoding)
        if signed and not self._keys.verifies(message.queue, message.headers, content, message.body):
            return replace(message, headers=full)  # stays unsigned in effect: a bad signature is not made good
        full.pop(wire.SIGNATURE, None)
        if signed and self._is_signing:
            self._sign(message.queue, full, content, message.body)
        return replace(message, headers=full)

    def open(self, delivery: Delivery) -> Run:
        """Raises UnreadableMessage or UntrustedMessage; nothing of the body is touched before it is verified."""
        headers, body = delivery.headers, delivery.body
        if len(body) > self._max_body_bytes:
            raise UnreadableMessage(f"the body has {len(body)} bytes (scheduler.broker.max_body)")
        trusted = self._local or self._verify(delivery)
        compression = headers.get("compression")
        if compression:
            body = inflate(body, str(compression), self._max_body_bytes)
        value = decode(body, delivery.content_type, delivery.content_encoding, trusted=trusted, accept=self._accept)
        if "task" in headers:
            return _run(delivery, value, trusted)
        return protocol1.run(delivery, value, trusted)

    def _verify(self, delivery: Delivery) -> bool:
        if not self._is_signing or wire.SIGNATURE not in delivery.headers:
            return False
        if self._fits(delivery):
            return True
        raise UntrustedMessage("the signature does not fit the message, or its key is not in scheduler.secret")

    def is_genuine(self, delivery: Delivery) -> bool:
        if self._local or not self._is_signing:
            return True
        try:
            return self._fits(delivery)
        except Exception:  # headers that nobody can have signed
            return False

    def _fits(self, delivery: Delivery) -> bool:
        content = (delivery.content_type, delivery.content_encoding)
        return self._keys.verifies(delivery.queue, delivery.headers, content, delivery.body)

    def _headers(
        self,
        task: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        given: Mapping[str, Any],
        expires_at: float | None,
    ) -> dict[str, Any]:
        headers = {**_PROTOCOL_HEADERS, **_filled(given)}
        headers["task"] = task
        headers["id"] = id_ = given.get("id") or new_id()
        headers["root_id"] = given.get("root_id") or id_
        headers["origin"] = self._origin
        headers[wire.CREATED] = self._clock.time()
        headers["argsrepr"] = short_repr(args)
        headers["kwargsrepr"] = short_repr(kwargs)
        if expires_at is not None:
            headers["expires"] = datetime.fromtimestamp(expires_at, UTC).isoformat()
        return headers

    def _compress(self, body: bytes, headers: dict[str, Any], compressor: str) -> bytes:
        try:
            compressed, headers["compression"] = kombu_compression.compress(body, compressor)
        except KeyError as error:
            raise InvalidMessage(f"there is no compressor {compressor!r}: gzip, zlib and bzip2 are known") from error
        return bytes(compressed)

    def _sign(self, queue: str, headers: dict[str, Any], content: tuple[str, str], body: bytes) -> None:
        headers[wire.SIGNATURE] = self._keys.sign(queue, headers, content, body)


def _filled(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in headers.items() if value is not None}


def _run(delivery: Delivery, value: Any, trusted: bool) -> Run:
    try:
        args, kwargs, embed = value
    except (TypeError, ValueError) as error:
        raise UnreadableMessage("the body is not (args, kwargs, embed)") from error
    if not (isinstance(args, (list, tuple)) and isinstance(kwargs, dict) and isinstance(embed, dict | None)):
        raise UnreadableMessage("the body's args, kwargs and embed are not a list, a dict and a dict")
    headers = delivery.headers
    id_, task = headers.get("id"), headers["task"]
    if not (isinstance(id_, str) and isinstance(task, str) and id_ and task):
        raise UnreadableMessage("the headers id and task are not texts")
    retries = headers.get("retries") or 0
    if not isinstance(retries, int) or not 0 <= retries <= MOST_RETRIES:
        raise UnreadableMessage("the header retries is no count")
    return Run(id_, task, args, kwargs, headers, delivery, embed or {}, trusted)


def short_repr(value: Any) -> str:
    """For monitors only; bounded, and without a look into anything deep."""
    try:
        text = repr(value)
    except Exception:  # a user's __repr__
        return "<unprintable>"
    return text if len(text) <= LONGEST_REPR else text[: LONGEST_REPR - 1] + "…"


def serializer_type(serializer: str) -> str:
    """The content type of a Kombu serializer; raises InvalidMessage for an unknown one."""
    from kombu.serialization import registry

    try:
        return str(registry.name_to_type[serializer])
    except KeyError as error:
        raise InvalidMessage(f"scheduler.broker.serializer = {serializer}: Kombu knows no such serializer") from error


__all__ = ["JSON", "EnvelopeSealer", "make_sealer"]
