"""A worker's voice: its heartbeat, and what happens to its tasks (``-E``)."""

from __future__ import annotations

import os
import threading
from typing import Any

from .. import signals
from ..utils.log import get_logger
from . import state

logger = get_logger("celery.worker.consumer.events")
HEARTBEAT_SECONDS = 2.0
AGAIN_SECONDS, OPEN_SECONDS = 1.0, 5.0


class EventSender:
    """Sends events from a thread and a connection of its own; what cannot be sent is dropped, and tasks go on."""

    interval = HEARTBEAT_SECONDS

    def __init__(self, controller: Any) -> None:
        self.controller = controller
        self._dispatcher: Any = None
        self._connection: Any = None
        self._stopped = threading.Event()
        self._tried = threading.Event()
        self._is_ready = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take what there is to tell of tasks; ``announce`` the worker when it is ready."""
        from ..pipeline import speaks_kombu

        if self._thread is not None:
            return
        if not speaks_kombu(self.controller.app) or not (self._wanted or not self.controller.without_heartbeat):
            return
        self._thread = threading.Thread(target=self._beat, name="compat-events", daemon=True)
        self._thread.start()
        self._tried.wait(OPEN_SECONDS)  # the first task's events are wanted, too

    def announce(self) -> None:
        self._is_ready.set()

    @property
    def eventer(self) -> Any:
        """What sends them, as the sender of heartbeat_sent has it."""
        return self._dispatcher

    @property
    def is_open(self) -> bool:
        """Whether there is any point in telling."""
        return self._dispatcher is not None

    @property
    def _wanted(self) -> bool:
        return bool(self.controller.task_events)

    def _open(self) -> None:
        app = self.controller.app
        self._connection = app.connection_for_write()
        groups = ["worker", "task"] if self._wanted else ["worker"]
        self._dispatcher = app.events.Dispatcher(
            self._connection,
            hostname=self.controller.hostname,
            groups=groups,
            buffer_group=["task"],
            buffer_limit=24,
        )
        self.controller.consumer.event_dispatcher = self._dispatcher

    def _open_somehow(self) -> bool:
        try:
            self._open()
        except Exception as error:
            logger.warning("no events for a second, tasks go on: %r", error)
            if self._connection is not None:
                self._connection.release()
            return False
        finally:
            self._tried.set()
        return True

    def task_event(self, type: str, **fields: Any) -> None:
        """Send an event about a task, if somebody wants them; they travel in batches."""
        dispatcher = self._dispatcher
        if dispatcher is None:
            return
        try:
            dispatcher.send(type, **fields)
        except Exception as error:
            logger.debug("an event could not be sent: %r", error)

    def _beat(self) -> None:
        while not self._open_somehow():
            if self._stopped.wait(AGAIN_SECONDS):
                return
        self._is_ready.wait()
        if self._stopped.is_set():
            return
        self._say("worker-online")
        while not self._stopped.wait(0.25):
            self._turn()
        self._say("worker-offline")
        self._flush()

    _since_beat = 0.0

    def _turn(self) -> None:
        self._since_beat += 0.25
        self._flush()
        if self._since_beat >= HEARTBEAT_SECONDS:
            self._since_beat = 0.0
            self._say("worker-heartbeat")
            signals.heartbeat_sent.send(sender=self)

    def _say(self, type: str) -> None:
        fields = {
            "freq": HEARTBEAT_SECONDS,
            "active": len(state.active_requests),
            "processed": state.all_total_count[0],
            "loadavg": [round(load, 2) for load in os.getloadavg()],
            **state.SOFTWARE_INFO,
        }
        self.task_event(type, **fields)

    def _flush(self) -> None:
        try:
            self._dispatcher.flush()
        except Exception as error:
            logger.debug("events could not be sent: %r", error)

    def stop(self) -> None:
        self._stopped.set()
        self._is_ready.set()
        if self._thread is not None:
            self._thread.join(5)
        if self._connection is not None:
            self._connection.close()
        self._dispatcher = None
