"""Settling in batches: follow-ups published, outcomes written, then messages acked; in this order, or again."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

from ..core.errors import InvalidMessage, QueueUnavailable, SchedulerError
from ..core.interfaces import History, Publisher, Source, Stored
from ..core.message import Delivery
from ..core.run import Outcome, Parked, RunState
from .journal import Journal
from .settlement import Settlement

log = logging.getLogger(__name__)

BATCH = 500


class Settler:
    """Collects settlements from any thread; the worker's I/O thread flushes them.

    A flush that fails keeps what it held, and nothing of it is acked: it is worse to lose a job than to run it twice.
    """

    def __init__(
        self, *, history: History, publisher: Publisher, stored: Stored, journal: Journal | None = None
    ) -> None:
        self._history = history
        self._publisher = publisher
        self._stored = stored
        self._journal = journal
        self._waiting: deque[Settlement] = deque()
        self._in_hand: list[Settlement] = []
        self._set_aside: list[Settlement] = []
        self.add = self._waiting.append

    def __len__(self) -> int:
        return len(self._waiting) + len(self._in_hand) + len(self._set_aside)

    @property
    def holds_claims(self) -> bool:
        """Whether somebody else might have to wait for what is to be settled."""
        in_hand = self._in_hand or self._set_aside
        return bool(in_hand) or any(not settlement.delivery.acked for settlement in list(self._waiting))

    @property
    def stuck(self) -> list[Delivery]:
        """What waits to be settled, where the last flush could not settle all: that may be long in coming."""
        waiting = list(self._waiting) if self._in_hand else []
        return [settlement.delivery for settlement in (*self._in_hand, *self._set_aside, *waiting)]

    def flush(self, source: Source) -> None:
        """Settle all that is there; raises BrokerUnavailable or LedgerUnavailable, having lost nothing.

        What comes meanwhile waits for the next flush: a batch of its own would cost as much as a large one.
        """
        left = len(self._waiting)
        self._in_hand, self._set_aside, before = self._set_aside + self._in_hand, [], len(self._set_aside)
        while self._in_hand or left:
            taken = min(left, max(BATCH - len(self._in_hand), 0))
            self._in_hand += [self._waiting.popleft() for _ in range(taken)]
            left -= taken
            try:
                self._publish_where_there_is_room()
                self._write(self._in_hand)
            except Exception as error:
                if _is_passing(error):
                    raise
                self._settle_one_by_one()
            self._tell_broker(source)
            self._in_hand = []
        if self._set_aside and not before:
            log.warning("%d outcomes wait until there is room for what follows them", len(self._set_aside))

    def _publish_where_there_is_room(self) -> None:
        """A queue that takes nothing now must not hold up the others: nor its own jobs, whose end makes room in it."""
        closed: set[str] = set()
        for settlement in [one for one in self._in_hand if one.outcome.follow_ups]:
            queues = {message.queue for message in settlement.outcome.follow_ups}
            try:
                if closed.isdisjoint(queues):
                    self._publish_follow_ups([settlement])
                    continue
            except QueueUnavailable:
                closed |= queues
            self._put_aside(settlement)

    def _put_aside(self, settlement: Settlement) -> None:
        self._in_hand = [one for one in self._in_hand if one is not settlement]
        self._set_aside.append(settlement)

    def _publish_follow_ups(self, settlements: Sequence[Settlement]) -> None:
        for settlement in settlements:
            if settlement.outcome.follow_ups and not settlement.published:
                self._publisher.publish(settlement.outcome.follow_ups)
                settlement.published = True

    def _write(self, settlements: Sequence[Settlement]) -> None:
        new = [s for s in settlements if not s.written]
        records = [s.record for s in new if s.record is not None]
        parked = [s.parked for s in new if s.parked is not None]
        later = [schedule for s in new for schedule in s.outcome.later]
        self._history.settle(records, parked, later, self._stored)
        for settlement in new:
            settlement.written = True
        for one in parked:
            log.warning("message %s is kept: %s; see pscheduler failed", one.id, one.reason.partition("\n")[0][:300])

    def _settle_one_by_one(self) -> None:
        """One of them cannot be written or published, ever: it must not hold up the others."""
        settled = []
        for settlement in self._in_hand:
            try:
                settled.append(self._settle_alone(settlement))
            except QueueUnavailable:
                self._put_aside(settlement)
        self._in_hand = [settlement for settlement in settled if settlement is not None]

    def _settle_alone(self, settlement: Settlement) -> Settlement | None:
        """What came of it at last: itself, only its kept message, or None: then it is not acked, and comes back when
        this worker is gone."""
        for attempt in (settlement, None):
            try:
                one = attempt or _only_parked(settlement)
                self._publish_follow_ups([one])
                self._write([one])
                return one
            except Exception as error:
                if _is_passing(error):
                    raise
                log.exception("the outcome of run %s cannot be settled; its message is kept", _id(settlement))
        return None

    def _tell_broker(self, source: Source) -> None:
        held = [s for s in self._in_hand if not s.delivery.acked]
        done = [s.delivery for s in held if not s.returned or s.delivery.begun]
        if self._journal is not None:
            self._journal.note_acking(done)
        source.ack(done)
        for delivery in done:
            delivery.acked = True
        returned = [s.delivery for s in held if not s.delivery.acked]
        if returned:
            source.give_back(returned)
        if self._journal is not None:  # last: as long as it is in there, a supervisor acks it
            self._journal.end(*(settlement.delivery for settlement in self._in_hand))


def _is_passing(error: Exception) -> bool:
    """Whether the same may well be written or published later."""
    return isinstance(error, SchedulerError) and not isinstance(error, InvalidMessage)


def _id(settlement: Settlement) -> str:
    return str(settlement.delivery.headers.get("id"))


def _only_parked(settlement: Settlement) -> Settlement:
    """Its message among the failures, so that somebody sees it and decides; nothing else of it."""
    message = settlement.delivery.message()
    at = settlement.record.started_at if settlement.record is not None else 0.0
    reason = f"it ran ({settlement.outcome.state}), but what came of it cannot be written down; see the worker's log"
    parked = Parked(_id(settlement), message, RunState.PARKED, reason, "", at)
    return Settlement(settlement.delivery, Outcome(RunState.PARKED), None, parked)
