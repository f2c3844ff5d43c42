"""Settling in batches: follow-ups published, outcomes written, then messages acked; in this order, or again."""

from __future__ import annotations

import logging
from collections import deque

from ..core.interfaces import History, Publisher, Source, Stored
from .runner import Settlement

log = logging.getLogger(__name__)

BATCH = 500


class Settler:
    """Collects settlements from any thread; the worker's I/O thread flushes them.

    A flush that fails keeps what it held, and nothing of it is acked: it is worse to lose a job than to run it twice.
    """

    def __init__(self, *, history: History, publisher: Publisher, stored: Stored) -> None:
        self._history = history
        self._publisher = publisher
        self._stored = stored
        self._waiting: deque[Settlement] = deque()
        self._in_hand: list[Settlement] = []
        self.add = self._waiting.append

    def __len__(self) -> int:
        return len(self._waiting) + len(self._in_hand)

    def flush(self, source: Source) -> None:
        """Settle all that is there; raises BrokerUnavailable or LedgerUnavailable, having lost nothing."""
        while self._in_hand or self._waiting:
            while self._waiting and len(self._in_hand) < BATCH:
                self._in_hand.append(self._waiting.popleft())
            self._publish_follow_ups()
            self._write()
            self._tell_broker(source)
            self._in_hand = []

    def _publish_follow_ups(self) -> None:
        for settlement in self._in_hand:
            if settlement.outcome.follow_ups and not settlement.published:
                self._publisher.publish(settlement.outcome.follow_ups)
                settlement.published = True

    def _write(self) -> None:
        records = [s.record for s in self._in_hand if s.record is not None]
        parked = [s.parked for s in self._in_hand if s.parked is not None]
        later = [schedule for s in self._in_hand for schedule in s.outcome.later]
        for one in parked:
            log.warning("message %s is kept: %s; see pscheduler failed", one.id, one.reason.partition("\n")[0][:300])
        self._history.settle(records, parked, later, self._stored)

    def _tell_broker(self, source: Source) -> None:
        source.ack([s.delivery for s in self._in_hand if not s.returned])
        returned = [s.delivery for s in self._in_hand if s.returned]
        if returned:
            source.give_back(returned)
