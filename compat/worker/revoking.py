"""Tasks that shall not run."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from .. import states
from ..platforms.signalling import signal_asked_for
from ..utils.functional import maybe_list
from ..utils.log import get_logger
from . import state as worker_state
from .panel import control_command, ok

logger = get_logger("celery.worker.control")
_REVOCABLE = (states.PENDING, states.RECEIVED, states.RETRY, states.REJECTED)


@control_command(variadic="task_id", signature="[id1 [id2 [... [idN]]]]")
def revoke(state: Any, task_id: Any, terminate: bool = False, signal: Any = None, **kwargs: Any) -> Any:
    """Revoke tasks by id; with ``terminate`` those that run are ended."""
    ids = set(maybe_list(task_id) or ())
    worker_state.revoked.update(ids)
    for id_ in ids:
        _mark(state, id_)
    if terminate:
        return _terminate(state, ids, signal_asked_for(signal))
    logger.info("Tasks flagged as revoked: %s", ", ".join(ids))
    return ok(f"tasks {ids} flagged as revoked")


def _mark(state: Any, id_: str) -> None:
    """Let who waits for the result know at once; a run that has started goes on."""
    request = worker_state.requests.get(id_)
    if request is not None and request in worker_state.active_requests:
        return
    task = getattr(request, "task", None)
    backend = task.backend if task is not None else state.app.backend
    try:
        if backend.get_state(id_) in _REVOCABLE:
            backend.mark_as_revoked(id_, reason="revoked", store_result=True)
    except Exception as error:
        logger.warning("task %s will not run, but its result could not be marked: %s", id_, error)


def _terminate(state: Any, ids: set[str], signum: int) -> Any:
    found = [worker_state.requests[id_] for id_ in ids if id_ in worker_state.requests]
    for request in found:
        logger.info("Terminating %s (%s)", request.id, signum)
        request.terminate(state.consumer.pool, signal=signum)
    return ok(f"terminate: {', '.join(request.id for request in found)}" if found else "terminate: tasks unknown")


@control_command(variadic="headers", signature="[key1=value1 [key2=value2 [... [keyN=valueN]]]]")
def revoke_by_stamped_headers(
    state: Any, headers: Any, terminate: bool = False, signal: Any = None, **kwargs: Any
) -> Any:
    """Revoke tasks by their stamps; with ``terminate`` those that run are ended."""
    given = dict(text.split("=", 1) for text in headers) if isinstance(headers, list) else headers
    for name, stamps in given.items():
        known = list(maybe_list(worker_state.revoked_stamps.get(name)) or [])
        worker_state.revoked_stamps[name] = known + list(maybe_list(stamps))
    if not terminate:
        return ok(f"headers {given} flagged as revoked, but not terminated")
    ended: defaultdict[str, set[Any]] = defaultdict(set)
    for request in list(worker_state.active_requests):
        for name, stamps in given.items():
            both = set(maybe_list((request.stamps or {}).get(name)) or ()) & set(maybe_list(stamps))
            if both:
                ended[name] |= both
                request.terminate(state.consumer.pool, signal=signal_asked_for(signal))
    return ok(f"headers {dict(ended)} revoked" if ended else f"headers {given} were not terminated")


@control_command(variadic="task_id", args=[("signal", str)], signature="<signal> [id1 [id2 [... [idN]]]]")
def terminate(state: Any, signal: Any, task_id: Any, **kwargs: Any) -> Any:
    """End tasks by id."""
    return revoke(state, task_id, terminate=True, signal=signal)
