"""Beat's ear for ``inspect ping``."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import Any

from kombu import pidbox
from kombu.common import ignore_errors
from kombu.utils.encoding import safe_str

from ..pipeline import broker_url, speaks_kombu
from ..utils.collections import AttributeDict
from ..utils.log import get_logger
from ..utils.nodenames import default_nodename, host_format
from .scheduler import DEFAULT_MAX_INTERVAL

logger = get_logger("celery.beat")
NODENAME_DEFAULT = "celerybeat"


def beat_nodename(hostname: str | None = None) -> str:
    """``celerybeat@host``, from a name, a part of one, or nothing; %h, %n and %d are filled in."""
    return host_format(default_nodename(hostname, NODENAME_DEFAULT))


class _BeatNode(pidbox.Node):
    beat_pidbox: Any = None

    def dispatch(self, method: str, arguments: Any = None, reply_to: Any = None, ticket: Any = None, **kw: Any) -> Any:
        owner = self.beat_pidbox
        if owner is not None and owner.is_stale():
            # Silence is what a probe takes for failure; an error would be an answer.
            logger.warning("beat does not answer %s: it has not ticked for %.1f s", method, owner.tick_age())
            return None
        return super().dispatch(method, arguments, reply_to, ticket, **kw)  # type: ignore[no-untyped-call]


class BeatPidbox:
    """Answers ``ping`` while beat ticks, in a thread of its own."""

    retry_interval = 5.0
    join_timeout = 3.0
    min_tick_age = 60.0

    def __init__(self, service: Any) -> None:
        self.service = service
        self.app = service.app
        self.hostname = beat_nodename(service.hostname)
        self.state = AttributeDict(app=self.app, service=service)
        make: Any = _BeatNode
        self.node: Any = make(
            safe_str(self.hostname),
            state=self.state,
            handlers={"ping": self._ping},
            mailbox=self.app.control.mailbox,
        )
        self.node.beat_pidbox = self
        self.thread: Thread | None = None
        self._shutdown = Event()

    @property
    def max_tick_age(self) -> float:
        """Seconds without a tick after which beat counts as stuck; 0: never."""
        configured = self.app.conf.beat_remote_control_max_tick_age
        if configured is not None:
            return float(configured)
        service = self.service
        interval = service.effective_max_interval or service.max_interval or DEFAULT_MAX_INTERVAL
        return float(max(interval * 2, self.min_tick_age))

    def tick_age(self) -> float | None:
        last = self.service._last_tick
        return None if last is None else time.monotonic() - last

    def is_stale(self) -> bool:
        age = self.tick_age()
        return bool(self.max_tick_age and age is not None and age > self.max_tick_age)

    def _ping(self, state: Any, **_kwargs: Any) -> dict[str, str]:
        return {"ok": "pong"}

    def on_message(self, body: Any, message: Any) -> None:
        """Answer what we know; other commands are for workers."""
        if not isinstance(body, dict) or body.get("method") not in self.node.handlers:
            return
        try:
            self.node.handle_message(body, message)
        except Exception as error:
            logger.error("beat could not answer: %r", error, exc_info=True)

    def fanout_support(self) -> tuple[bool, Any]:
        """(whether the transport carries remote control, its name)"""
        if not speaks_kombu(self.app):
            return False, broker_url(self.app).partition(":")[0]
        connection = self.app.connection_for_read()
        try:
            return bool(connection.supports_exchange_type("fanout")), connection.transport_cls
        finally:
            ignore_errors(connection, connection.release)

    def start(self) -> None:
        if self.thread is not None and self.thread.is_alive():
            return
        supported, transport = self.fanout_support()
        if not supported:
            logger.warning("beat answers no remote control: the %s transport has no fanout", transport)
            return
        self._shutdown.clear()
        self.thread = Thread(target=self._loop, name="BeatPidbox", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self._shutdown.set()
        if self.thread is None:
            return
        self.thread.join(timeout=self.join_timeout)
        if self.thread.is_alive():
            logger.warning(
                "beat's remote control did not stop within %s s; it ends with the process", self.join_timeout
            )
        else:
            self.thread = None

    def _loop(self) -> None:
        while not self._shutdown.is_set():
            try:
                with self.app.connection_for_read() as connection:
                    self._answer(connection)
            except Exception as error:
                if not self._shutdown.is_set():
                    logger.error("beat's remote control is deaf for %s s: %r", self.retry_interval, error)
                    self._shutdown.wait(self.retry_interval)

    def _answer(self, connection: Any) -> None:
        self.node.channel = connection.channel()
        consumer = self.node.listen(callback=self.on_message)
        try:
            while not self._shutdown.is_set():
                try:
                    connection.drain_events(timeout=1.0)
                except TimeoutError:
                    pass
        finally:
            ignore_errors(connection, consumer.cancel)
