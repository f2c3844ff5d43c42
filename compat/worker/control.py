"""What a worker does when it is told to, and answers when it is asked."""

from __future__ import annotations

from typing import Any

from ..exceptions import WorkerShutdown
from ..utils.log import get_logger
from ..utils.time import rate
from . import state as worker_state
from .answers import (
    DEFAULT_TASK_INFO_ITEMS,
    active,
    active_queues,
    clock,
    conf,
    hello,
    memdump,
    memsample,
    objgraph,
    ping,
    query_task,
    registered,
    report,
    reserved,
    revoked,
    scheduled,
    stats,
)
from .panel import Panel, control_command, inspect_command, nok, ok
from .revoking import revoke, revoke_by_stamped_headers, terminate

__all__ = (
    "DEFAULT_TASK_INFO_ITEMS",
    "Panel", "active", "active_queues", "clock", "conf", "control_command", "hello", "inspect_command", "memdump",
    "memsample", "nok", "objgraph", "ok", "ping", "query_task", "registered", "report", "reserved", "revoke",
    "revoke_by_stamped_headers", "revoked", "scheduled", "stats", "terminate",
)  # fmt: skip
logger = get_logger("celery.worker.control")


@control_command(
    args=[("task_name", str), ("rate_limit", str)],
    signature="<task_name> <rate_limit (e.g., 5/s | 5/m | 5/h)>",
)
def rate_limit(state: Any, task_name: str, rate_limit: Any, **kwargs: Any) -> Any:
    """Set how often a task may run."""
    try:
        rate(rate_limit)
    except (ValueError, KeyError) as error:
        return nok(f"Invalid rate limit string: {error!r}")
    if task_name not in state.app.tasks:
        logger.error("Rate limit attempt for unknown task %s", task_name)
        return nok("unknown task")
    state.app.tasks[task_name].rate_limit = rate_limit
    state.consumer.reset_rate_limits()
    logger.info("rate limit of %s: %s", task_name, rate_limit or "none")
    return ok("new rate limit set successfully" if rate_limit else "rate limit disabled successfully")


@control_command(
    args=[("task_name", str), ("soft", float), ("hard", float)],
    signature="<task_name> <soft_secs> [hard_secs]",
)
def time_limit(state: Any, task_name: Any = None, hard: Any = None, soft: Any = None, **kwargs: Any) -> Any:
    """Set how long a task may run."""
    if task_name not in state.app.tasks:
        logger.error("Change time limit attempt for unknown task %s", task_name)
        return nok("unknown task")
    task = state.app.tasks[task_name]
    task.soft_time_limit, task.time_limit = soft, hard
    state.consumer.reset_time_limits()
    logger.info("time limits of %s: soft %s, hard %s", task_name, soft, hard)
    return ok("time limits set successfully")


@control_command()
def election(state: Any, id: str, topic: str, action: Any = None, **kwargs: Any) -> None:
    """Nobody is elected: any worker may do what has to be done."""


@control_command()
def enable_events(state: Any) -> Any:
    """Send events of tasks."""
    dispatcher = state.consumer.event_dispatcher
    if dispatcher is None:
        return nok("event dispatcher unavailable")
    if dispatcher.groups and "task" not in dispatcher.groups:
        dispatcher.groups.add("task")
        return ok("task events enabled")
    return ok("task events already enabled")


@control_command()
def disable_events(state: Any) -> Any:
    """Send no events of tasks."""
    dispatcher = state.consumer.event_dispatcher
    if dispatcher is None:
        return nok("event dispatcher unavailable")
    if "task" in dispatcher.groups:
        dispatcher.groups.discard("task")
        return ok("task events disabled")
    return ok("task events already disabled")


@control_command()
def heartbeat(state: Any) -> None:
    """Send a heartbeat now."""
    dispatcher = state.consumer.event_dispatcher
    if dispatcher:
        dispatcher.send("worker-heartbeat", freq=5, **worker_state.SOFTWARE_INFO)


@control_command(args=[("n", int)], signature="[N=1]")
def pool_grow(state: Any, n: int = 1, **kwargs: Any) -> Any:
    """Run more tasks at a time."""
    if state.consumer.controller.autoscaler:
        return nok("pool_grow is not supported with autoscale. Adjust autoscale range instead.")
    state.consumer.pool.grow(n)
    return ok("pool will grow")


@control_command(args=[("n", int)], signature="[N=1]")
def pool_shrink(state: Any, n: int = 1, **kwargs: Any) -> Any:
    """Run fewer tasks at a time."""
    if state.consumer.controller.autoscaler:
        return nok("pool_shrink is not supported with autoscale. Adjust autoscale range instead.")
    state.consumer.pool.shrink(n)
    return ok("pool will shrink")


@control_command()
def pool_restart(state: Any, modules: Any = None, reload: bool = False, reloader: Any = None, **kwargs: Any) -> Any:
    """Not supported: restart the worker."""
    raise ValueError("Pool restarts not enabled: restart the worker, running tasks finish")


@control_command(args=[("max", int), ("min", int)], signature="[max [min]]")
def autoscale(state: Any, max: Any = None, min: Any = None) -> Any:
    """Not supported: the number of processes is fixed."""
    raise ValueError("Autoscale not enabled")


@control_command()
def shutdown(state: Any, msg: str = "Got shutdown from remote", **kwargs: Any) -> Any:
    """End the worker, once its running tasks are done."""
    logger.warning(msg)
    raise WorkerShutdown(worker_state.EX_OK)


@control_command(
    args=[("queue", str), ("exchange", str), ("exchange_type", str), ("routing_key", str)],
    signature="<queue> [exchange [type [routing_key]]]",
)
def add_consumer(
    state: Any,
    queue: str,
    exchange: Any = None,
    exchange_type: Any = None,
    routing_key: Any = None,
    **options: Any,
) -> Any:
    """Take from a queue, too."""
    state.consumer.call_soon(
        state.consumer.add_task_queue, queue, exchange, exchange_type or "direct", routing_key, **options
    )
    return ok(f"add consumer {queue}")


@control_command(args=[("queue", str)], signature="<queue>")
def cancel_consumer(state: Any, queue: str, **_: Any) -> Any:
    """Take from a queue no more."""
    try:
        state.consumer.call_soon(state.consumer.cancel_task_queue, queue)
    except ValueError as refusal:
        return nok(str(refusal))
    return ok(f"no longer consuming from {queue}")
