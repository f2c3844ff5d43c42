"""What ``pscheduler`` is made of: how its children boot, and what its supervisor holds. Picklable where it travels."""

from __future__ import annotations

import contextlib
import importlib
import logging
import socket
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import forkserver
from typing import Any

from .broker import payload
from .broker.broker import module_for
from .core import message as wire
from .core.ending import Ending
from .core.errors import InvalidMessage, SchedulerError
from .core.message import Delivery, Message
from .core.run import Parked, Record, RunState
from .core.schedule import Schedule
from .core.settings import Settings
from .core.url import display
from .scheduler import Scheduler
from .wiring import ledger_url
from .work.child import Line, Part, Service, is_importing_main
from .work.journal import Journal
from .work.moment import not_before
from .work.supervisor import Supervisor

log = logging.getLogger(__name__)

LAST_WORD_SECONDS = 1.0
#: Loads the application and returns its scheduler. Picklable.
Load = Callable[[], Scheduler]


@dataclass(frozen=True)
class Hello:
    """What a child tells its supervisor of the application it has loaded."""

    settings: Settings
    queues: tuple[str, ...]
    threads: int


@dataclass(frozen=True)
class Booting:
    """How each child becomes what it is to be."""

    load: Load
    queues: tuple[str, ...] = ()
    threads: int | None = None

    def __call__(
        self, part: Part, line: Line, journal: Journal
    ) -> tuple[Service, Callable[[float], None], float, Hello]:
        """The service, how to stop it, how long it may take to, and what to tell the supervisor."""
        scheduler = self.load()
        settings = scheduler.settings
        queues = tuple(scheduler.composer.queue(queue) for queue in self.queues) or settings.queues
        threads = self.threads or settings.worker_threads
        hello = Hello(portable(settings), queues, threads)
        scheduler.occasions.leave.add(lambda: line.leave(scheduler.exit_status))
        wiring = scheduler.wiring
        if part.role == "timekeeper":
            keeper = wiring.timekeeper(part.name)
            greeting = Greeting(keeper, scheduler, lambda timeout: keeper.stop())
        else:
            worker = wiring.worker(
                part.name, queues, threads, report=line, share=line.share, journal=journal, beats=False
            )
            greeting = Greeting(worker, scheduler, lambda timeout: worker.stop(timeout, wait=False))
        return greeting, greeting.stop, settings.shutdown_timeout_seconds, hello


@dataclass(frozen=True)
class Greeting:
    """A service that those hear of who asked for it (``Scheduler.at_start``, ``at_stop``, ``at_exit``).

    Its process ends after it, without Python's own farewells: threads that hang must not keep it.
    """

    service: Service
    scheduler: Scheduler
    end: Callable[[float], object]

    def stop(self, timeout: float) -> None:
        self.scheduler.occasions.stop.come_aside()
        self.end(timeout)

    def run(self) -> int | None:
        try:
            self.scheduler.occasions.start.come()
            return self.service.run()
        finally:
            self.scheduler.occasions.stop.wait(LAST_WORD_SECONDS)
            self.scheduler.occasions.exit.come()


def supervise(
    load: Load,
    *,
    queues: Sequence[str] = (),
    processes: int = 1,
    threads: int | None = None,
    timekeeper: bool = True,
    announce: Callable[[str], None] = print,
    broker_url: str = "",
    shared: Sequence[str] = (),
) -> int:
    """Run the jobs of the scheduler that ``load`` returns, in processes of their own, until SIGTERM.

    For less memory: the broker's URL where it is known before ``load`` tells, and what modules ``load`` imports that
    do not change while this process lives. A script that calls this without asking for its ``__name__`` is run again
    in each child, to be imported there: then this returns 0 at once.
    """
    if is_importing_main():
        return 0
    supervisor = Supervisor(
        boot=Booting(load, tuple(queues), threads),
        make_home=partial(SupervisorHome, timekeeper=timekeeper),
        processes=processes,
        timekeeper=timekeeper,
        announce=announce,
        shared=[module_for(broker_url), *shared, f"{__package__}.nursery"],
    )
    _import_meanwhile(broker_url)
    return supervisor.run()


def _import_meanwhile(broker_url: str) -> None:
    """What the supervisor will need when its first child is up, while the process that forks the children imports what
    they share. Whatever is wrong with either is told when it is needed."""
    with contextlib.suppress(OSError):
        forkserver.ensure_running()
    if broker_url:
        with contextlib.suppress(ImportError, SchedulerError):
            importlib.import_module(module_for(broker_url))


