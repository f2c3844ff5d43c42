"""What a worker answers when it is asked."""

from __future__ import annotations

from typing import Any

from kombu.utils.encoding import safe_repr

from ..utils.functional import maybe_list
from ..utils.log import get_logger
from ..utils.serialization import jsonify, strtobool
from . import state as worker_state
from .panel import inspect_command, ok

logger = get_logger("celery.worker.control")
DEFAULT_TASK_INFO_ITEMS = ("exchange", "routing_key", "rate_limit")


@inspect_command()
def report(state: Any) -> Any:
    """Versions and settings, as text."""
    return ok(state.app.bugreport())


@inspect_command(alias="dump_conf", signature="[include_defaults=False]", args=[("with_defaults", strtobool)])
def conf(state: Any, with_defaults: bool = False, **kwargs: Any) -> Any:
    """The settings, without secrets."""
    return jsonify(
        state.app.conf.table(with_defaults=with_defaults),
        keyfilter=lambda key: isinstance(key, str) and not key.startswith("__"),
        unknown_type_filter=safe_repr,
    )


@inspect_command(variadic="ids", signature="[id1 [id2 [... [idN]]]]")
def query_task(state: Any, ids: Any, **kwargs: Any) -> Any:
    """What becomes of tasks."""
    asked = [str(id_) for id_ in maybe_list(ids) or ()]
    found = [request for id_ in asked if (request := worker_state.requests.get(id_)) is not None]
    here = {request.id: (_state_of(request), request.info()) for request in found}
    others = [id_ for id_ in asked if id_ not in here]
    waiting = [one["request"] for one in state.consumer.controller.scheduled(others)] if others else []
    return {request["id"]: ("scheduled", request) for request in waiting} | here


def _state_of(request: Any) -> str:
    if request in worker_state.active_requests:
        return "active"
    if request in worker_state.reserved_requests:
        return "reserved"
    return "scheduled" if request in worker_state.scheduled_requests else "ready"


@inspect_command()
def clock(state: Any, **kwargs: Any) -> Any:
    """The logical clock."""
    return {"clock": state.app.clock.value}


@inspect_command(visible=False)
def hello(state: Any, from_node: str, revoked: Any = None, **kwargs: Any) -> Any:
    """Another worker starts, and asks what it should know."""
    if from_node == state.hostname:
        return None
    logger.info("sync with %s", from_node)
    if revoked:
        worker_state.merge_revoked(revoked)
    worker_state.revoked.purge()
    return {"revoked": list(worker_state.revoked), "clock": state.app.clock.forward()}


@inspect_command(default_timeout=0.2)
def ping(state: Any, **kwargs: Any) -> Any:
    """Whether the worker lives."""
    return ok("pong")


@inspect_command()
def stats(state: Any, **kwargs: Any) -> Any:
    """Numbers about the worker."""
    return state.consumer.controller.stats()


@inspect_command(alias="dump_schedule")
def scheduled(state: Any, **kwargs: Any) -> Any:
    """The tasks that wait for their time: they are stored, and known to every worker."""
    return state.consumer.controller.scheduled()


@inspect_command(alias="dump_reserved")
def reserved(state: Any, **kwargs: Any) -> Any:
    """The tasks that were received and do not run yet."""
    waiting = state.tset(worker_state.reserved_requests) - state.tset(worker_state.active_requests)
    return [request.info() for request in waiting]


@inspect_command(alias="dump_active")
def active(state: Any, safe: bool = False, **kwargs: Any) -> Any:
    """The tasks that run."""
    return [request.info(safe=safe) for request in state.tset(worker_state.active_requests)]


@inspect_command(alias="dump_revoked")
def revoked(state: Any, **kwargs: Any) -> Any:
    """The ids of revoked tasks."""
    return list(worker_state.revoked)


@inspect_command(alias="dump_tasks", variadic="taskinfoitems", signature="[attr1 [attr2 [... [attrN]]]]")
def registered(state: Any, taskinfoitems: Any = None, builtins: bool = False, **kwargs: Any) -> Any:
    """The names of the tasks, with attributes."""
    items = taskinfoitems or DEFAULT_TASK_INFO_ITEMS
    public = [item for item in items if isinstance(item, str) and not item.startswith("_")]
    tasks = state.app.tasks
    return [_described(tasks[name], public) for name in sorted(tasks) if builtins or not name.startswith("celery.")]


def _described(task: Any, items: list[str]) -> str:
    found = {item: getattr(task, item, None) for item in items}
    said = " ".join(f"{item}={value}" for item, value in found.items() if value is not None)
    return f"{task.name} [{said}]" if said else str(task.name)


@inspect_command()
def active_queues(state: Any) -> Any:
    """The queues the worker takes from."""
    return [dict(queue.as_dict(recurse=True)) for queue in state.consumer.queues]


@inspect_command(
    default_timeout=60.0,
    args=[("type", str), ("num", int), ("max_depth", int)],
    signature="[object_type=Request] [num=200 [max_depth=10]]",
)
def objgraph(state: Any, num: int = 200, max_depth: int = 10, type: str = "Request") -> Any:
    """Not supported."""
    raise NotImplementedError("objgraph is not supported: use a memory profiler, such as memray, on the process")


@inspect_command()
def memsample(state: Any, **kwargs: Any) -> Any:
    """The memory that the worker uses."""
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    return f"{pages * 4096 / 1024**2:.2f}MB"


@inspect_command(args=[("samples", int)], signature="[n_samples=10]")
def memdump(state: Any, samples: int = 10, **kwargs: Any) -> Any:
    """The memory that the worker uses, now: no samples are kept."""
    return memsample(state)
