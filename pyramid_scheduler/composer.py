"""From a call of ``add_*_job`` to the message or schedule it becomes. Everything wrong is said here, at the call."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from .core import message as wire
from .core.clock import Clock
from .core.errors import InvalidJob, InvalidQueue
from .core.id import new_id
from .core.interfaces import Sealer
from .core.kind import JobKind
from .core.message import Message
from .core.options import CRON_FIELDS, INTERVAL_FIELDS, NO_OPTIONS, JobOptions, parse_options
from .core.reference import AnyFunction, name_of
from .core.schedule import Schedule
from .core.settings import Settings
from .core.task import TaskRegistry
from .schedule import triggers

Function = AnyFunction | str

_TRIGGERS: dict[JobKind, tuple[frozenset[str], Callable[..., Mapping[str, Any]], str]] = {
    JobKind.INTERVAL: (INTERVAL_FIELDS, triggers.interval_trigger, "add_interval_job"),
    JobKind.CRON: (CRON_FIELDS, triggers.cron_trigger, "add_cron_job"),
}


class Composer:
    """Knows the settings, the tasks and the seal; composes messages, sends nothing."""

    def __init__(self, *, settings: Settings, sealer: Sealer, tasks: TaskRegistry, clock: Clock) -> None:
        self._settings = settings
        self._sealer = sealer
        self._tasks = tasks
        self._clock = clock
        self._names: dict[Function, str] = {}  # functions that were found to import back to themselves
        self._plain_jobs: dict[tuple[str, str | None], Message] = {}  # one of each: others differ in what they carry

    def async_job(self, func: Function, args: Any, kwargs: Any, queue: str | None, options: JobOptions) -> Message:
        """The message of a job that runs as soon as a worker is free."""
        if options is not NO_OPTIONS:
            return self._message(JobKind.ASYNC, func, args, kwargs, queue, options)
        name = self.task_name(func)
        before = self._plain_jobs.get((name, queue))
        if before is not None:
            return self._sealer.seal_another(before, *_arguments(args, kwargs))
        message = self._message(JobKind.ASYNC, func, args, kwargs, queue, options)
        self._plain_jobs[name, queue] = replace(message, body=b"")
        return message

    def date_job(
        self, func: Function, date: Any, args: Any, kwargs: Any, queue: str | None, options: JobOptions
    ) -> Message:
        """The message of a job that runs once, at ``date``: a task message with an ``eta``, as Celery has it."""
        eta = triggers.parse_date(date, self._zone(options))
        if options.jitter:
            eta += timedelta(seconds=random.uniform(0.0, options.jitter))
        headers: dict[str, Any] = {"eta": eta.astimezone(UTC).isoformat()}
        if options.replace_existing:
            headers[wire.REPLACE] = True
        return self._message(JobKind.DATE, func, args, kwargs, queue, options, headers)

    def schedule(
        self,
        kind: JobKind,
        trigger: Mapping[str, Any],
        func: Function,
        args: Any,
        kwargs: Any,
        queue: str | None,
        options: JobOptions,
        *,
        declared: bool = False,
    ) -> Schedule:
        """A recurring job, with the sealed message that each of its runs will carry.

        One that would never run is refused; but a declared one whose end has come stays in the configuration.
        """
        message = self._message(kind, func, args, kwargs, queue, options)
        now = self._clock.time()
        due = triggers.next_fire(trigger, None, now)
        if due is None and not (declared and trigger.get("end")):
            raise InvalidJob("the job would never run: its end_date is past, or there is no date that its fields match")
        return Schedule(
            id=message.id,
            kind=kind,
            queue=message.queue,
            task=message.task,
            trigger=trigger,
            message=message,
            next_fire_at=due,
            due_at=due,
            name=options.name,
            misfire_grace_seconds=self._grace(options),
            coalesce=options.coalesce,
            max_instances=options.max_instances,
            declared=declared,
            replace_existing=options.replace_existing or declared,
            created_at=now,
        )

    def trigger(self, kind: JobKind, start_date: Any, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], JobOptions]:
        """Part ``given`` into the trigger of an interval or cron job and the job's options."""
        names, make, method = _TRIGGERS[kind]
        times = {name: value for name, value in given.items() if name in names}
        options = parse_options({k: v for k, v in given.items() if k not in names}, method)
        if options.expires is not None:
            raise InvalidJob(
                f"{method}() has no use for expires, which is one moment for all runs: misfire_grace_time says how late"
                " each may start, and end_date when the last is due"
            )
        trigger = make(
            start_date=start_date,
            end_date=options.end_date,
            jitter=options.jitter,
            timezone=self._zone(options) or None,
            **times,
        )
        return trigger, options

    def schedule_message(self, schedule: Schedule) -> Message:
        """The message that carries a recurring job to whoever stores it."""
        return self._sealer.seal(
            wire.SCHEDULE_TASK,
            (schedule.to_json(),),
            {},
            queue=schedule.queue,
            headers={"id": f"{schedule.id}:schedule", wire.JOB: schedule.id, wire.KIND: str(schedule.kind)},
            serializer="json",
        )

    def note(self, text: str, queue: str | None) -> Message:
        """The message of ``pscheduler --message``."""
        headers = {"id": new_id(), "expires": None}
        return self._sealer.seal(wire.NOTE_TASK, (text,), {}, queue=self.queue(queue), headers=headers)

    def queue(self, name: str | None) -> str:
        """``name``, or the default queue; raises InvalidQueue for one that no worker serves."""
        if name is None:
            return self._settings.queues[0]
        if name not in self._settings.queues:
            known = ", ".join(self._settings.queues)
            raise InvalidQueue(f"there is no queue {name!r}; scheduler.queues has: {known}. Add it there first")
        return name

    def task_name(self, func: Function) -> str:
        """The name ``func`` has on the wire: the registered one, or ``package.module.function``."""
        try:
            known = self._tasks.name_for(func) or self._names.get(func)
        except TypeError:  # it is unhashable: no function
            known = None
        if known is None:
            known = self._names[func] = name_of(func)  # which says what is wrong with it
        return known

    def _message(
        self,
        kind: JobKind,
        func: Function,
        args: Any,
        kwargs: Any,
        queue: str | None,
        options: JobOptions,
        headers: Mapping[str, Any] | None = None,
    ) -> Message:
        positional, named = _arguments(args, kwargs)
        return self._sealer.seal(
            self.task_name(func),
            positional,
            named,
            queue=self.queue(queue),
            headers={**self._headers(kind, options), **(headers or {})},
            priority=options.priority,
            expires_at=self._expires_at(options),
        )

    def _expires_at(self, options: JobOptions) -> float | None:
        """Epoch seconds after which the job must not start."""
        if options.expires is None:
            return None
        if isinstance(options.expires, datetime):
            return triggers.parse_date(options.expires, self._zone(options)).timestamp()
        return self._clock.time() + float(options.expires)

    def _zone(self, options: JobOptions) -> str:
        return options.timezone or self._settings.timezone

    def _headers(self, kind: JobKind, options: JobOptions) -> dict[str, Any]:
        headers = {**self._headers_of(options), "id": options.id or new_id()}
        if kind is not JobKind.ASYNC:
            headers[wire.KIND] = str(kind)
        return headers

    def _headers_of(self, options: JobOptions) -> dict[str, Any]:
        headers: dict[str, Any] = {"ignore_result": True}
        hard = self._or_default(options.time_limit, self._settings.time_limit_seconds)
        soft = self._or_default(options.soft_time_limit, self._settings.soft_time_limit_seconds)
        if hard is not None or soft is not None:
            headers["timelimit"] = [hard, soft]
        if options.max_retries:
            policy = options.retry_policy()
            headers[wire.RETRY] = [policy.max_retries, policy.backoff_seconds, list(policy.retry_on), policy.jitter]
        if options.name:
            headers[wire.NAME] = options.name
        grace = self._grace(options)
        if grace is not None:
            headers[wire.GRACE] = grace
        return headers

    def _grace(self, options: JobOptions) -> float | None:
        return self._or_default(options.misfire_grace_time, self._settings.misfire_grace_seconds)

    @staticmethod
    def _or_default(value: float | None, default: float | None) -> float | None:
        return default if value is None else value


def _arguments(args: Any, kwargs: Any) -> tuple[Sequence[Any], Mapping[str, Any]]:
    if type(args) is tuple and not kwargs:
        return args, {}  # as nearly always
    if args is not None and (isinstance(args, (str, bytes, Mapping)) or not isinstance(args, Sequence)):
        raise InvalidJob(f"args must be a tuple or list of positional arguments, not {type(args).__name__}")
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise InvalidJob(f"kwargs must be a dict of keyword arguments, not {type(kwargs).__name__}")
    return tuple(args or ()), dict(kwargs or {})


def at(epoch_seconds: float | None) -> datetime | None:
    """An aware UTC datetime for epoch seconds; None stays None."""
    return None if epoch_seconds is None else datetime.fromtimestamp(epoch_seconds, UTC)
