"""The life of a job in a worker, from received to settled. Read this first."""

from __future__ import annotations

import logging
import math
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from ..core import message as wire
from ..core.clock import Clock
from ..core.ending import Cause, outcome_of
from ..core.errors import InvalidMessage, JobTerminated, PoisonMessage, UnreadableMessage, words_of
from ..core.event import EventType
from ..core.interfaces import Cancellations, Emit, History, JobContext, Sealer
from ..core.message import Delivery
from ..core.retry import RetryPolicy
from ..core.run import SUCCEEDED, Outcome, Parked, Record, Run, RunState
from ..core.schedule import Addition, Schedule
from ..core.task import Task, TaskRegistry
from .calling import Caller
from .endings import Endings
from .journal import Journal
from .limits import Limits
from .moment import epoch_of, not_before
from .settlement import Settlement
from .telling import Teller
from .terminations import Terminations

log = logging.getLogger(__name__)

#: Has the broker forget a delivery now; False where that cannot be had any more.
AckNow = Callable[[Delivery], bool]
NO_RETRY = RetryPolicy()


class Runner:
    """Runs deliveries, one at a time in each calling thread."""

    def __init__(
        self,
        *,
        name: str,
        sealer: Sealer,
        tasks: TaskRegistry,
        cancellations: Cancellations,
        history: History,
        emit: Emit,
        want: Callable[[EventType], bool] = lambda type_: True,
        clock: Clock,
        limits: Limits,
        reserved: Mapping[str, Callable[[Run], Outcome]],
        context: JobContext | None = None,
        delegator: Callable[..., Any] | None = None,
        poison_limit: int = 3,
        terminations: Terminations | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.name = name
        self._sealer = sealer
        self._tasks = tasks
        self._cancellations = cancellations
        self._history = history
        self._clock = clock
        self._reserved = reserved
        self._caller = Caller(context, delegator, limits, terminations or Terminations(clock))
        self._poison_limit = poison_limit
        self._journal = journal
        self._begun: dict[str, Run] = {}  # those that run here and are acked early
        self._endings = Endings(sealer, tasks)
        self._tell = Teller(emit, want)

    def run(self, delivery: Delivery, ack_now: AckNow | None = None) -> Settlement:
        """Open → check → call → settle. Whatever happens, this returns: what cannot run is parked, and where the ledger
        does not answer the message goes back to its queue. ``ack_now`` serves tasks that are acked before the call."""
        started_at, began = self._clock.time(), time.perf_counter()
        run: Run | None = None
        try:
            run = self._open(delivery, started_at)
            if delivery.redelivered and self._is_done(run):
                return Settlement(delivery, Outcome(RunState.IGNORED))
            outcome = self._deferred(run) or self._reserved_task(run)
            if outcome is not None:
                return Settlement(delivery, outcome)
            outcome = self._refused(run)
            outcome = self._call(run, ack_now) if outcome is None else self._tell_task(run, outcome)
        except InvalidMessage as refusal:
            return self._park(delivery, run, refusal, started_at)
        except ConnectionError as error:
            return Settlement.giving_back(delivery, error)
        except Exception as error:  # a header of a type that no producer of ours writes
            return self._park(delivery, run, UnreadableMessage(words_of(error)), started_at)
        self._tell.ended(run, outcome)
        return self._settle(run, outcome, time.perf_counter() - began)

    # Open

    def _open(self, delivery: Delivery, started_at: float) -> Run:
        if delivery.error:
            raise UnreadableMessage(delivery.error)
        headers = delivery.headers
        if type(headers) is not dict and not isinstance(headers, Mapping):
            raise UnreadableMessage("its headers are not names and values")
        run = self._sealer.open(delivery)
        run.started_at = started_at
        _read_headers(run)
        return run

    # Check

    def _is_done(self, run: Run) -> bool:
        """Another consumer had this message and went silent: did it get as far as the outcome, or die of the run?"""
        since = not_before(run.headers)
        before = self._begun.get(run.id)
        if before is not None and (before.retries, not_before(before.headers)) == (run.retries, since):
            return True  # it was the connection that broke
        if (seconds := run.delivery.unsettled_until - self._clock.monotonic()) > 0:
            time.sleep(seconds)
        if self._history.is_done(run.id, run.retries, since):
            return True
        if run.task not in self._reserved and self._history.begin_again(run.id, since) + 1 >= self._poison_limit:
            raise PoisonMessage(
                f"running it has killed its worker {self._poison_limit} times (scheduler.worker.poison_limit);"
                " mend it, then retry it"
            )
        return False

    def _deferred(self, run: Run) -> Outcome | None:
        """A message with an ``eta`` is a date job: kept until its time, unless a timekeeper has done so already."""
        eta = run.headers.get("eta")
        if not eta or wire.DUE in run.headers:
            return None
        now = self._clock.time()
        at = epoch_of(eta)
        if at <= now:
            return None
        message = self._sealer.reseal(run.delivery.message(), id=run.id)  # which protocol 1 has in the body
        schedule = Schedule.once(message, at, now, grace=run.headers.get(wire.GRACE))
        return Outcome(RunState.IGNORED, later=(schedule,))

    def _reserved_task(self, run: Run) -> Outcome | None:
        handle = self._reserved.get(run.task)
        return None if handle is None else handle(run)

    def _refused(self, run: Run) -> Outcome | None:
        headers, now = run.headers, run.started_at
        is_canceled = wire.CANCELED in headers
        if is_canceled or self._cancellations.covers(run.job_id, run.created_at):
            return Outcome(RunState.CANCELED)
        expires = headers.get("expires")
        if expires and epoch_of(expires) <= now:
            return Outcome(RunState.EXPIRED, error=f"it expired at {expires}")
        grace, due = headers.get(wire.GRACE), headers.get(wire.DUE) or headers.get("eta")
        if grace is not None and due and not run.retries and now - epoch_of(due) > float(grace):
            return Outcome(RunState.MISSED, error=f"later than its misfire_grace_time of {float(grace):g} s")
        return None

    def _tell_task(self, run: Run, outcome: Outcome) -> Outcome:
        self._tell.created(run)
        try:
            task = self._tasks.get(run.task, trusted=run.trusted)
        except InvalidMessage:  # it will not run anyway
            return outcome
        if task.refused is not None:
            try:
                task.refused(run, outcome)
            except Exception:
                log.exception("%s could not be told that its run %s was %s", run.task, run.id, outcome.state)
        return outcome

    # Call

    def _call(self, run: Run, ack_now: AckNow | None) -> Outcome:
        task = self._tasks.get(run.task, trusted=run.trusted)
        if task.gate is not None and (instead := task.gate(run)) is not None:
            return instead
        if task.ack_early and ack_now is not None and not self._ack(task, run, ack_now):
            return Outcome(RunState.RETURNED)
        self._tell.created(run)
        if run.delivery.begun:
            self._begun[run.id] = run
        try:
            return self._caller.call(task, run)
        except JobTerminated as raised:
            outcome = outcome_of(Cause.TERMINATED, raised.signum, "JobTerminated: somebody asked for its end")
            self._endings.tell(run.delivery, outcome)
            return outcome
        except BaseException as error:  # SystemExit and their like are the job's failure, not the worker's end
            return self._failed(task, run, error)
        finally:
            if run.delivery.begun:
                self._begun.pop(run.id, None)

    def _ack(self, task: Task, run: Run, ack_now: AckNow) -> bool:
        """Written down before: from the ack on nobody else knows of it."""
        if self._journal is not None and not self._journal.begin(run, wants_word=task.ended is not None):
            return False
        if ack_now(run.delivery):
            return True
        if self._journal is not None:
            self._journal.end(run.delivery)
        return False

    def _failed(self, task: Task, run: Run, error: BaseException) -> Outcome:
        words = words_of(error)[:2000]
        trace = "".join(traceback.format_exception(error))
        policy = _retry_policy(run)
        if not policy.wants(error, run.retries):
            return Outcome(RunState.FAILED, exception=error, error=words, traceback=trace)
        again = self._sealer.reseal(run.delivery.message(), retries=run.retries + 1, eta=None)
        delay = policy.delay_seconds(run.retries)
        if delay <= 0:
            return Outcome(RunState.RETRIED, exception=error, error=words, traceback=trace, follow_ups=(again,))
        now = self._clock.time()
        later = (Schedule.once(again, now + delay, now),)
        return Outcome(RunState.RETRIED, exception=error, error=words, traceback=trace, later=later)

    # Settle

    def _settle(self, run: Run, outcome: Outcome, runtime_seconds: float) -> Settlement:
        if outcome.state is RunState.RETURNED:
            return Settlement(run.delivery, outcome, returned=True)
        if self._journal is not None and run.delivery.begun and (outcome is SUCCEEDED or outcome.owes_nothing):
            self._journal.note_end(run.delivery)
        settlement = Settlement(run.delivery, outcome, self._record(run, outcome, runtime_seconds))
        if outcome.state is RunState.FAILED:
            message = run.delivery.message()
            settlement.parked = Parked(
                run.id, message, RunState.FAILED, outcome.error, outcome.traceback, self._clock.time()
            )
        return settlement

    def _record(self, run: Run, outcome: Outcome, runtime_seconds: float) -> Record | None:
        if outcome.state is RunState.IGNORED:
            return None
        due = run.headers.get(wire.DUE)
        return Record(
            run.id,
            run.job_id,
            run.headers.get(wire.KIND) or "async",
            run.delivery.queue,
            run.task,
            outcome.state,
            self.name,
            run.started_at,
            runtime_seconds,
            run.retries,
            outcome.error,
            epoch_of(due) if due else None,
        )

    def _park(self, delivery: Delivery, run: Run | None, refusal: InvalidMessage, now: float) -> Settlement:
        message = delivery.kept()
        parked_id = message.id or f"unreadable-{abs(hash(delivery.body)):x}-{now:.6f}"
        outcome = Outcome(RunState.PARKED, exception=refusal, error=str(refusal))
        if isinstance(refusal, PoisonMessage):
            self._endings.tell(delivery, outcome_of(Cause.LOST, "as it did before", str(refusal)))
        record = None
        if run is not None:
            self._tell.parked(run, outcome)
            record = self._record(run, outcome, 0.0)
        parked = Parked(parked_id, message, RunState.PARKED, f"{type(refusal).__name__}: {refusal}", "", now)
        return Settlement(delivery, outcome, record, parked)

    def lost(self, delivery: Delivery, worker_says: str) -> Settlement:
        """A run that was acked before its call and will not end: it is kept, as the broker has it no more."""
        message, now = delivery.kept(), self._clock.time()
        error = f"WorkerLost: {worker_says}; its task is acked before it runs, so that it does not run again by itself"
        outcome = outcome_of(Cause.LOST, worker_says, error)
        run = self._open(delivery, now)
        self._endings.tell(delivery, outcome)
        parked = Parked(run.id, message, RunState.FAILED, error, "", now)
        return Settlement(delivery, outcome, self._record(run, outcome, 0.0), parked)

    def stored(self, schedule: Schedule, addition: Addition) -> None:
        """The settler says what became of a schedule; its listeners are told."""
        self._tell.stored(schedule, addition)


def _read_headers(run: Run) -> None:
    """All that is read after the call is read before it, too: a job must not run first and be found unreadable then."""
    due = run.headers.get(wire.DUE)
    if due:
        epoch_of(due)
    try:
        _ = wire.KIND in run.headers and run.kind, run.retries, _retry_policy(run)
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise UnreadableMessage(f"its headers hold what they should not: {error!r}"[:500]) from error


def _retry_policy(run: Run) -> RetryPolicy:
    given = run.headers.get(wire.RETRY)
    if not given:
        return NO_RETRY
    most, backoff, names, jitter = given
    if not math.isfinite(backoff):
        raise ValueError(f"{backoff!r} is no delay")
    return RetryPolicy(int(most), float(backoff), tuple(map(str, names)), bool(jitter))
