"""How pyramid_scheduler's worker runs a Celery task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from logging import INFO
from typing import Any

from kombu.utils.encoding import safe_repr, safe_str

from pyramid_scheduler.api import SUCCEEDED, JobTerminated, Message, Outcome, Run, RunState, Task

from .. import signals, states
from ..app import trace
from ..app.messages import NO_EMBED
from ..app.request import Context, get_actual_ignore_result
from ..app.task import Task as BaseTask
from ..app.trace import TraceInfo, Tracer
from ..exceptions import InvalidTaskError, NotRegistered, Reject, Retry, TimeLimitExceeded
from ..producing import outbox
from ..utils.einfo import ExceptionInfo
from ..utils.log import get_logger
from . import state
from .losses import by_celerys_name, raised
from .request import REQUEUED, Request, headers_told, shown_name, task_request
from .turns import TURN, Turns

# The names of Celery's modules, by which its users say what is logged where.
receiving = get_logger("celery.worker.strategy")
refusing = get_logger("celery.worker.request")
consuming = get_logger("celery.worker.consumer.consumer")


class Handler:
    """Runs messages that name tasks of ``app``; says what came of them."""

    def __init__(self, app: Any, hostname: str, consumer: Any = None, events: Any = None) -> None:
        self.app = app
        self.hostname = hostname
        self.consumer = consumer
        self._events = events
        self._tasks: dict[str, Task] = {}
        self._turns = Turns(app)

    def task(self, name: str) -> Task:
        """The task of that name as pyramid_scheduler knows tasks; one that is not registered fails when it runs."""
        own = self.app.tasks.get(name)
        known = self._tasks.get(name)
        early = own is None or not own.acks_late
        if known is None or known.ack_early is not early:
            known = self._make_task(name, own, early)
            if own is not None:  # others are as many as there are senders who err
                self._tasks[name] = known
        return known

    def _make_task(self, name: str, own: Any, early: bool) -> Task:
        return Task(
            name,
            _not_called,
            handler=self,
            ack_early=early,
            gate=None if own is None else self._turns.gate(own),
            limits=None if own is None else self._limits(own),
            refused=self.refused,
            ended=self.ended,
        )

    def look_again(self) -> None:
        """The limits of tasks have changed; what waits for its turn keeps that, and nobody queues behind it."""
        self._tasks, self._turns = {}, Turns(self.app)

    def _limits(self, task: Any) -> tuple[float | None, float | None] | None:
        """Of runs whose senders did not know the task."""
        conf = self.app.conf
        hard = task.time_limit or conf.task_time_limit or None
        soft = task.soft_time_limit or conf.task_soft_time_limit or None
        return (hard, soft) if hard or soft else None

    def tell(self, type: str, **fields: Any) -> None:
        """Say it to whoever watches the workers."""
        if self._events is not None:
            self._events.task_event(type, **fields)

    def __call__(self, run: Run) -> Outcome:
        task = self.app.tasks.get(run.task)
        request = Request(run, self.app, self.hostname, task)
        if receiving.isEnabledFor(INFO):
            _log_received(run, request.name)
        events = self._events
        is_watched = events is not None and events.is_open
        if is_watched:
            self.tell("task-received", uuid=run.id, name=request.name, **headers_told(run.headers))
        if task is None:
            return self._unknown(run, request)
        if run.id in state.revoked or (state.revoked_stamps and _is_revoked_by_stamp(request)):
            self.refused(run, Outcome(RunState.CANCELED))
            return Outcome(RunState.CANCELED)
        if signals.task_received.receivers:
            signals.task_received.send(sender=self.consumer, request=request)
        request.time_start = run.started_at
        try:
            state.task_accepted(request)
            if is_watched:
                self.tell("task-started", uuid=run.id)
            return self._run(task, run, request)
        finally:
            state.task_ready(request)

    def _run(self, task: Any, run: Run, request: Request) -> Outcome:
        catchers = outbox.catchers
        catchers.append(request)
        try:
            outcome = self._traced(task, run, request)
        except BaseException as error:  # there is no outcome to hand it on with
            if request.sent_again:
                self._send_at_once(request.sent_again, run, error)
            raise
        finally:
            catchers.pop()
        # Whatever the task did after it called retry: what it sent is sent.
        again = request.sent_again
        return replace(outcome, follow_ups=(*outcome.follow_ups, *again)) if again else outcome

    def _send_at_once(self, caught: Sequence[Message], run: Run, error: BaseException) -> None:
        try:
            self.app.pipeline.scheduler.publisher.publish(caught)
        except Exception:
            if isinstance(error, Exception):
                raise
            refusing.exception("the retry of %s[%s] is not sent: it ends by %r", run.task, run.id, error)

    def _traced(self, task: Any, run: Run, request: Request) -> Outcome:
        try:
            call = task.__trace__ or self._build_tracer(task)
            is_ours = type(call) is Tracer
            is_unread = is_ours and not call.reads_request and _owes_nothing(task, run)
            said = request if is_unread else task_request(run, self.hostname)
            traced = (call.trace if is_ours else call)(run.id, run.args, run.kwargs, said)
        except Reject as reject:
            return self._rejected(task, run, reject, ExceptionInfo(internal=True))
        except JobTerminated:
            raise
        except BaseException as error:  # the task called for the end of its process, say
            self._fail(run, raised(error))
            raise
        info = traced.info
        if info is None:
            return self._succeeded(run, traced)
        if info.state == states.RETRY and not (request.sent_again or request.missed):
            _send_again(info.retval)
        return self._not_succeeded(task, run, traced)

    def _build_tracer(self, task: Any) -> Any:
        # By the module's name: what instruments tasks puts a build_tracer of its own there.
        task.__trace__ = trace.build_tracer(task.name, task, self.app.loader, self.hostname, app=self.app)
        return task.__trace__

    def _succeeded(self, run: Run, traced: Any) -> Outcome:
        events = self._events
        if events is not None and events.is_open:
            self.tell("task-succeeded", uuid=run.id, result=traced.retstr, runtime=traced.runtime)
        return SUCCEEDED

    def _not_succeeded(self, task: Any, run: Run, traced: Any) -> Outcome:
        error, einfo = traced.info.retval, traced.retval
        words = f"{type(error).__name__}: {safe_str(error)}"
        frames = getattr(einfo, "traceback", "") or ""
        if traced.info.state == states.RETRY:
            self.tell("task-retried", uuid=run.id, exception=safe_repr(error.exc), traceback=frames)
            return Outcome(RunState.RETRIED, exception=error, error=words, traceback=frames)
        if traced.info.state == states.REJECTED:
            return self._rejected(task, run, error, einfo)
        if traced.info.state == states.IGNORED:
            return Outcome(RunState.IGNORED)
        self.tell("task-failed", uuid=run.id, exception=safe_repr(error), traceback=frames)
        return Outcome(RunState.FAILED, exception=error, error=words, traceback=frames)

    def _rejected(self, task: Any, run: Run, reject: Reject, einfo: Any) -> Outcome:
        if not reject.requeue:
            self._failed_by_reject(task, run, reject, einfo)
        if task.acks_late:
            self.tell("task-rejected", uuid=run.id, requeue=reject.requeue)
        elif reject.requeue:  # the broker has forgotten the message: there is nothing to be given back
            return Outcome(RunState.IGNORED)
        if reject.requeue:
            # Published anew and not merely given back: the task must see that it had this message before.
            again = self.app.pipeline.scheduler.sealer.reseal(run.delivery.message(), **{REQUEUED: True, TURN: None})
            return Outcome(RunState.IGNORED, follow_ups=(again,))
        return Outcome(RunState.FAILED, exception=reject, error=f"it was rejected: {reject.reason}")

    def _failed_by_reject(self, task: Any, run: Run, reject: Reject, einfo: Any) -> None:
        """It will not run again: a failure, though none that the task's own handlers hear of."""
        context = Context.over(task_request(run, self.hostname))
        self.app.backend.mark_as_failure(run.id, reject, request=context, store_result=_stores_errors(task, context))
        told = {"exception": reject, "args": run.args, "kwargs": run.kwargs, "traceback": einfo.traceback}
        signals.task_failure.send(sender=task, task_id=run.id, einfo=einfo, **told)
        self.tell("task-failed", uuid=run.id, exception=safe_repr(reject), traceback=einfo.traceback)

    def _unknown(self, run: Run, request: Request) -> Outcome:
        error = NotRegistered(run.task)
        consuming.error("received unregistered task %s[%s]: it fails; is its module imported?", run.task, run.id)
        context = Context.over(task_request(run, self.hostname))
        self.app.backend.mark_as_failure(run.id, error, request=context)
        self.tell("task-failed", uuid=run.id, exception=safe_repr(error), traceback="")
        signals.task_unknown.send(sender=self.consumer, message=run.delivery, exc=error, name=run.task, id=run.id)
        return Outcome(RunState.FAILED, exception=error, error=f"no task of the name {run.task} is registered")

    def refused(self, run: Run, outcome: Outcome) -> None:
        """The run was revoked, or came after it expired: its result says so."""
        self._revoked(run, "expired" if outcome.state in (RunState.EXPIRED, RunState.MISSED) else "revoked")

    def ended(self, run: Run, outcome: Outcome) -> None:
        """The run was ended while it ran, or lost with its process: what the task would have said, it says here."""
        if self._has_said_so(run):
            return
        if outcome.state is RunState.CANCELED:
            self._revoked(run, "terminated", int(getattr(outcome.exception, "signum", 0)))
        elif outcome.exception is not None:
            if isinstance(outcome.exception, TimeLimitExceeded):
                limit = outcome.exception.args[0]
                refusing.error(
                    "Hard time limit (%ss) exceeded for %s[%s]", limit, shown_name(run.headers, run.task), run.id
                )
            self._fail(run, by_celerys_name(outcome.exception))

    def _has_said_so(self, run: Run) -> bool:
        """Its process died after the result was stored, and before the run was settled.

        That it is merely revoked, any worker may have written that was asked to end it and does not run it.
        """
        try:
            said = self.app.backend.get_task_meta(run.id)
        except NotImplementedError:  # there is no result backend
            return False
        is_terminated = said["status"] == states.REVOKED and str(said["result"]) == "terminated"
        return is_terminated or said["status"] == states.SUCCESS

    def _fail(self, run: Run, error: BaseException) -> None:
        task = self.app.tasks.get(run.task)
        if task is None:
            return
        context = Context.over(task_request(run, self.hostname))
        task.request_stack.push(context)
        try:
            TraceInfo(states.FAILURE, error).handle_error_state(task, context)
        finally:
            task.request_stack.pop()
        self.tell("task-failed", uuid=run.id, exception=safe_repr(error), traceback="")

    def _revoked(self, run: Run, reason: str, signum: int | None = None) -> None:
        expired, terminated = reason == "expired", reason == "terminated"
        context = Context.over(task_request(run, self.hostname))
        task = self.app.tasks.get(run.task)
        refusing.info("Discarding %s task: %s[%s]", reason, shown_name(run.headers, run.task), run.id)
        stores = task is None or _stores_errors(task, context)
        self.app.backend.mark_as_revoked(run.id, reason, request=context, store_result=stores)
        self.tell("task-revoked", uuid=run.id, terminated=terminated, signum=signum, expired=expired)
        signals.task_revoked.send(sender=task, request=context, terminated=terminated, signum=signum, expired=expired)


