"""Celery's older message protocol, in which everything is in the body: read, never written."""

from __future__ import annotations

from typing import Any

from ..core.errors import UnreadableMessage
from ..core.message import Delivery
from ..core.run import Run

_COPIED = ("id", "task", "retries", "eta", "expires", "group", "timelimit", "root_id", "parent_id")
_EMBEDDED = ("callbacks", "errbacks", "chain", "chord")


def run(delivery: Delivery, value: Any, trusted: bool) -> Run:
    """The run in a protocol-1 body (a dict with task, id, args, kwargs, …); raises UnreadableMessage."""
    if not isinstance(value, dict) or not isinstance(value.get("task"), str) or not isinstance(value.get("id"), str):
        raise UnreadableMessage("this is no task message: neither its headers nor its body name a task and an id")
    args, kwargs = value.get("args") or (), value.get("kwargs") or {}
    if not isinstance(args, (list, tuple)) or not isinstance(kwargs, dict):
        raise UnreadableMessage("the body's args and kwargs are not a list and a dict")
    headers = {**delivery.headers, **{name: value[name] for name in _COPIED if value.get(name) is not None}}
    if value.get("taskset") and "group" not in headers:
        headers["group"] = value["taskset"]
    embed = {name: value.get(name) for name in _EMBEDDED}
    return Run(value["id"], value["task"], args, kwargs, headers, delivery, embed, trusted)