def portable(settings: Settings) -> Settings:
    """Without the application's own objects and serializer, which a supervisor neither has nor needs."""
    return replace(settings, delegator=None, housekeeping_append=None, serializer="json")


class SupervisorHome:
    """The supervisor's hold on broker and ledger."""

    def __init__(self, hello: Hello, *, timekeeper: bool = True) -> None:
        self._hello = hello
        self._timekeeper = timekeeper
        self._scheduler = Scheduler(hello.settings)
        self.leases = self._scheduler.broker.leases
        self.shutdown_seconds = hello.settings.shutdown_timeout_seconds

    def reopen(self, raw: bytes, queue: str, tag: Any) -> Delivery:
        return payload.load(raw, queue, tag, redelivered=False)

    def settle(self, ending: Ending) -> None:
        """In one transaction: the record, the message if it failed, and word to its task if that wants it. Nothing,
        where the run has said itself how it ended, and died right after that."""
        begun, history = ending.begun, self._scheduler.ledger.history
        if history.is_done(begun.run_id, begun.retries, not_before(begun.message.headers)):
            return
        parked = []
        if ending.state is RunState.FAILED:
            parked.append(Parked(begun.run_id, begun.message, ending.state, ending.reason, "", ending.ended_at))
        history.settle([_record(ending)], parked, self._word(ending))

    def _word(self, ending: Ending) -> Sequence[Schedule]:
        """This process does not know the task: any worker of its queue does, and is told by a message."""
        if not ending.begun.wants_word:
            return ()
        begun, seal = ending.begun, self._scheduler.sealer.seal
        try:
            word = self._sealed_word(ending, begun.message)
        except InvalidMessage:  # too large to be told of in another message
            log.warning("the task of run %s is told of its end without its arguments and links", begun.run_id)
            headers = begun.message.headers
            bare = seal(begun.task, (), {}, queue=begun.message.queue, headers=headers, serializer="json")
            word = self._sealed_word(ending, bare)
        return (Schedule.once(word, ending.ended_at, ending.ended_at),)

    def _sealed_word(self, ending: Ending, message: Message) -> Message:
        begun = ending.begun
        name = f"{wire.ENDED_TASK} {begun.run_id} {begun.retries} {begun.started_at}"  # written twice, it is one word
        return self._scheduler.sealer.seal(
            wire.ENDED_TASK,
            (message.to_json(), str(ending.cause), ending.detail, ending.reason),
            {},
            queue=message.queue,
            headers={"id": str(uuid.uuid5(uuid.NAMESPACE_OID, name))},
            priority=message.priority,
            serializer="json",
        )

    def banner(self, processes: int) -> Sequence[str]:
        """Five lines: what it is connected to, and what it will run."""
        settings, hello = self._hello.settings, self._hello
        name = settings.id or socket.gethostname()
        keeper = "a timekeeper" if self._timekeeper else "no timekeeper"
        return (
            f"pscheduler {name} is up: {processes} processes of {hello.threads} threads, and {keeper}",
            f"  broker   {self._scheduler.broker.url}",
            f"  ledger   {display(ledger_url(settings))}",
            f"  queues   {', '.join(hello.queues)}",
            f"  trust    {self._trust()}",
        )

    def _trust(self) -> str:
        if self._scheduler.broker.local:
            return "the broker is local: its messages may name any function"
        open_to_all = self._scheduler.tasks.open_to_all
        if self._hello.settings.secrets:
            return f"a signed message may name any function, others {open_to_all}"
        return f"messages are not signed, and may name {open_to_all}"

    def close(self) -> None:
        self._scheduler.shutdown(0)


def _record(ending: Ending) -> Record:
    begun, message = ending.begun, ending.begun.message
    return Record(
        run_id=begun.run_id,
        job_id=str(message.headers.get(wire.JOB) or begun.run_id),
        kind=str(message.headers.get(wire.KIND) or "async"),
        queue=message.queue,
        task=begun.task,
        state=ending.state,
        worker=ending.worker,
        started_at=begun.started_at,
        runtime_seconds=ending.ended_at - begun.started_at,
        retries=begun.retries,
        error=ending.reason,
        due_at=None if message.headers.get(wire.DUE) is None else ending.ended_at,
    )
