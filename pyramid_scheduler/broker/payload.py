"""Kombu's envelope: one message as JSON text, as Kombu's virtual transports write it into their queues."""

from __future__ import annotations

import base64
import itertools
import json
import os

from ..core.message import Delivery, Message

_JSON = "application/json"
_json, _read = json.JSONEncoder().encode, json.JSONDecoder().decode
_numbers = itertools.count(int.from_bytes(os.urandom(4)))


def dump(message: Message) -> str:
    """The envelope of ``message``. A JSON body goes in as text, which every Kombu reads; others in base64."""
    id_ = message.id
    body, encoding = _body(message)
    properties = {
        **message.properties,
        "correlation_id": message.properties.get("correlation_id") or id_,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": message.queue},
        "priority": message.priority,
        "delivery_tag": f"{id_}.{next(_numbers)}",
        **encoding,
    }
    # One encoding of parts at a time: nesting them first takes longer.
    return (
        f'{{"body": {_json(body)}, "content-encoding": {_json(message.content_encoding)},'
        f' "content-type": {_json(message.content_type)}, "headers": {_json(dict(message.headers))},'
        f' "properties": {_json(properties)}}}'
    )


def _body(message: Message) -> tuple[str, dict[str, str]]:
    """The body as text, and the property that says how it became text."""
    if message.content_type == _JSON and "compression" not in message.headers:
        return message.body.decode("utf-8"), {}
    return base64.b64encode(message.body).decode("ascii"), {"body_encoding": "base64"}


def load(payload: str | bytes, queue: str, tag: str, redelivered: bool) -> Delivery:
    """The delivery in an envelope; one that cannot be read keeps its bytes, and says why in ``error``."""
    try:
        envelope = _read(payload if isinstance(payload, str) else payload.decode())
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
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raw = payload.encode("utf-8", "replace") if isinstance(payload, str) else payload
        reason = f"the envelope cannot be read: {type(error).__name__}: {error}"
        return Delivery(queue, {}, raw, "application/octet-stream", "binary", {}, tag, redelivered, reason[:500])
