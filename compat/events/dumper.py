"""Events as lines of text."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from ..app import app_or_default
from ..utils.functional import LRUCache
from .receiver import listen

__all__ = ("Dumper", "evdump", "humanize_type")

_NAMES = {"worker-online": "started", "worker-offline": "shutdown", "worker-heartbeat": "heartbeat"}
#: A task's name is in its first events only.
_REMEMBERED = 4096


def humanize_type(type: str) -> str:
    """``task succeeded`` for ``task-succeeded``, and ``started`` for ``worker-online``."""
    return _NAMES.get(type.lower(), type.lower().replace("-", " "))


class Dumper:
    """Writes a line per event."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = sys.stdout if out is None else out
        self._calls = LRUCache(_REMEMBERED)

    def say(self, msg: str) -> None:
        print(msg, file=self.out, flush=True)

    def on_event(self, ev: dict[str, Any]) -> None:
        event = dict(ev)
        moment = datetime.fromtimestamp(event.pop("timestamp"), UTC)
        kind, hostname = event.pop("type").lower(), event.pop("hostname")
        if kind.startswith("task-"):
            self.format_task_event(hostname, moment, kind, self._call(event), event)
        else:
            self.say(f"{hostname} [{moment}] {humanize_type(kind)}: {_pairs(event)}")

    def _call(self, event: dict[str, Any]) -> str:
        """The task with its arguments; taken out of the event."""
        task_id = event.pop("uuid")
        if "name" in event:
            name, args, kwargs = (event.pop(key, "") for key in ("name", "args", "kwargs"))
            self._calls[task_id] = f"{name}({task_id}) args={args} kwargs={kwargs}"
        return str(self._calls.get(task_id, f"({task_id})"))

    def format_task_event(self, hostname: str, timestamp: datetime, type: str, task: str, event: Any) -> None:
        self.say(f"{hostname} [{timestamp}] {humanize_type(type)}: {task} {_pairs(event)}".rstrip())


def evdump(app: Any = None, out: TextIO | None = None) -> None:
    """Write all events until the program is interrupted; connect again when the connection is lost."""
    app = app_or_default(app)
    dumper = Dumper(out)
    dumper.say("-> evdump: waiting for events")
    with app.connection_for_read() as connection, suppress(KeyboardInterrupt, SystemExit):
        connection.ensure_connection()
        listen(
            app,
            connection,
            dumper.on_event,
            lambda error: dumper.say(f"-> the connection was lost ({error}); connecting again"),
        )


def _pairs(event: dict[str, Any]) -> str:
    return ", ".join(f"{key}={event[key]}" for key in sorted(event))
