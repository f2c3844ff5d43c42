"""Consumer steps: a connection of their own, and the thread that serves it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from ..utils.log import get_logger

logger = get_logger("celery.worker.consumer")
POLL_SECONDS, AGAIN_SECONDS = 0.5, 2.0


class Consuming(threading.Thread):
    """Starts the consumer's steps when it is connected, and again after the connection was lost."""

    def __init__(self, consumer: Any) -> None:
        super().__init__(name="consumer", daemon=True)
        self.consumer = consumer
        self._stopped = threading.Event()

    def run(self) -> None:
        consumer = self.consumer
        try:
            while not self._stopped.is_set():
                with consumer.app.connection_for_read() as consumer.connection:
                    self._until_lost(consumer.connection)
        except (Exception, SystemExit) as error:
            consumer.controller.fail(error)

    def _until_lost(self, connection: Any) -> None:
        try:
            self._serve(connection)
        except connection.connection_errors as error:
            logger.warning("the consumer's connection is lost, or was refused; it is tried again: %r", error)
            self.consumer.blueprint.restart(self.consumer)
            self._stopped.wait(AGAIN_SECONDS)

    def _serve(self, connection: Any) -> None:
        connection.connect()
        blueprint = self.consumer.blueprint
        blueprint.start(self.consumer)
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                connection.drain_events(timeout=POLL_SECONDS)
        blueprint.stop(self.consumer)
        blueprint.send_all(self.consumer, "shutdown", propagate=False)

    def stop(self, seconds: float) -> None:
        """Safe to call twice."""
        self._stopped.set()
        if threading.current_thread() is not self:
            self.join(seconds)
