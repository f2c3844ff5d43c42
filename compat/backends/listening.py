"""One thread per process and backend that hears of results, and tells whoever waits for them."""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from ..utils.log import get_logger

logger = get_logger("celery.backends.asynchronous")
Deliver = Callable[[dict[str, Any]], None]

_IDLE_SECONDS = 10.0
_RECONNECT_SECONDS = 1.0


class Listener:
    """Waiters say which ids they want to hear of; ``deliver(meta)`` is called in the listener's thread.

    All state but the orders belongs to that thread, so that a waiter may be garbage collected, and say so, at any
    point of anybody's code: an order is one append and one byte. The thread ends when nobody has waited for a while.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._orders: deque[tuple[str, str, Deliver]] = deque()
        self._thread: threading.Thread | None = None
        self._waiters: dict[str, list[Deliver]] = {}
        self._awake, self._waker = socket.socketpair()
        self._awake.setblocking(False)
        self._waker.setblocking(False)

    @contextmanager
    def listening(self, task_ids: Collection[str]) -> Iterator[queue.SimpleQueue[dict[str, Any]]]:
        """A queue of what is heard of these ids, beginning with what is known of them now."""
        inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.listen(task_ids, inbox.put)
        try:
            yield inbox
        finally:
            for task_id in task_ids:
                self.ignore(task_id, inbox.put)

    def listen(self, task_ids: Collection[str], deliver: Deliver) -> None:
        if self._pid != os.getpid():  # a fork takes no threads along
            self._lock = threading.Lock()
            self._reset()
        self._orders.extend(("listen", task_id, deliver) for task_id in task_ids)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="compat-results", daemon=True)
                self._thread.start()
        self._wake()

    def ignore(self, task_id: str, deliver: Deliver) -> None:
        """Any thread, also from within a garbage collection: takes no lock."""
        self._orders.append(("ignore", task_id, deliver))
        self._wake()

    def _wake(self) -> None:
        try:
            self._waker.send(b"x")
        except OSError:  # full: it will wake up anyway
            pass

    # In the thread

    def _run(self) -> None:
        last_used = time.monotonic()
        while True:
            try:
                self._connect()
                while not self._may_end(last_used):
                    if self._waiters or self._orders:
                        last_used = time.monotonic()
                    self._obey()
                    self._hear(_IDLE_SECONDS)
                    self._drain_wakes()
                return
            except Exception as error:
                logger.warning("results cannot be heard of (%r); connecting again in %s s", error, _RECONNECT_SECONDS)
                time.sleep(_RECONNECT_SECONDS)
            finally:
                self._disconnect()

    def _may_end(self, last_used: float) -> bool:
        if self._waiters or time.monotonic() - last_used < _IDLE_SECONDS:
            return False
        with self._lock:
            if self._orders:
                return False
            self._thread = None
            return True

    def _obey(self) -> None:
        wanted: list[str] = []
        dropped: list[str] = []
        while self._orders:
            order, task_id, deliver = self._orders.popleft()
            waiters = self._waiters.setdefault(task_id, [])
            if order == "listen":
                waiters.append(deliver)
                wanted.append(task_id)
                continue
            if deliver in waiters:
                waiters.remove(deliver)
            if not waiters:
                del self._waiters[task_id]
                dropped.append(task_id)
        self._subscribe([task_id for task_id in dict.fromkeys(wanted) if task_id in self._waiters])
        self._unsubscribe([task_id for task_id in dict.fromkeys(dropped) if task_id not in self._waiters])

    def _tell(self, task_id: str, meta: dict[str, Any]) -> None:
        for deliver in list(self._waiters.get(task_id, ())):
            try:
                deliver(dict(meta))
            except Exception:
                logger.exception("a callback on the result of %s raised", task_id)

    def _drain_wakes(self) -> None:
        try:
            while self._awake.recv(4096):
                pass
        except BlockingIOError:
            pass

    # For subclasses

    def _connect(self) -> None:
        """Connect, and subscribe to all that is waited for."""
        raise NotImplementedError

    def _disconnect(self) -> None:
        raise NotImplementedError

    def _subscribe(self, task_ids: list[str]) -> None:
        """Hear of these from now on; what is known of them already is told, too."""
        raise NotImplementedError

    def _unsubscribe(self, task_ids: list[str]) -> None:
        raise NotImplementedError

    def _hear(self, seconds: float) -> None:
        """Tell what comes in, for that long, or until ``_awake`` is readable."""
        raise NotImplementedError