def _owes_nothing(task: Any, run: Run) -> bool:
    """Nobody waits for its result, and nothing follows it."""
    said = run.headers.get("ignore_result")
    return bool(task.ignore_result if said is None else said) and (run.embed == NO_EMBED or not any(run.embed.values()))


def _is_revoked_by_stamp(request: Request) -> bool:
    stamps = request.stamps
    return any(_overlap(stamps.get(name), values) for name, values in state.revoked_stamps.items())


def _not_called(*args: Any, **kwargs: Any) -> None:
    raise InvalidTaskError("the handler runs the task")


def _stores_errors(task: Any, context: Context) -> bool:
    return task.store_errors_even_if_ignored or not get_actual_ignore_result(task, context)


def _overlap(stamp: Any, revoked: Any) -> bool:
    stamped = set(stamp if isinstance(stamp, (list, tuple, set)) else [stamp])
    return bool(stamped & set(revoked if isinstance(revoked, (list, tuple, set)) else [revoked])) and stamp is not None


def _send_again(retry: Retry) -> None:
    """The task's own ``apply_async`` has put the retry off, to a commit that never comes, say: send it all the same."""
    sig = retry.sig
    if sig is not None:
        options = {key: value for key, value in sig.options.items() if value is not None}
        BaseTask.apply_async(sig.type, sig.args, sig.kwargs, **options)


def _log_received(run: Run, name: str) -> None:
    told = {"args": run.headers.get("argsrepr"), "kwargs": run.headers.get("kwargsrepr"), "eta": run.headers.get("eta")}
    said = {"id": run.id, "name": name, **told}
    receiving.info(trace.LOG_RECEIVED, said, extra={"data": said})
