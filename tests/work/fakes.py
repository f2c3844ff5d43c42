"""A broker, a ledger and their failures, in memory: what a worker is given in these tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from pyramid_scheduler.core.clock import SystemClock
from pyramid_scheduler.core.errors import BrokerUnavailable, LedgerUnavailable
from pyramid_scheduler.core.message import Delivery, Message
from pyramid_scheduler.core.run import Parked, Record, Run
from pyramid_scheduler.core.schedule import Schedule
from pyramid_scheduler.core.task import Task, TaskRegistry
from pyramid_scheduler.work.journal import Journal
from pyramid_scheduler.work.limits import Limits, Report
from pyramid_scheduler.work.runner import Runner
from pyramid_scheduler.work.settler import Settler
from pyramid_scheduler.work.worker import Worker
from tests.fleet import wait_for


def delivery(id_: str, task: str = "job", **headers: Any) -> Delivery:
    return Delivery("q", {"id": id_, "task": task, **headers}, b"", "application/json", "utf-8", {}, id_)


def begin(journal: Journal, one: Delivery) -> bool:
    """Write it down, as a runner does."""
    return journal.begin(Run(one.tag, "a.b", (), {}, one.headers, one, started_at=time.time() - 1), wants_word=True)


class FakeSource:
    """A queue; what is named in ``away`` raises BrokerUnavailable."""

    def __init__(self, deliveries: Sequence[Delivery] = ()) -> None:
        self.queue = list(deliveries)
        self.held: list[str] = []
        self.acked: list[str] = []
        self.acks = 0
        self.given_back: list[str] = []
        self.away: set[str] = set()
        self.largest = 0
        self.strange: set[str] = set()  # what came over a connection that is lost
        self.any_thread = False  # may ack
        self.outlives = False  # a claim its process
        self.on_ack: Callable[[str], object] = lambda tag: None
        self.closed = False
        self.waits: list[tuple[str, float]] = []  # by which thread, for how long at most
        self._lock = threading.Lock()
        self._news = threading.Event()

    def _check(self, what: str) -> None:
        if what in self.away:
            raise BrokerUnavailable(f"{what}: away")

    def put(self, *deliveries: Delivery) -> None:
        with self._lock:
            self.queue += deliveries
        self._news.set()

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        self._check("receive")
        self.waits.append((threading.current_thread().name, timeout))
        if not limit or not self.queue:
            self._news.wait(timeout)
            self._news.clear()
        with self._lock:
            taken, self.queue = self.queue[:limit], self.queue[limit:]
        self.held += [one.tag for one in taken]
        self.largest = max(self.largest, len(self.held))
        return taken

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        self._check("ack")
        self.acks += 1
        for one in deliveries:
            self.held.remove(one.tag)
            self.acked.append(one.tag)
            self.on_ack(one.tag)

    def ack_for_certain(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        mine = [one for one in deliveries if one.tag not in self.strange]
        self.ack(mine)
        return mine

    def ack_now(self, delivery: Delivery) -> bool:
        if self.any_thread:
            self.ack([delivery])
        return self.any_thread

    def keeps(self, delivery: Delivery) -> bool:
        return self.outlives

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        self._check("give_back")
        for one in deliveries:
            self.held.remove(one.tag)
            self.given_back.append(one.tag)
        with self._lock:
            self.queue[:0] = deliveries

    def wake(self) -> None:
        self._news.set()

    def close(self) -> None:
        self.closed = True


class FakeLedger:
    """History, cancellations and claimed fires; all raise LedgerUnavailable while ``away``."""

    def __init__(self) -> None:
        self.away = False
        self.records: list[Record] = []
        self.parked: list[Parked] = []
        self.later: list[Schedule] = []
        self.unwritable: set[str] = set()
        self.refused_tokens: set[str] = set()
        self.claims = 0

    def _check(self) -> None:
        if self.away:
            raise LedgerUnavailable("away")

    def settle(
        self, records: Sequence[Record], parked: Sequence[Parked], later: Sequence[Schedule], stored: Any = None
    ) -> None:
        if records or parked or later:  # as the real one: nothing to write needs no database
            self._check()
        for record in records:
            if record.run_id in self.unwritable:
                raise TypeError(f"{record.run_id} does not fit")
        self.records += records
        self.parked += parked
        self.later += later

    def is_done(self, run_id: str, retries: int, since: float) -> bool:
        self._check()
        return run_id in self.ended()

    def begin_again(self, run_id: str, since: float) -> int:
        self._check()
        return 0

    def covers(self, job_id: str, created_at: float = 0.0) -> bool:
        self._check()
        return False

    def claim(self, fires: Sequence[tuple[str, str]]) -> set[str]:
        self._check()
        self.claims += 1
        return {token for _, token in fires} - self.refused_tokens

    def ended(self) -> set[str]:
        return {record.run_id for record in self.records}


class FakePublisher:
    def __init__(self) -> None:
        self.published: list[str] = []
        self.away = False
        self.unpublishable: set[str] = set()

    def publish(self, messages: Sequence[Message], within: Any = None) -> None:
        if self.away:
            raise BrokerUnavailable("away")
        for message in messages:
            if message.id in self.unpublishable:
                raise ValueError("too large")
        self.published += [message.id for message in messages]

    def joins(self, database_url: str) -> bool:
        return False

    def close(self) -> None: ...


class PlainSealer:
    """Nothing is sealed: the headers say it all."""

    def open(self, delivery: Delivery) -> Run:
        args = delivery.headers.get("args", ())
        return Run(delivery.headers["id"], delivery.headers["task"], args, {}, delivery.headers, delivery, {}, True)

    def reseal(self, message: Message, **headers: Any) -> Message:
        return Message(message.queue, {**message.headers, **headers}, message.body)

    def seal(self, *args: Any, **kwargs: Any) -> Message:
        raise NotImplementedError


class NoUpkeep:
    def __init__(self) -> None:
        self.left = False

    def turn(self) -> None: ...

    def leave(self) -> None:
        self.left = True


class FakeLeases:
    def __init__(self) -> None:
        self.released: list[str] = []

    def beat(self, consumers: Any) -> None: ...

    def release(self, consumer: str, begun: Any = ()) -> int:
        self.released.append(consumer)
        return 0

    def recover(self, silent_seconds: float) -> int:
        return 0


class Workshop:
    """A worker and all that it was given. ``end`` it."""

    def __init__(
        self,
        *deliveries: Delivery,
        threads: int = 1,
        open_source: Callable[[], Any] | None = None,
        report: Report | None = None,
        journal: Journal | None = None,
        **options: Any,
    ) -> None:
        clock = SystemClock()
        self.source, self.ledger, self.publisher = FakeSource(deliveries), FakeLedger(), FakePublisher()
        self.leases, self.upkeep, self.tasks = FakeLeases(), NoUpkeep(), TaskRegistry()
        self.limits = Limits(clock, report)
        ledger: Any = self.ledger
        sealer: Any = PlainSealer()
        upkeep: Any = self.upkeep
        self.runner = Runner(
            name="w",
            sealer=sealer,
            tasks=self.tasks,
            cancellations=ledger,
            history=ledger,
            emit=lambda event: None,
            clock=clock,
            limits=self.limits,
            reserved={},
            journal=journal,
        )
        self.settler = Settler(history=ledger, publisher=self.publisher, stored=self.runner.stored, journal=journal)
        self.worker = Worker(
            name="w",
            queues=["q"],
            threads=threads,
            runner=self.runner,
            settler=self.settler,
            open_source=open_source or (lambda: self.source),
            leases=self.leases,
            runs=ledger,
            is_genuine=lambda delivery: True,
            limits=self.limits,
            upkeep=upkeep,
            clock=clock,
            journal=journal,
            **options,
        )
        self.gate = threading.Event()
        self.calls: list[str] = []
        self.add("job", lambda *args: None)

    def add(self, name: str, func: Callable[..., Any], **options: Any) -> None:
        self.tasks.add(Task(name, func, **options))

    def hold(self, name: str = "held") -> None:
        """Register a task that notes its call and waits for ``gate``."""

        def held() -> None:
            self.calls.append(name)
            self.gate.wait(30)

        self.add(name, held)

    def ends(self, *ids: str) -> None:
        """Wait until those runs have a record and their deliveries are acked."""
        wait_for(lambda: set(ids) <= self.ledger.ended() & set(self.source.acked), what=f"the end of {ids}")

    def end(self) -> None:
        self.gate.set()
        self.worker.stop(2)
