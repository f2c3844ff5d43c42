"""Acks before the call, for tasks that would rather be lost than run twice."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable

from ..core.errors import SchedulerError
from ..core.interfaces import Source
from ..core.message import Delivery


class EarlyAcks:
    """Has a delivery acked before it is run: by the thread that runs it, or, where that cannot be, by the one that
    talks to the broker.

    Each such run costs a message to the broker, which late acks share by the hundred. Acking ahead what is merely
    buffered would be faster, and lose all of that with a killed worker instead of what it was running.
    """

    def __init__(self, source: Callable[[], Source | None]) -> None:
        self._source = source
        self._asked: deque[tuple[Delivery, queue.SimpleQueue[bool]]] = deque()
        self._acking = 0
        self._quiet = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, delivery: Delivery) -> bool:
        """Wait until ``delivery`` is acked; False: it is not, since the worker leaves, and must not run here."""
        return delivery.acked or self._ack(delivery) or self._wait(delivery)

    def _ack(self, delivery: Delivery) -> bool:
        source = self._source()
        with self._quiet:
            if self._closed or source is None:
                return False
            self._acking += 1
        try:
            delivery.acked = source.ack_now(delivery)
        except SchedulerError:  # whether it was acked is not known: the other thread asks until it is
            return False
        finally:
            with self._quiet:
                self._acking -= 1
                self._quiet.notify_all()
        return delivery.acked

    def _wait(self, delivery: Delivery) -> bool:
        answer: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._asked.append((delivery, answer))
        if self._closed:
            self.refuse()
        source = self._source()
        if source is not None:
            source.wake()
        return answer.get()

    def serve(self, source: Source) -> None:
        """Ack what was asked for; whatever fails is asked for still."""
        batch = list(self._asked)
        if batch:
            source.ack([delivery for delivery, _ in batch])
        for delivery, answer in batch:
            self._asked.popleft()
            delivery.acked = True
            answer.put(True)

    def close(self) -> None:
        """Nobody acks any more; who is about to has done so when this returns."""
        with self._quiet:
            self._closed = True
            self._quiet.wait_for(lambda: not self._acking)
        self.refuse()

    def refuse(self) -> None:
        """Ack none of what is asked for now."""
        while self._asked:
            try:
                self._asked.popleft()[1].put(False)
            except IndexError:  # another thread was faster
                return
