"""A scheduler that writes down what it would send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from compat.beat import Scheduler

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class RecordingScheduler(Scheduler):
    """Sends nothing: ``sent`` has the name, the arguments and the options of every task."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sent: list[tuple[str, Any, Any, dict[str, Any]]] = []
        self.synced = 0
        super().__init__(*args, **kwargs)

    def send_task(self, name: str, args: Any = None, kwargs: Any = None, producer: Any = None, **options: Any) -> Any:
        self.sent.append((name, args, kwargs, options))

    def sync(self) -> None:
        self.synced += 1

    @property
    def names(self) -> list[str]:
        return [name for name, *_ in self.sent]
