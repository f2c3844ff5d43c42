"""What every worker does beside its jobs: says that it lives, and gives back what the dead have held."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from ..core.clock import Clock
from ..core.interfaces import Leases, Presence
from ..core.run import LiveWorker

log = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
#: A consumer that was silent for so long has lost its claims. With the second in which somebody notices it makes
#: nine: a dead worker's jobs run again within ten.
SILENT_SECONDS = 8.0
RECOVER_SECONDS = 1.0
PRESENCE_SECONDS = 10.0


@dataclass
class Repeated:
    """Something done every so often, by whoever calls ``turn``."""

    seconds: float
    call: Callable[[], None]
    clock: Clock
    due: float = 0.0

    def turn(self) -> None:
        now = self.clock.monotonic()
        if now >= self.due:
            # A little early, each time another little: workers that started together do not stay in step.
            self.due = now + self.seconds * random.uniform(0.9, 1.0)
            self.call()


class Upkeep:
    """One worker's; ``beats`` is false where a supervisor beats for it."""

    def __init__(self, *, worker: LiveWorker, leases: Leases, presence: Presence, clock: Clock, beats: bool) -> None:
        self._worker = worker
        self._leases = leases
        self._presence = presence
        self._repeated = [Repeated(RECOVER_SECONDS, self._recover, clock)]
        if beats:
            self._repeated.insert(0, Repeated(BEAT_SECONDS, lambda: leases.beat([worker.name]), clock))
        self._repeated.append(Repeated(PRESENCE_SECONDS, lambda: presence.beat([worker]), clock))

    def turn(self) -> None:
        """Do what is due; may raise BrokerUnavailable or LedgerUnavailable."""
        for repeated in self._repeated:
            repeated.turn()

    def _recover(self) -> None:
        count = self._leases.recover(SILENT_SECONDS)
        if count:
            log.warning("%d messages of a worker that went silent are back in their queues", count)

    def leave(self) -> None:
        self._presence.leave([self._worker.name])
