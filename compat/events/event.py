"""An event is a dict; its exchange."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy
from typing import Any

from kombu.entity import Exchange

EVENT_EXCHANGE_NAME = "celeryev"
event_exchange = Exchange(EVENT_EXCHANGE_NAME, type="topic")


def Event(
    type: str, _fields: Any = None, __dict__: Any = dict, __now__: Callable[[], float] = time.time, **fields: Any
) -> dict[str, Any]:
    """An event of that type, with the time, unless ``timestamp`` is said."""
    event: dict[str, Any] = {**(_fields or {}), **fields}
    event.setdefault("timestamp", __now__())
    event["type"] = type
    return event


def group_from(type: str) -> str:
    """``task`` of ``task-sent``."""
    return type.split("-", 1)[0]


def get_exchange(conn: Any, name: str = EVENT_EXCHANGE_NAME) -> Exchange:
    """The exchange on that connection's transport: on Redis a fanout, where topics would cost too much."""
    exchange = copy(event_exchange)
    if conn.transport.driver_type in {"redis", "gcpubsub"}:
        exchange.type = "fanout"
    exchange.name = name
    return exchange
