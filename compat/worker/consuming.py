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
            connection.connect()
            self._serve(connection)
        except connection.connection_errors as error:
            logger.warning("the consumer's connection is lost, or was refused; it is tried again: %r", error)
            self._stopped.wait(AGAIN_SECONDS)

    def _serve(self, connection: Any) -> None:
        try:
            self.consumer.blueprint.start(self.consumer)
            self._drain(connection)
        except connection.connection_errors:
            self.consumer.blueprint.restart(self.consumer)
            raise

    def _drain(self, connection: Any) -> None:
        """Until they are to stop; or a callback raises, which is their end, too."""
        try:
            while not self._stopped.is_set():
                with suppress(TimeoutError):
                    connection.drain_events(timeout=POLL_SECONDS)
        except connection.connection_errors:
            raise
        except BaseException:
            self._stop_steps()
            raise
        self._stop_steps()

    def _stop_steps(self) -> None:
        self.consumer.blueprint.stop(self.consumer)
        self.consumer.blueprint.send_all(self.consumer, "shutdown", propagate=False)

    def stop(self, seconds: float) -> None:
        """Safe to call twice."""
        self._stopped.set()
        if threading.current_thread() is not self:
            self.join(seconds)
