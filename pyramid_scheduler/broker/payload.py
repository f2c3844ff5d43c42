"""Kombu's envelope: one message as JSON text, as Kombu's virtual transports write it into their queues."""

from __future__ import annotations

import base64
import itertools
import json
import os
from typing import Any

from kombu.utils.json import dumps, object_hook

from ..core.errors import words_of
from ..core.message import Delivery, Message
from ..core.plain_json import quote, read, write

_JSON = "application/json"
_OURS = frozenset(("correlation_id", "delivery_mode", "delivery_info", "priority", "delivery_tag", "body_encoding"))
#: An envelope that is longer is not kept beside what was read from it: a worker may hold a thousand of them.
LONGEST_RAW = 1 << 14
_numbers = itertools.count(int.from_bytes(os.urandom(4)))


def dump(message: Message) -> str:
    """The envelope of ``message``, its body in base64: what looks into a queue of Celery's decodes that, unasked."""
    # Part by part: to make one value of them first takes longer, and its encoding is most of what adding a job costs.
    headers = message.headers if type(message.headers) is dict else dict(message.headers)
    body = base64.b64encode(message.body).decode("ascii")
    return (
        f'{{"body": "{body}", "content-encoding": {quote(message.content_encoding)},'
        f' "content-type": {quote(message.content_type)}, "headers": {_table(headers)},'
        f' "properties": {_properties(message)}}}'
    )


def _properties(message: Message) -> str:
    id_ = message.id
    others = {name: value for name, value in message.properties.items() if name not in _OURS}
    return (
        f'{{"correlation_id": {write(message.properties.get("correlation_id") or id_)}, "delivery_mode": 2,'
        f' "delivery_info": {{"exchange": "", "routing_key": {quote(message.queue)}}},'
        f' "priority": {int(message.priority)}, "body_encoding": "base64",'
        f' "delivery_tag": {quote(f"{id_}.{next(_numbers)}")}'
        f"{', ' + _table(others)[1:-1] if others else ''}}}"
    )


def _table(value: dict[str, Any]) -> str:
    try:
        return write(value)
    except TypeError:  # a date, say: Kombu has a notation for what JSON has no type for
        return str(dumps(value))


def load(payload: str | bytes, queue: str, tag: str, redelivered: bool) -> Delivery:
    """The delivery in an envelope; one that cannot be read keeps its bytes, and says why in ``error``."""
    try:
        envelope = _envelope(payload if isinstance(payload, str) else payload.decode())
        properties = envelope.get("properties") or {}
        body = envelope["body"]
        encoded = properties.get("body_encoding") == "base64"
        headers = envelope.get("headers") or {}
        if not isinstance(headers, dict) or not isinstance(properties, dict):
            raise TypeError("its headers or properties are no table")
        return Delivery(
            queue,
            headers,
            base64.b64decode(body) if encoded else body.encode("utf-8"),
            envelope.get("content-type") or _JSON,
            envelope.get("content-encoding") or "utf-8",
            properties,
            tag,
            redelivered or bool((properties.get("delivery_info") or {}).get("redelivered")),
            raw=payload if len(payload) <= LONGEST_RAW else b"",
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raw = payload.encode("utf-8", "replace") if isinstance(payload, str) else payload
        reason = f"the envelope cannot be read: {words_of(error)}"
        return Delivery(queue, {}, raw, "application/octet-stream", "binary", {}, tag, redelivered, reason[:500])


def _envelope(text: str) -> Any:
    # A body that is text has its quotes escaped: this finds headers and properties alone.
    return json.loads(text, object_hook=_typed) if '"__type__"' in text else read(text)


def _typed(table: dict[str, Any]) -> Any:
    """A stranger's table that Kombu cannot read stays what it is: that is no reason to refuse the message."""
    try:
        return object_hook(table)
    except Exception:
        return table
