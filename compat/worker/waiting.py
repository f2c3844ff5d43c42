"""What waits for its time in the ledger, for ``inspect``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kombu.serialization import loads

from .request import shown_name


def shown(schedule: Any, hostname: str) -> dict[str, Any]:
    """As Celery shows what waits in a worker's memory."""
    message, at = schedule.message, schedule.next_fire_at
    args, kwargs = _arguments(message)
    info = {"exchange": "", "routing_key": schedule.queue, "priority": message.priority, "redelivered": False}
    return {
        "eta": None if at is None else datetime.fromtimestamp(at, UTC).isoformat(),
        "priority": 6,
        "request": {
            "id": message.id,
            "name": shown_name(message.headers, schedule.task),
            "args": args,
            "kwargs": kwargs,
            "type": schedule.task,
            "hostname": hostname,
            "time_start": None,
            "acknowledged": False,
            "delivery_info": info,
            "worker_pid": None,
        },
    }


def _arguments(message: Any) -> tuple[Any, Any]:
    """The call's arguments; their reprs where the body is not plain JSON."""
    if message.content_type == "application/json" and "compression" not in message.headers:
        args, kwargs, _ = loads(message.body, "application/json", "utf-8")
        return args, kwargs
    return message.headers.get("argsrepr"), message.headers.get("kwargsrepr")
