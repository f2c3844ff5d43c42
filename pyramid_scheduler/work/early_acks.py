"""Acks before the call, for tasks that would rather be lost than run twice."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence

from ..core.clock import Clock
from ..core.errors import SchedulerError
from ..core.interfaces import Source
from ..core.message import Delivery
from .journal import Journal, acking

BRISK_SECONDS = 0.01
#: For so long after the last that was asked for; and if nobody has looked here in that time, something keeps it.
PROMISING_SECONDS = 0.1


class EarlyAcks:
    """Has a delivery acked before it is run.

    Such an ack is a message to the broker, which late acks share by the hundred. Where the run is in a ``journal`` that
    a supervisor reads when this process is dead, and who will then ack it in its name, it shares, too: the thread that
    talks to the broker looks every few milliseconds what has been running for as long, and acks that; what is over
    sooner is acked when it is settled. The price is that what began in the last of these runs again if the supervisor
    dies in the same moment, as it does with its machine; or, on RabbitMQ, if the connection breaks before it has ended.

    Elsewhere the thread that runs the job acks it, or, where that cannot be, the one that talks to the broker.
    """

    def __init__(self, source: Callable[[], Source | None], clock: Clock, journal: Journal | None = None) -> None:
        self._source = source
        self._clock = clock
        self._journal = journal
        self._promising: Source | None = None  # None: nobody looks here
        self._asked: deque[tuple[Delivery, queue.SimpleQueue[bool]]] = deque()
        self._in_doubt: set[int] = set()
        self._acking = 0
        self._lock = threading.Lock()
        self._quiet = threading.Condition(self._lock)
        self._was_asked = False
        self._brisk_until = 0.0
        self._closed = False

    def __len__(self) -> int:
        return len(self._asked)

    @property
    def longest_wait_seconds(self) -> float:
        """Until ``serve`` must be called again; it is ``wake``d if somebody waits for it."""
        if self._asked:
            return 0.0
        return BRISK_SECONDS if self._clock.monotonic() < self._brisk_until else float("inf")

    def foresee(self, deliveries: Sequence[Delivery]) -> None:
        """These come next: where others were acked early just now, some of these will be."""
        if self._journal is not None and self._clock.monotonic() < self._brisk_until:
            self._journal.foresee(deliveries)

    def ask(self, delivery: Delivery) -> bool:
        """Wait until ``delivery`` is acked, or will be; False: it is not, since the worker leaves, and must not run
        here."""
        return delivery.begun or self._promise(delivery) or self._ack(delivery) or self._wait(delivery)

    def _promise(self, delivery: Delivery) -> bool:
        """Only while the other thread looks here every few milliseconds."""
        with self._lock:
            self._was_asked = True
            source = self._promising
            if source is None or self._clock.monotonic() >= self._brisk_until or not source.keeps(delivery):
                return False
            delivery.begun = True
        return True

    def _ack(self, delivery: Delivery) -> bool:
        source = self._source()
        with self._quiet:
            if self._closed or source is None:
                return False
            self._acking += 1
        try:
            delivery.acked = delivery.begun = source.ack_now(delivery)
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

    def serve(self, source: Source, running: Sequence[tuple[Delivery, float]], stuck: Sequence[Delivery] = ()) -> None:
        """Ack what was asked for; and what was promised of those that are ``running`` since some monotonic time, or
        ``stuck`` after that. Whatever fails is asked for still."""
        with self._quiet:
            was_asked, self._was_asked = self._was_asked, False
        now = self._clock.monotonic()
        since = now if self._closed else now - BRISK_SECONDS
        promised = [*stuck, *(delivery for delivery, began_at in running if began_at <= since)]
        self._say(source, [delivery for delivery in promised if delivery.begun and not delivery.acked])
        if not self._closed:  # from then on who asks is refused, and sees to it himself
            self._answer(source)
        if was_asked and self._journal is not None and not self._closed:
            self._promising, self._brisk_until = source, now + PROMISING_SECONDS

    def _say(self, source: Source, promised: Sequence[Delivery]) -> None:
        if promised:
            with acking(self._journal, promised):
                source.ack(promised)
        for delivery in promised:
            delivery.acked = True

    def _answer(self, source: Source) -> None:
        batch = list(self._asked)
        if not batch:
            return
        asked = [delivery for delivery, _ in batch]
        # Where an ack has failed nobody knows whether it was heard: what may come again runs, rather than never.
        in_doubt, self._in_doubt = self._in_doubt, {id(delivery) for delivery, _ in batch}
        with acking(self._journal, asked):
            heard = {id(delivery) for delivery in source.ack_for_certain(asked)} | in_doubt
        self._in_doubt = set()
        for delivery, answer in batch:
            self._asked.popleft()
            delivery.acked = delivery.begun = id(delivery) in heard
            answer.put(delivery.begun)

    def close(self) -> None:
        """Nobody acks any more; who is about to has done so when this returns. What is promised is to be served."""
        with self._quiet:
            self._closed, self._promising = True, None
            self._quiet.wait_for(lambda: not self._acking)
        self.refuse()

    def refuse(self) -> None:
        """Ack none of what is asked for now."""
        while self._asked:
            try:
                self._asked.popleft()[1].put(False)
            except IndexError:  # another thread was faster
                return
