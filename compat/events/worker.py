"""A worker as its events show it."""

from __future__ import annotations

import bisect
from datetime import datetime
from decimal import Decimal
from time import time
from typing import Any

from ..utils.log import get_logger

logger = get_logger("celery.events.state")
#: How many per cent of its beat a worker may be late.
HEARTBEAT_EXPIRE_WINDOW = 200
#: Seconds that its clock may differ from ours without a warning.
HEARTBEAT_DRIFT_MAX = 16
_MOST_WARNED = 1000
_warned: set[str] = set()


def heartbeat_expires(timestamp: Any, freq: Any = 60, expire_window: float = HEARTBEAT_EXPIRE_WINDOW) -> float:
    """When a worker that beat at ``timestamp`` counts as gone."""
    beat = float(timestamp) if isinstance(timestamp, Decimal) else timestamp
    period = float(freq) if isinstance(freq, Decimal) else freq
    return beat + period * (expire_window / 100.0)


class Worker:
    """Its name, its last heartbeats, and what it says of itself."""

    heartbeat_max = 4
    expire_window = HEARTBEAT_EXPIRE_WINDOW
    _fields = (
        "hostname",
        "pid",
        "freq",
        "heartbeats",
        "clock",
        "active",
        "processed",
        "loadavg",
        "sw_ident",
        "sw_ver",
        "sw_sys",
    )

    def __init__(
        self,
        hostname: Any = None,
        pid: Any = None,
        freq: Any = 60,
        heartbeats: Any = None,
        clock: Any = 0,
        active: Any = None,
        processed: Any = None,
        loadavg: Any = None,
        sw_ident: Any = None,
        sw_ver: Any = None,
        sw_sys: Any = None,
    ) -> None:
        self.hostname = hostname
        self.pid = pid
        self.freq = freq
        self.heartbeats = [] if heartbeats is None else heartbeats
        self.clock = clock or 0
        self.active = active
        self.processed = processed
        self.loadavg = loadavg
        self.sw_ident = sw_ident
        self.sw_ver = sw_ver
        self.sw_sys = sw_sys

    def event(
        self,
        type_: str | None,
        timestamp: float | None = None,
        local_received: float | None = None,
        fields: Any = None,
        max_drift: float = HEARTBEAT_DRIFT_MAX,
    ) -> None:
        """Take in what an event says."""
        self.update(fields or {})
        if type_ == "offline":
            self.heartbeats[:] = []
        elif local_received and timestamp:
            self._warn_of_drift(timestamp, local_received, max_drift)
            if len(self.heartbeats) >= self.heartbeat_max:
                self.heartbeats.pop(0)
            bisect.insort(self.heartbeats, local_received)

    def _warn_of_drift(self, timestamp: float, local_received: float, max_drift: float) -> None:
        drift = abs(int(local_received) - int(timestamp))
        if drift <= max_drift or self.hostname in _warned:
            return
        if len(_warned) < _MOST_WARNED:
            _warned.add(self.hostname)
        logger.warning(
            "the clock of %s differs by %s seconds from ours: it says %s, here it is %s",
            self.hostname,
            drift,
            datetime.fromtimestamp(timestamp),
            datetime.fromtimestamp(local_received),
        )

    def update(self, f: Any, **kw: Any) -> None:
        for key, value in {**f, **kw}.items():
            setattr(self, key, value)

    @property
    def status_string(self) -> str:
        return "ONLINE" if self.alive else "OFFLINE"

    @property
    def heartbeat_expires(self) -> float:
        return heartbeat_expires(self.heartbeats[-1], self.freq, self.expire_window)

    @property
    def alive(self) -> bool:
        return bool(self.heartbeats and time() < self.heartbeat_expires)

    @property
    def id(self) -> str:
        return f"{self.hostname}.{self.pid}"

    def __eq__(self, other: object) -> bool:
        return self.hostname == other.hostname if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.hostname)

    def __reduce__(self) -> Any:
        return type(self), tuple(getattr(self, name) for name in self._fields)

    def __repr__(self) -> str:
        return f"<Worker: {self.hostname} ({self.status_string} clock:{self.clock})"
