"""``beat_schedule`` as declared jobs: any number of workers and beats, each tick once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kombu.utils.uuid import uuid

from pyramid_scheduler.api import JobKind, Schedule

from .beat.entry import evaluate
from .exceptions import ImproperlyConfigured
from .producing import make_message
from .schedules import crontab, maybe_schedule
from .triggers import INTERVAL, first_fire, trigger_of
from .utils.functional import maybe_list
from .utils.log import get_logger

logger = get_logger("celery.beat")
PREFIX = "beat:"


def declare_beat_schedule(app: Any, scheduler: Any) -> None:
    """Make the entries of ``beat_schedule`` declared jobs of ``scheduler``; timekeepers make the store agree."""
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
    message = _message(app, entry)
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
        name=name,
        declared=True,
        replace_existing=True,
    )


def _trigger(app: Any, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return trigger_of(maybe_schedule(entry["schedule"], entry.get("relative", False), app=app), app.timezone)
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(f"beat_schedule[{name!r}]: {error}") from error


def _message(app: Any, entry: Mapping[str, Any]) -> Any:
    """The message every run is a copy of."""
    task = app.tasks.get(entry["task"])
    own = {} if task is None else {key: value for key, value in task._get_exec_options().items() if value is not None}
    options = {**own, **(entry.get("options") or {})}
    args = [evaluate(value) for value in entry.get("args") or ()]
    kwargs = {key: evaluate(value) for key, value in (entry.get("kwargs") or {}).items()}
    if options.pop("expires", None) is not None:
        logger.info("%s: 'expires' has no effect on periodic tasks: a late run runs once", entry["task"])
    headers = {**(options.pop("headers", None) or {}), "celery_beat_task": True, "ps-runs": "uuid"}
    limits = {name: options.pop(name, None) for name in ("time_limit", "soft_time_limit")}
    links = {
        "callbacks": maybe_list(options.pop("link", None)),
        "errbacks": maybe_list(options.pop("link_error", None)),
    }
    routed = app.amqp.router.route(options, entry["task"], args, kwargs, task)
    message = app.amqp.as_task_v2(uuid(), entry["task"], args, kwargs, **limits, **links)
    queue = routed.get("queue") or app.amqp.default_queue
    return make_message(
        message.body,
        {
            **message.properties,
            "headers": {**message.headers, **headers},
            "routing_key": getattr(queue, "name", queue),
            "serializer": routed.get("serializer") or app.conf.task_serializer,
            "compression": routed.get("compression") or app.conf.task_compression,
            "priority": routed.get("priority"),
        },
    )
