"""The scheduler on the registry: what an application calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .composer import Composer, Function
from .core import message as wire
from .core.clock import Clock, SystemClock
from .core.errors import InvalidJob, JobNotFound
from .core.event import Event, EventType
from .core.interfaces import Broker, JobContext, Ledger, Publisher, Sealer
from .core.kind import JobKind
from .core.listeners import Listener, Listeners
from .core.message import Message
from .core.options import NO_OPTIONS, parse_options
from .core.schedule import JobView, Schedule
from .core.settings import Settings
from .core.task import TaskRegistry
from .occasion import Occasions
from .schedule import triggers
from .views import view_of_record, view_of_schedule
from .wiring import Crew, Wiring

Args = Sequence[Any] | None
Kwargs = Mapping[str, Any] | None


class Scheduler:
    """Creates jobs, answers for them, and in combined mode runs them.

    Making one starts no thread and opens no connection. Its methods may be called from any thread. Wherever a job
    is created: InvalidJob, InvalidQueue or InvalidMessage say what is wrong with it, and there is no job.
    BrokerUnavailable says that the broker did not answer within two seconds, or that the connection broke meanwhile.
    Of many that are created at once some may be sent by then; so where RabbitMQ refuses one of them (InvalidMessage).
    """

    def __init__(
        self, settings: Settings | None = None, *, clock: Clock | None = None, context: JobContext | None = None
    ) -> None:
        self.settings = settings or Settings()
        self.clock = clock or SystemClock()
        self.tasks = TaskRegistry(self.settings.allow)
        self.listeners = Listeners()
        self.declared: dict[str, Schedule] = {}
        self.wiring = Wiring(self, context)
        self._crew: Crew | None = None
        self.occasions = Occasions()
        self.exit_status = 0  # of the process's supervisor, where this one asks it to stop

    # The wings, opened when first used

    @property
    def broker(self) -> Broker:
        return self.wiring.broker

    @property
    def publisher(self) -> Publisher:
        return self.wiring.broker.publisher

    @property
    def sealer(self) -> Sealer:
        return self.wiring.sealer

    @property
    def ledger(self) -> Ledger:
        return self.wiring.ledger

    @property
    def composer(self) -> Composer:
        return self.wiring.composer

    # Creating jobs

    def add_async_job(
        self, func: Function, args: Args = None, kwargs: Kwargs = None, queue: str | None = None, **options: Any
    ) -> str:
        """Run ``func(*args, **kwargs)`` as soon as a worker is free; returns the job's id."""
        parsed = parse_options(options, "add_async_job") if options else NO_OPTIONS
        return self._send(self.composer.async_job(func, args, kwargs, queue, parsed))

    def add_date_job(
        self,
        func: Function,
        date: Any,
        args: Args = None,
        kwargs: Kwargs = None,
        queue: str | None = None,
        **options: Any,
    ) -> str:
        """Run once at ``date``: epoch seconds, a naive (local) or aware datetime, or ISO text. The past means now."""
        parsed = parse_options(options, "add_date_job")
        return self._send(self.composer.date_job(func, date, args, kwargs, queue, parsed))

    def add_interval_job(
        self,
        func: Function,
        start_date: Any = None,
        args: Args = None,
        kwargs: Kwargs = None,
        queue: str | None = None,
        **fields_and_options: Any,
    ) -> str:
        """Run every ``weeks=, days=, hours=, minutes=, seconds=`` (added up), first one such period from now.

        With ``start_date`` the first run is then. Returns the job's id.
        """
        return self._add_timed(JobKind.INTERVAL, func, start_date, args, kwargs, queue, fields_and_options)

    def add_cron_job(
        self,
        func: Function,
        start_date: Any = None,
        args: Args = None,
        kwargs: Kwargs = None,
        queue: str | None = None,
        **fields_and_options: Any,
    ) -> str:
        """Run when ``year=, month=, day=, week=, day_of_week=, hour=, minute=, second=`` match; returns the job's id.

        The fields are APScheduler's: https://apscheduler.readthedocs.io/en/3.x/modules/triggers/cron.html
        """
        return self._add_timed(JobKind.CRON, func, start_date, args, kwargs, queue, fields_and_options)

    def add_many(self, calls: Iterable[tuple[Any, ...]], queue: str | None = None, **options: Any) -> list[str]:
        """``add_async_job`` for each ``(func, args, kwargs)`` (the last two may be left out), in one batch."""
        parsed = parse_options(options, "add_many") if options else NO_OPTIONS
        if parsed.id is not None:
            raise InvalidJob("add_many() cannot give several jobs one id; leave id out")
        messages = [self.composer.async_job(*_call(call), queue, parsed) for call in calls]
        self.send(messages)
        return [message.id for message in messages]

    def declare(self, kind: JobKind, func: Function, *, id: str, start_date: Any = None, **options: Any) -> None:
        """Make a recurring job part of the configuration; timekeepers make the store agree when they start."""
        args, kwargs, queue = (options.pop(name, None) for name in ("args", "kwargs", "queue"))
        options["id"] = id
        self.declared[id] = self._timed(kind, func, start_date, args, kwargs, queue, options, declared=True)

    # Asking and changing

    def get_job(self, job_id: str) -> JobView | None:
        """The stored job of that id, or the last run of one that is over; None where neither is known (any more)."""
        schedule = self.ledger.schedules.get(job_id)
        if schedule is not None:
            return view_of_schedule(schedule)
        record = self.ledger.history.outcome(job_id)
        return None if record is None else view_of_record(record)

    def get_jobs(self, queue: str | None = None, limit: int | None = None) -> list[JobView]:
        """The stored (timed) jobs, of one queue or of all, next to run first; ``limit`` of them, or all."""
        return [view_of_schedule(schedule) for schedule in self.ledger.schedules.find(queue, limit=limit)]

    def cancel_job(self, job_id: str, queue: str | None = None) -> bool:
        """Cancel a job of any kind, wherever it is; a run that has started is not stopped.

        Returns whether it was found among the stored jobs. A job that still waits in the broker, or is on its way
        to the store, is not found and will not run all the same.
        """
        return self.ledger.cancellations.add(job_id)

    def pause_job(self, job_id: str) -> None:
        """Let a stored job fire no more until it is resumed; raises JobNotFound."""
        if not self.ledger.schedules.pause(job_id):
            raise _not_stored(job_id)

    def resume_job(self, job_id: str) -> None:
        """Let a paused job fire again, from its next time on, or end where it has none; raises JobNotFound."""
        schedule = self._stored(job_id)
        now = self.clock.time()
        self.ledger.schedules.resume(job_id, triggers.next_fire(schedule.trigger, None, now))

    def run_job_now(self, job_id: str) -> str:
        """Run a stored job once more, now, beside its schedule; returns the run's id. Raises JobNotFound."""
        schedule = self._stored(job_id)
        now = self.clock.now().isoformat()
        run_id = schedule.run_id(now)
        headers = {"id": run_id, wire.JOB: schedule.id, wire.KIND: str(schedule.kind), wire.DUE: now, "eta": None}
        self.send([self.sealer.reseal(schedule.message, **headers)])
        return run_id

    def send_message(self, text: str, queue: str | None = None) -> None:
        """Send ``text`` to one worker of ``queue``: ``print-jobs`` logs the stored jobs, others are MESSAGE events."""
        self.send([self.composer.note(text, queue)])

    # Events

    def add_listener(
        self,
        listener: Callable[..., Any],
        events: EventType | None = None,
        args: Args = None,
        kwargs: Kwargs = None,
    ) -> None:
        """Call ``listener(event, *args, **kwargs)`` for ``events`` (default: all) of jobs consumed in this process."""
        self.listeners.add(Listener(listener, events or EventType.ALL, tuple(args or ()), dict(kwargs or {})))

    def remove_listener(self, listener: Callable[..., Any]) -> None:
        self.listeners.remove(listener)

    def emit(self, event: Event) -> None:
        """Tell the listeners; never raises."""
        self.listeners.emit(event)

    # Running

    @property
    def is_consuming(self) -> bool:
        """Whether this process (not one it was forked from) runs jobs."""
        return self._crew is not None and self._crew.alive

    def start_producer(self) -> None:
        """Make sure the broker answers; raises BrokerUnavailable. Producing needs no start otherwise."""
        self.broker.check()

    def start_consumer(self, queues: Sequence[str] | None = None, *, timekeeper: bool = True) -> None:
        """Run jobs in this process, in threads of its own: combined mode. Does nothing where it already does."""
        if not self.is_consuming:
            self._crew = self.wiring.crew(queues or self.settings.queues, timekeeper=timekeeper)
            self._crew.start()

    def shutdown(self, timeout: float | None = None) -> None:
        """Let running jobs finish (for ``timeout`` seconds, or ``scheduler.shutdown_timeout``), and disconnect."""
        crew, self._crew = self._crew, None
        if crew is not None and crew.alive:
            crew.stop(self.settings.shutdown_timeout_seconds if timeout is None else timeout)
        self.wiring.close()

    def at_start(self, call: Callable[[], object]) -> None:
        """Call this when a worker process of ``pscheduler`` is ready and begins its work."""
        self.occasions.start.add(call)

    def at_stop(self, call: Callable[[], object]) -> None:
        """Call this, in a thread of its own, when such a process is told to stop: its jobs may still be running."""
        self.occasions.stop.add(call)

    def at_exit(self, call: Callable[[], object]) -> None:
        """Call this when it is about to end in good order, the latest first; ``atexit`` is not called."""
        self.occasions.exit.add(call)

    def leave(self, status: int = 0) -> None:
        """Ask the ``pscheduler`` of which this process is one to stop, as SIGTERM does, and to end with that status;
        elsewhere nothing happens."""
        self.exit_status = self.exit_status or status
        self.occasions.leave.come()

    def send(self, messages: Sequence[Message]) -> None:
        """Publish at once, whatever becomes of a transaction that is running."""
        self.publisher.publish(messages)

    # The original's spellings

    addListener = add_listener
    removeListener = remove_listener
    startProducer = start_producer
    startConsumer = start_consumer

    def _send(self, message: Message) -> str:
        self.send([message])
        return message.id

    def _add_timed(
        self, kind: JobKind, func: Function, start_date: Any, args: Args, kwargs: Kwargs, queue: str | None, given: Any
    ) -> str:
        schedule = self._timed(kind, func, start_date, args, kwargs, queue, given)
        self.send([self.composer.schedule_message(schedule)])
        return schedule.id

    def _timed(
        self,
        kind: JobKind,
        func: Function,
        start_date: Any,
        args: Args,
        kwargs: Kwargs,
        queue: str | None,
        given: Mapping[str, Any],
        *,
        declared: bool = False,
    ) -> Schedule:
        trigger, options = self.composer.trigger(kind, start_date, given)
        return self.composer.schedule(kind, trigger, func, args, kwargs, queue, options, declared=declared)

    def _stored(self, job_id: str) -> Schedule:
        schedule = self.ledger.schedules.get(job_id)
        if schedule is None:
            raise _not_stored(job_id)
        return schedule


def _call(call: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    func, args, kwargs = (*call, None, None)[:3]
    return func, args, kwargs


def _not_stored(job_id: str) -> JobNotFound:
    return JobNotFound(f"no stored job has the id {job_id!r}; get_jobs() lists them")
