"""What the wings offer each other, without knowing each other. ``scheduler.py`` hands them out.

Every method may raise BrokerUnavailable or LedgerUnavailable (their wing's own). All are safe to call from any
thread unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from .event import Event
from .message import Delivery, Message
from .run import LiveWorker, Parked, Record, Run
from .schedule import Addition, Advance, Fire, Schedule

Emit = Callable[[Event], None]
Stored = Callable[[Schedule, Addition], None]
#: Calls a job inside what it runs in (a Pyramid request with its transaction): ``context(run, call)`` returns what
#: ``call()`` returns, and may call it again after a conflict of transactions.
JobContext = Callable[[Run, Callable[[], Any]], Any]
#: Ends a connection whose process is dead: given a copy of its descriptor, and the tags of deliveries to be acked; then
#: those that it was just acking.
HangUp = Callable[[int, Collection[Any], Collection[Any]], None]
#: Has a process that outlives this one hold that descriptor, too, and hang up when this one is dead. False: none does.
Share = Callable[[int, HangUp], bool]


class Publisher(Protocol):
    """Puts messages into the broker; returns when the broker has them."""

    def publish(self, messages: Sequence[Message], within: Any = None) -> None:
        """Publish all, in order. ``within`` is an open SQLAlchemy connection to join, where ``joins`` said yes.

        Raises BrokerUnavailable within about two seconds when the broker does not answer.
        """

    def joins(self, database_url: str) -> bool:
        """Whether the broker lives in that database, so that publishing can be part of its transaction."""

    def close(self) -> None: ...


class Source(Protocol):
    """One worker's tap on its queues. Used by one thread, except ``ack_now``, ``keeps`` and ``wake``."""

    def receive(self, limit: int, timeout: float) -> list[Delivery]:
        """Up to ``limit`` deliveries; waits up to ``timeout`` seconds for the first. ``limit=0`` only waits."""

    def ack(self, deliveries: Sequence[Delivery]) -> None: ...

    def ack_for_certain(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """``ack``, and the broker has heard it when this returns: a process that dies then takes no ack along. Returns
        those that it heard of; the others came over a connection that is lost, and come again."""

    def ack_now(self, delivery: Delivery) -> bool:
        """Ack from any thread: said when this returns, and certain soon after. False: only ``ack`` can do it here."""

    def keeps(self, delivery: Delivery) -> bool:
        """Whether its claim lives on when this process dies, until it is released, or acked by another."""

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return them to the front of their queues: they never started. They are not marked as redelivered, but by
        RabbitMQ, which marks all that it had delivered."""

    def wake(self) -> None:
        """Make a waiting ``receive`` return at once. Any thread, signal handlers included."""

    def close(self) -> None: ...


class Leases(Protocol):
    """Who holds claims, on brokers whose claims do not end with a connection (SQL, Redis). No-ops elsewhere."""

    def beat(self, consumers: Collection[str]) -> None:
        """Say that these consumers live."""

    def release(self, consumer: str, begun: Collection[Any] = ()) -> int:
        """The consumer is dead: its claims go back, marked as redelivered. Returns how many.

        Those of the tags ``begun`` do not: they are acked in its name.
        """

    def recover(self, silent_seconds: float) -> int:
        """Give back the claims of every consumer that has not beaten for that long (the broker's own time)."""


class Broker(Protocol):
    """The broker wing's door."""

    url: str  # without password, for people
    local: bool  # nobody outside this host can write to it (memory, a SQLite file)
    publisher: Publisher
    leases: Leases

    def source(self, queues: Sequence[str], consumer: str, share: Share | None = None) -> Source:
        """``share`` is for who consumes over a connection with which its claims would end."""

    def size(self, queue: str) -> int: ...
    def purge(self, queue: str) -> int: ...
    def check(self) -> None:
        """Raise BrokerUnavailable, saying why, unless the broker answers."""

    def close(self) -> None: ...


class Sealer(Protocol):
    """Turns a call into a message and back."""

    def seal(
        self,
        task: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        queue: str,
        headers: Mapping[str, Any],
        embed: Mapping[str, Any] | None = None,
        priority: int = 0,
        expires_at: float | None = None,
        properties: Mapping[str, Any] | None = None,
        serializer: str | None = None,
        compression: str | None = None,
    ) -> Message:
        """A protocol-2 message. Raises InvalidMessage when the arguments cannot be carried (or not safely)."""

    def seal_another(self, like: Message, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Message:
        """Another call of that task in the same manner: what ``seal`` would make of it, with an id of its own."""

    def reseal(self, message: Message, **headers: Any) -> Message:
        """The same message with other headers, signed again; a bad signature is not made good."""

    def open(self, delivery: Delivery) -> Run:
        """Size, signature, bounded decompression, decoding, in this order; raises InvalidMessage's subclasses."""

    def is_genuine(self, delivery: Delivery) -> bool:
        """Whether only who may be trusted can have written it; where there are no keys all are alike. Never raises."""


class DueBatch(Protocol):
    """Due schedules, locked for this timekeeper until the batch's context ends (commit) or raises (rollback)."""

    schedules: Sequence[Schedule]
    connection: Any  # for Publisher.publish(within=…)

    def open_runs(self, schedule_ids: Sequence[str]) -> Mapping[str, int]:
        """How many runs of each were fired and are not settled; those with none are left out."""

    def write(self, advances: Sequence[Advance], fires: Sequence[Fire], removals: Sequence[str]) -> None:
        """Advance (or end) rows, remember fires of recurring jobs as open runs, delete rows; in few statements."""

    def forget_runs(self, schedule_ids: Sequence[str], since: float) -> None:
        """Let these fire once more for times at which a run was fired ``since``, and is settled."""


class Schedules(Protocol):
    """Stored schedules."""

    def add(self, schedules: Sequence[Schedule]) -> list[Addition]: ...
    def get(self, schedule_id: str) -> Schedule | None: ...
    def find(
        self, queue: str | None = None, declared: bool | None = None, limit: int | None = None
    ) -> list[Schedule]: ...
    def each(self, queue: str | None = None) -> Iterator[Schedule]:
        """All, or all of that queue, next to fire first; however many, only some are in memory. One that fires in the
        meantime may come again."""

    def pause(self, schedule_id: str) -> bool: ...
    def resume(self, schedule_id: str, next_fire_at: float | None) -> bool:
        """Let a paused one fire from then on, or end it where that is None; one that is active stays as it is."""

    def due(self, now: float, limit: int) -> AbstractContextManager[DueBatch]:
        """Claim rows whose time has come (active, canceled or ended), row-locked, skipping others' locks."""

    def seconds_ahead(self, now: float) -> float:
        """By how much a run was fired later than ``now``, by the clock of who fired it; 0 where none was."""

    def ahead(self, now: float, after: str, limit: int) -> AbstractContextManager[DueBatch]:
        """Lock active recurring ones that were fired for, or made at, a time later than ``now``; in the order of their
        ids, those after that one."""

    def hasten(self, now: float) -> None:
        """Those that are canceled or ended wait for nothing."""

    def remove(self, schedule_ids: Sequence[str]) -> int: ...
    def count(self) -> Mapping[str, int]: ...
    def tasks(self) -> Mapping[str, tuple[int, str]]:
        """What the stored ones run: how many run it, and the id of one of them."""

    def next_fire_at(self) -> float | None:
        """When the next row is due, or None."""

    def wait(self, seconds: float) -> None:
        """Return after that long, or sooner if schedules may have been added or changed by anybody."""

    def wake(self) -> None:
        """Make a waiting ``wait`` of this process return."""


class Runs(Protocol):
    """Fires of timed jobs: that none runs twice, and which are open."""

    def claim(self, fires: Sequence[tuple[str, str]]) -> set[str]:
        """Given (run id, token) pairs, return the tokens that may run; another publication took the others."""


class History(Protocol):
    """What came of runs."""

    def find(self, job_id: str | None = None, state: str | None = None, limit: int = 100) -> list[Record]: ...

    def counts(self) -> Mapping[str, int]:
        """How many runs are remembered, by state."""

    def settle(
        self, records: Sequence[Record], parked: Sequence[Parked], later: Sequence[Schedule], stored: Stored = ...
    ) -> None:
        """Write all of it in one transaction, idempotently; open runs among the records are closed.

        ``stored`` is told what became of each of ``later``, right before the commit.
        """

    def outcome(self, run_id: str) -> Record | None: ...
    def is_done(self, run_id: str, retries: int, since: float) -> bool:
        """Whether a run of that id has got as far as an outcome, be it that a retry follows, in this attempt or a later
        one. It counts if it began ``since`` its message was made: ids are used again."""

    def begin_again(self, run_id: str, since: float) -> int:
        """A redelivered run is about to start: count it, and return how many starts were counted before, ``since`` its
        message was made."""


class Cancellations(Protocol):
    """Cancelled jobs: rows, so they outlive restarts."""

    def add(self, job_id: str, until: float | None = None) -> bool:
        """Cancel; returns whether a stored schedule was found (its row becomes ``canceled``)."""

    def covers(self, job_id: str, created_at: float = 0.0) -> bool:
        """Whether that job, created then, is cancelled, as of at most 50 ms ago; cheap: asked before every run."""


class ParkedMessages(Protocol):
    """The dead letters: failed and unreadable messages, kept until somebody decides."""

    def find(self, limit: int = 100, queue: str | None = None) -> list[Parked]: ...
    def ids(self, queue: str | None = None) -> list[str]: ...
    def get(self, parked_id: str) -> Parked | None: ...
    def take(self, parked_id: str) -> AbstractContextManager[tuple[Parked, Any] | None]:
        """Remove it when the context ends well (it was published again); yields (parked, connection)."""

    def delete(self, ids: Iterable[str]) -> int: ...


class Presence(Protocol):
    """Which workers live: they say so every few seconds."""

    def beat(self, workers: Sequence[LiveWorker]) -> None: ...
    def leave(self, names: Iterable[str]) -> None: ...
    def find(self) -> list[LiveWorker]:
        """Those that said so within the last half minute."""


class Ledger(Protocol):
    """The ledger wing's door."""

    url: str  # without password
    database_url: str  # as given, for Publisher.joins
    schedules: Schedules
    runs: Runs
    history: History
    cancellations: Cancellations
    parked: ParkedMessages
    presence: Presence

    def open(self) -> None:
        """Connect and check the schema; the embedded SQLite default is created and upgraded by itself."""

    def upgrade(self) -> str: ...
    def version(self) -> str | None: ...
    def prune(self, history_seconds: float) -> Mapping[str, int]:
        """Housekeeping: drop consumed and outdated rows in bounded batches; returns counts by table."""

    def close(self) -> None: ...
