"""A worker's ear for remote control: commands over kombu.pidbox."""

from __future__ import annotations

import threading
from typing import Any

from kombu.utils.encoding import safe_repr

from ..exceptions import WorkerShutdown, WorkerTerminate
from ..utils.collections import AttributeDict
from ..utils.log import get_logger
from .control import Panel

logger = get_logger("celery.worker.pidbox")
POLL_SECONDS = 0.2
AGAIN_SECONDS = 1.0


class Answering:
    """A thread with a connection of its own; on transports without fanout there is none."""

    def __init__(self, controller: Any) -> None:
        self.controller = controller
        self._stopped = threading.Event()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        from ..pipeline import speaks_kombu

        app = self.controller.app
        if not app.conf.worker_enable_remote_control or not speaks_kombu(app):
            return
        self._thread = threading.Thread(target=self._run, name="compat-pidbox", daemon=True)
        self._thread.start()
        self._ready.wait(5)

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)

    def _run(self) -> None:
        self.controller.app.set_current()
        while not self._stopped.is_set():
            try:
                self._listen()
            except Exception as error:
                logger.warning("remote control is deaf for a second, tasks go on: %r", error)
                self._ready.set()
                self._stopped.wait(AGAIN_SECONDS)

    def _listen(self) -> None:
        app, controller = self.controller.app, self.controller
        with app.connection_for_read() as connection:
            mailbox = app.control.mailbox(connection)
            node = mailbox.Node(
                controller.hostname,
                handlers=Panel.data,
                state=AttributeDict(app=app, hostname=controller.hostname, consumer=controller.consumer, tset=set),
                channel=connection.channel(),
            )
            consumer = node.listen(callback=lambda body, message: self._answer(node, body, message))
            self._ready.set()
            while not self._stopped.is_set():
                try:
                    connection.drain_events(timeout=POLL_SECONDS)
                except TimeoutError:
                    connection.heartbeat_check() if connection.heartbeat else None
            consumer.cancel()

    def _answer(self, node: Any, body: Any, message: Any) -> None:
        self.controller.app.clock.adjust(message.headers.get("clock") or 0)
        try:
            node.handle_message(body, message)
        except KeyError as error:
            logger.error("there is no control command %s", error)
        except (WorkerShutdown, WorkerTerminate):
            self.controller.stop()
        except Exception as error:
            logger.error("a control command failed: %r (%s)", error, safe_repr(body), exc_info=True)
