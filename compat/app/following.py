"""What is sent when a task has returned: its callbacks, and the next step of its chain."""

from __future__ import annotations

from typing import Any


def dispatch_follow_ups(app: Any, request: Any, retval: Any, uuid: str) -> None:
    """Send the callbacks, then the chain's next task; with the result as their first argument."""
    callbacks, chain = request.callbacks, request.chain
    from ..canvas import group, maybe_signature

    inherited = (request.delivery_info or {}).get("priority") if app.conf.task_inherit_parent_priority else None
    options = {"parent_id": uuid, "root_id": request.root_id or uuid, "priority": inherited}

    def send(sig: Any, **extra: Any) -> None:
        app.amqp._retry_publish(sig.apply_async, (retval,), **extra, **options)

    found = [maybe_signature(callback, app=app) for callback in callbacks or ()]
    # Groups remember their own trail; sent within another group they would be remembered twice.
    apart = [sig for sig in found if len(found) == 1 or isinstance(sig, group)]
    for sig in apart:
        send(sig)
    if len(found) > len(apart):
        send(group([sig for sig in found if not isinstance(sig, group)], app=app))
    if chain:
        send(maybe_signature(chain[-1], app=app), chain=chain[:-1])
