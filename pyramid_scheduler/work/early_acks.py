"""Acks before the call, for tasks that would rather be lost than run twice."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable

from ..core.interfaces import Source
from ..core.message import Delivery


class EarlyAcks:
    """Lets threads that run jobs wait until the thread that talks to the broker has acked a delivery.

    Each such run costs a round trip to the broker, which late acks share by the hundred. Acking ahead what is merely
    buffered would be faster, and lose all of that with a killed worker instead of what it was running.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._asked: deque[tuple[Delivery, queue.SimpleQueue[bool]]] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, delivery: Delivery) -> bool:
        """Wait until ``delivery`` is acked; False: it is not, since the worker leaves, and must not run here."""
        if delivery.acked:
            return True
        answer: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._asked.append((delivery, answer))
        if self._closed:
            self.close()
        self._wake()
        return answer.get()

    def serve(self, source: Source) -> bool:
        """Ack what was asked for, and say whether anything was; whatever fails is asked for still."""
        batch = list(self._asked)
        if batch:
            source.ack([delivery for delivery, _ in batch])
        for delivery, answer in batch:
            self._asked.popleft()
            delivery.acked = True
            answer.put(True)
        return bool(batch)

    def close(self) -> None:
        """Nobody acks any more."""
        self._closed = True
        self.refuse()

    def refuse(self) -> None:
        """Ack none of what is asked for now."""
        while self._asked:
            try:
                self._asked.popleft()[1].put(False)
            except IndexError:  # another thread was faster
                return
