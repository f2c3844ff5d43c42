"""``beat_schedule`` as declared jobs: any number of workers and beats, each tick once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kombu.common import Broadcast

from pyramid_scheduler.api import JobKind, Message, Schedule

from .beat.entry import evaluate_args, evaluate_kwargs
from .beat.keeper import PREFIX, is_the_ledger
from .exceptions import ImproperlyConfigured
from .producing import Catching
from .schedules import crontab, maybe_schedule
from .triggers import INTERVAL, first_fire, trigger_of
from .utils.log import get_logger

logger = get_logger("celery.beat")
#: Headers and properties that every run has its own of, or none.
_OF_ONE_CALL = ("expires", "eta", "reply_to", "correlation_id")


class _Deaf:
    """Takes the event ``task-sent``, which would tell of a run that is none."""

    def publish(self, *args: Any, **kwargs: Any) -> None: ...


#: How each entry is sent, whatever it says: from the ledger, which knows queues only, and forgets nothing.
_THROUGH_THE_LEDGER = {"exchange": "", "exchange_type": "direct", "delivery_mode": 2, "event_dispatcher": _Deaf()}


def declare_beat_schedule(app: Any, scheduler: Any) -> None:
    """Make the entries of ``beat_schedule`` declared jobs of ``scheduler``; timekeepers make the store agree.

    None are, where a scheduler class keeps the times: it sends them.
    """
    if not is_the_ledger(app.conf.beat_scheduler):
        logger.info("beat_schedule is left to beat, which runs %s", app.conf.beat_scheduler)
        return
    entries = {**_default_entries(app), **app.conf.beat_schedule}
    for name, entry in entries.items():
        made = declared_job(app, name, entry)
        scheduler.declared[made.id] = made


def _default_entries(app: Any) -> dict[str, Any]:
    if not app.conf.result_expires or app.backend.supports_autoexpire:
        return {}
    nightly = crontab("0", "4", "*")
    return {"celery.backend_cleanup": {"task": "celery.backend_cleanup", "schedule": nightly}}


def declared_job(app: Any, name: str, entry: Mapping[str, Any]) -> Schedule:
    """One entry as a job; raises ImproperlyConfigured for a schedule of a kind of its own."""
    trigger = _trigger(app, name, entry)
    message = _message(app, name, entry)
    first = first_fire(trigger, app.pipeline.scheduler.clock.now())
    return Schedule(
        id=PREFIX + name,
        kind=JobKind.INTERVAL if trigger["type"] == INTERVAL else JobKind.CRON,
        queue=message.queue,
        task=entry["task"],
        trigger=trigger,
        message=message,
        next_fire_at=first,
        due_at=first,
        misfire_grace_seconds=_expires_seconds(app, entry),
        name=name,
        declared=True,
        replace_existing=True,
    )


def _trigger(app: Any, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return trigger_of(maybe_schedule(entry["schedule"], entry.get("relative", False), app=app), app.timezone)
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(f"beat_schedule[{name!r}]: {error}") from error


def _expires_seconds(app: Any, entry: Mapping[str, Any]) -> float | None:
    """Within which a run must start, counted from its tick."""
    own = getattr(app.tasks.get(entry["task"]), "expires", None)
    expires = (entry.get("options") or {}).get("expires", own)
    if isinstance(expires, (int, float)):
        return float(expires)
    if expires is not None:
        logger.warning("%s: 'expires' has an effect on periodic tasks if it is a number of seconds", entry["task"])
    return None


def _message(app: Any, name: str, entry: Mapping[str, Any]) -> Message:
    """The message every run is a copy of: the one that a call of the task sends."""
    args, kwargs = evaluate_args(entry.get("args")), evaluate_kwargs(entry.get("kwargs"))
    options = {key: value for key, value in (entry.get("options") or {}).items() if key not in ("countdown", "eta")}
    headers = {**(options.get("headers") or {}), "celery_beat_task": True}
    queue = _queue(app, name, entry["task"], args, kwargs, options)
    made = _call(
        app, name, entry["task"], args, kwargs, {**options, **_THROUGH_THE_LEDGER, "queue": queue, "headers": headers}
    )
    return replace(
        made,
        headers={key: value for key, value in made.headers.items() if key not in _OF_ONE_CALL} | {"ps-runs": "uuid"},
        properties={key: value for key, value in made.properties.items() if key not in _OF_ONE_CALL},
        expires_at=None,
    )


def _queue(app: Any, name: str, task: str, args: Any, kwargs: Any, options: Mapping[str, Any]) -> Any:
    """Where the runs go: of an exchange it must be clear which queue it leads to."""
    registered = app.tasks.get(task)
    own = {} if registered is None else registered._get_exec_options()
    said = {key: value for key, value in {**own, **options}.items() if value is not None}
    to = app.amqp.router.route(said, task, args, kwargs, registered)
    exchange, key = to.get("exchange"), to.get("routing_key")
    queue = to.get("queue") or app.amqp.default_queue
    if isinstance(queue, Broadcast):
        alias = getattr(queue, "alias", queue.name)
        raise ImproperlyConfigured(f"beat_schedule[{name!r}] goes to the broadcast queue {alias}: name another")
    if not exchange or not key:
        return queue
    address = getattr(exchange, "name", exchange), key
    found = [queue for queue in app.amqp.queues.values() if (queue.exchange.name, queue.routing_key) == address]
    if len(found) == 1:
        return found[0]
    raise ImproperlyConfigured(
        f"beat_schedule[{name!r}] goes to exchange {address[0]!r} by key {key!r}, and {len(found)} of task_queues are"
        " bound by just that: say 'queue' in its options instead"
    )


class CatchingTask(Catching):
    """Catches calls of one task."""

    def __init__(self, task: str) -> None:
        super().__init__()
        self._task = task

    def wants(self, headers: Mapping[str, Any]) -> bool:
        return headers.get("task") == self._task


def _call(app: Any, name: str, task: str, args: Any, kwargs: Any, options: dict[str, Any]) -> Message:
    """What ``apply_async`` sends; where the task is not known here, or it sends nothing, what a call by name does."""
    registered = app.tasks.get(task)
    with CatchingTask(task) as caught:
        if registered is not None:
            options.setdefault("ignore_result", registered.ignore_result)
        if registered is not None and not app.conf.task_always_eager:
            try:
                registered.apply_async(args, kwargs, **options)
            except Exception:
                logger.exception("beat_schedule[%r]: apply_async fails; its runs are sent without it", name)
        if not caught:
            app.send_task(task, args, kwargs, **options)
    if not caught:
        raise ImproperlyConfigured(f"beat_schedule[{name!r}]: app.send_task of {app!r} sends no message")
    return caught[0]
