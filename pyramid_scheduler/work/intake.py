"""What a worker has taken from the broker and no thread of it runs yet."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Sequence

from ..core import message as wire
from ..core.interfaces import Runs, Source
from ..core.message import Delivery
from .prefetch import Prefetch

log = logging.getLogger(__name__)

#: Stands in the buffer for "listen for the next one yourself".
LISTEN = Delivery("", {}, b"", "", "", {}, None)


class Intake:
    """Between the thread that talks to the broker, which fills and empties it, and those that run jobs, which ``take``.

    Every delivery stays in exactly one place until the step that moves it on has succeeded: the lease on it lives as
    long as the worker, so that one that were forgotten here would neither run nor be given to anybody else.
    """

    def __init__(
        self,
        *,
        threads: int,
        runs: Runs,
        is_genuine: Callable[[Delivery], bool],
        foresee: Callable[[Sequence[Delivery]], None] = lambda deliveries: None,
    ) -> None:
        self._threads = threads
        self._runs = runs
        self._is_genuine = is_genuine
        self._foresee = foresee
        self._prefetch = Prefetch(threads)
        self._buffer: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._received: list[Delivery] = []
        self._returning: list[Delivery] = []
        self._dismissed = False
        self.take = self._buffer.get  #: the next delivery, waiting for it; None: go home
        self.observe = self._prefetch.observe

    def __len__(self) -> int:
        buffered = 0 if self._dismissed else self._buffer.qsize()
        return buffered + len(self._received) + len(self._returning)

    @property
    def is_low(self) -> bool:
        """Whether it is time to ask the broker for more."""
        return self._buffer.qsize() <= self._prefetch.extra // 2

    def fill(self, source: Source, busy: int, timeout: float) -> None:
        """Receive what there is room for, and let it be run; whatever fails on the way is tried again next time."""
        self._received += source.receive(self._room(busy), 0.0 if self._received else timeout)
        admitted = self._admitted(source)
        self._foresee(admitted)
        for delivery in admitted:
            self._buffer.put(delivery)
        self._received = []

    def _room(self, busy: int) -> int:
        held = len(self) + busy
        room = self._threads + self._prefetch.extra - held
        return max(room, 0) if held <= self._threads or room > self._prefetch.extra // 2 else 0

    def _admitted(self, source: Source) -> Sequence[Delivery]:
        """Without the second publications of one fire: those are acked, and never run."""
        fires = [(self._fire(d), token) for d in self._received if (token := _token(d))]
        if not fires:
            return self._received
        allowed = self._runs.claim(fires)
        refused = [d for d in self._received if (token := _token(d)) and token not in allowed]
        if refused:
            log.info("%d fires were published twice; they run once", len(refused))
            source.ack(refused)
        return [d for d in self._received if not (token := _token(d)) or token in allowed]

    def _fire(self, delivery: Delivery) -> str:
        """What fired it: every retry of a run is a fire of its own, though they all have the run's id, and so is each
        time for which one has chosen the same id again, or does not count a retry as one. What anybody may have written
        takes the place of nothing that is signed, nor of what is signed with a key that is not ours."""
        headers = delivery.headers
        retries = headers.get("retries")
        moment = headers.get(wire.DUE) if headers.get(wire.FINAL) else ""  # the id of a recurring job's run has its own
        sort = "" if self._is_genuine(delivery) else f"{headers.get(wire.SIGNATURE, 'unsigned')} "
        return f"{sort}{headers.get('id')}{f'#{retries}' if retries else ''}{f'@{moment}' if moment else ''}"

    def empty(self, source: Source) -> None:
        """Give back all that no thread has taken: it may run elsewhere."""
        self._returning += self._received
        self._received = []
        self._returning += self._take_buffer()
        if self._returning:
            source.give_back(self._returning)
            self._returning = []

    def stop_hoarding(self, source: Source, seconds: float) -> None:
        """All threads have been at their jobs for so long: others shall have what waits behind them."""
        if self._buffer.qsize() or self._returning:
            self._prefetch.observe(seconds)
            self.empty(source)

    def invite(self) -> None:
        """Have a thread that waits for a delivery listen for the next one itself."""
        self._buffer.put(LISTEN)

    def uninvite(self) -> bool:
        """False: one has taken the invitation."""
        return self.take_now() is LISTEN

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to run."""
        return self._buffer.empty()

    def take_now(self) -> Delivery | None:
        """``take``, without waiting."""
        try:
            return self._buffer.get_nowait()
        except queue.Empty:
            return None

    def dismiss(self) -> None:
        """Send the threads home: whatever is buffered is theirs no more."""
        self._returning += self._take_buffer()
        self._dismissed = True
        for _ in range(self._threads):
            self._buffer.put(None)

    def _take_buffer(self) -> list[Delivery]:
        taken: list[Delivery] = []
        while not self._dismissed:  # from then on there is nothing in it but the way home
            try:
                delivery = self._buffer.get_nowait()
            except queue.Empty:
                break
            if delivery is not None:
                taken.append(delivery)
        return taken


def _token(delivery: Delivery) -> str:
    token = delivery.headers.get(wire.TOKEN) if isinstance(delivery.headers, dict) else None
    return token if isinstance(token, str) else ""
