"""Calls as task messages of Celery's protocols."""

from __future__ import annotations

import numbers
from collections import namedtuple
from collections.abc import Mapping
from typing import Any

from ..utils.nodenames import anon_nodename
from ..utils.saferepr import saferepr
from ..utils.time import add_seconds_to_datetime, maybe_make_aware

task_message = namedtuple("task_message", ("headers", "properties", "body", "sent_event"))
#: The earliest moment that time.mktime knows.
INT_MIN = -2147483648
ARGSREPR_MAXSIZE = 1024
NO_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def as_task_v2(
    app: Any,
    task_id: str,
    name: str,
    args: Any = None,
    kwargs: Any = None,
    countdown: Any = None,
    eta: Any = None,
    group_id: Any = None,
    group_index: Any = None,
    expires: Any = None,
    retries: int = 0,
    chord: Any = None,
    callbacks: Any = None,
    errbacks: Any = None,
    reply_to: Any = None,
    time_limit: Any = None,
    soft_time_limit: Any = None,
    create_sent_event: bool = False,
    root_id: Any = None,
    parent_id: Any = None,
    shadow: Any = None,
    chain: Any = None,
    now: Any = None,
    timezone: Any = None,
    origin: Any = None,
    ignore_result: Any = False,
    argsrepr: Any = None,
    kwargsrepr: Any = None,
    stamped_headers: Any = None,
    replaced_task_nesting: int = 0,
    **options: Any,
) -> Any:
    """Protocol 2: what is known about the call in headers, the arguments in the body."""
    args, kwargs = checked(args, kwargs)
    if countdown:
        eta = _from_now(app, countdown, "countdown", now, timezone)
    if isinstance(expires, numbers.Real):
        expires = _from_now(app, expires, "expires", now, timezone)
    eta, expires = _iso(eta), _iso(expires)
    if argsrepr is None or kwargsrepr is None:
        made = reprs(app.amqp, args, kwargs, app.conf.task_repr_maxlevels)
        argsrepr = made[0] if argsrepr is None else argsrepr
        kwargsrepr = made[1] if kwargsrepr is None else kwargsrepr
    headers = {
        "lang": "py",
        "task": name,
        "id": task_id,
        "shadow": shadow,
        "eta": eta,
        "expires": expires,
        "group": group_id,
        "group_index": group_index,
        "retries": retries,
        "timelimit": [time_limit, soft_time_limit],
        "root_id": root_id or task_id,
        "parent_id": parent_id,
        "argsrepr": argsrepr,
        "kwargsrepr": kwargsrepr,
        "origin": origin or anon_nodename(),
        "ignore_result": ignore_result,
        "replaced_task_nesting": replaced_task_nesting,
        "stamped_headers": stamped_headers,
        "stamps": {header: options[header] for header in stamped_headers or ()},
    }
    embed = {"callbacks": callbacks, "errbacks": errbacks, "chain": chain, "chord": chord}
    return task_message(
        headers=headers,
        properties={"correlation_id": task_id, "reply_to": reply_to or ""},
        body=(args, kwargs, embed),
        sent_event=_sent_event(headers) if create_sent_event else None,
    )


def _sent_event(headers: Mapping[str, Any]) -> dict[str, Any]:
    names = {"uuid": "id", "name": "task", "args": "argsrepr", "kwargs": "kwargsrepr"}
    same = ("root_id", "parent_id", "retries", "eta", "expires")
    return {**{ours: headers[theirs] for ours, theirs in names.items()}, **{name: headers[name] for name in same}}


def as_task_v1(
    app: Any,
    task_id: str,
    name: str,
    args: Any = None,
    kwargs: Any = None,
    countdown: Any = None,
    eta: Any = None,
    group_id: Any = None,
    group_index: Any = None,
    expires: Any = None,
    retries: int = 0,
    chord: Any = None,
    callbacks: Any = None,
    errbacks: Any = None,
    reply_to: Any = None,
    time_limit: Any = None,
    soft_time_limit: Any = None,
    create_sent_event: bool = False,
    *ignored: Any,
    now: Any = None,
    timezone: Any = None,
    **options: Any,
) -> Any:
    """Protocol 1: everything in the body. For Celery workers from before version 4."""
    args, kwargs = checked(args, kwargs)
    if countdown:
        eta = _from_now(app, countdown, "countdown", now, timezone)
    if isinstance(expires, numbers.Real):
        expires = _from_now(app, expires, "expires", now, timezone)
    body = {
        "task": name,
        "id": task_id,
        "args": args,
        "kwargs": kwargs,
        "group": group_id,
        "group_index": group_index,
        "retries": retries,
        "eta": _iso(eta),
        "expires": _iso(expires),
        "utc": app.conf.enable_utc,
        "callbacks": callbacks,
        "errbacks": errbacks,
        "timelimit": (time_limit, soft_time_limit),
        "taskset": group_id,
        "chord": chord,
    }
    event = {"uuid": task_id, "name": name, "args": saferepr(args), "kwargs": saferepr(kwargs)}
    sent = {**event, "retries": retries, "eta": body["eta"], "expires": body["expires"]}
    return task_message(
        headers={},
        properties={"correlation_id": task_id, "reply_to": reply_to or ""},
        body=body,
        sent_event=sent if create_sent_event else None,
    )


def reprs(amqp: Any, args: Any, kwargs: Any, maxlevels: int) -> tuple[str, str]:
    """The arguments for people to read, cut to bounds."""
    named = saferepr(kwargs, amqp.kwargsrepr_maxsize, maxlevels) if kwargs else "{}"
    return saferepr(args, amqp.argsrepr_maxsize, maxlevels), named


def checked(args: Any, kwargs: Any) -> tuple[Any, Any]:
    args, kwargs = args or (), kwargs or {}
    if not isinstance(args, (list, tuple)):
        raise TypeError("task args must be a list or tuple")
    if type(kwargs) is not dict and not isinstance(kwargs, Mapping):
        raise TypeError("task keyword arguments must be a mapping")
    return args, kwargs


def _from_now(app: Any, seconds: Any, what: str, now: Any, timezone: Any) -> Any:
    if seconds < INT_MIN:
        raise ValueError(f"{what} is out of range: {seconds!r}")
    return maybe_make_aware(add_seconds_to_datetime(now or app.now(), seconds), tz=timezone or app.timezone)


def _iso(moment: Any) -> Any:
    """Dates as text; a retry's are text already."""
    return moment if isinstance(moment, str) else moment and moment.isoformat()
