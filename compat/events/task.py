"""A task as its events show it."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from weakref import WeakSet

from .. import states

TASK_EVENT_TO_STATE = {
    "sent": states.PENDING,
    "received": states.RECEIVED,
    "started": states.STARTED,
    "failed": states.FAILURE,
    "retried": states.RETRY,
    "succeeded": states.SUCCESS,
    "revoked": states.REVOKED,
    "rejected": states.REJECTED,
}


def _make(cls: Any, fields: dict[str, Any]) -> Any:
    return cls(**fields)


class Task:
    """Its state and what is known of it; a late event of an earlier state adds only what nobody said before."""

    name: Any = None
    received: Any = None
    sent: Any = None
    started: Any = None
    succeeded: Any = None
    failed: Any = None
    retried: Any = None
    revoked: Any = None
    rejected: Any = None
    args: Any = None
    kwargs: Any = None
    eta: Any = None
    expires: Any = None
    retries: Any = None
    worker: Any = None
    result: Any = None
    exception: Any = None
    timestamp: Any = None
    runtime: Any = None
    traceback: Any = None
    exchange: Any = None
    routing_key: Any = None
    root_id: Any = None
    parent_id: Any = None
    client: Any = None
    state: Any = states.PENDING
    clock: Any = 0

    _fields = (
        *("uuid", "name", "state", "received", "sent", "started", "rejected", "succeeded", "failed", "retried"),
        *("revoked", "args", "kwargs", "eta", "expires", "retries", "worker", "result", "exception", "timestamp"),
        *("runtime", "traceback", "exchange", "routing_key", "clock", "client", "root", "root_id", "parent"),
        *("parent_id", "children"),
    )
    _info_fields = (
        *("args", "kwargs", "retries", "result", "eta", "runtime", "expires", "exception", "exchange"),
        *("routing_key", "root_id", "parent_id"),
    )
    #: What a late event of that state may still add.
    merge_rules = {  # noqa: RUF012
        states.RECEIVED: ("name", "args", "kwargs", "parent_id", "root_id", "retries", "eta", "expires"),
    }

    def __init__(self, uuid: Any = None, cluster_state: Any = None, children: Any = None, **kwargs: Any) -> None:
        self.uuid = uuid
        self.cluster_state = cluster_state
        known = cluster_state.tasks if cluster_state is not None else {}
        self.children: WeakSet[Any] = WeakSet(known.get(id_) for id_ in children or () if id_ in known)
        self.__dict__.update(kwargs)

    def event(
        self,
        type_: str,
        timestamp: float | None = None,
        local_received: float | None = None,
        fields: Any = None,
        precedence: Any = states.precedence,
    ) -> None:
        """Take in what an event says."""
        fields = fields or {}
        state = TASK_EVENT_TO_STATE.get(type_)
        if state is None:
            state = type_.upper()
        else:
            setattr(self, type_, timestamp)
        retried = states.RETRY in (state, self.state)
        if not retried and precedence(state) > precedence(self.state):
            keep = self.merge_rules.get(state)
            said = fields if keep is None else {key: value for key, value in fields.items() if key in keep}
        else:
            fields.update(state=state, timestamp=timestamp)
            said = fields
        self.__dict__.update(said)

    def info(self, fields: Any = None, extra: Any = None) -> dict[str, Any]:
        """What is known, of these fields."""
        names = [*(self._info_fields if fields is None else fields), *(extra or ())]
        found = {name: getattr(self, name, None) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def as_dict(self) -> dict[str, Any]:
        """All fields, related tasks by their ids."""
        related = {
            "children": [task.id for task in self.children],
            "root": self.root_id,
            "parent": self.parent_id,
        }
        return {name: related[name] if name in related else getattr(self, name) for name in self._fields}

    @property
    def id(self) -> Any:
        return self.uuid

    @property
    def origin(self) -> Any:
        return self.client if self.worker is None else self.worker.id

    @property
    def ready(self) -> bool:
        return self.state in states.READY_STATES

    @cached_property
    def parent(self) -> Any:
        return self.parent_id and self.cluster_state.tasks.data.get(self.parent_id)

    @cached_property
    def root(self) -> Any:
        return self.root_id and self.cluster_state.tasks.data.get(self.root_id)

    def __eq__(self, other: object) -> bool:
        return self.uuid == other.uuid if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.uuid)

    def __reduce__(self) -> Any:
        return _make, (type(self), self.as_dict())

    def __repr__(self) -> str:
        return f"<Task: {self.name}({self.uuid}) {self.state} clock:{self.clock}>"
