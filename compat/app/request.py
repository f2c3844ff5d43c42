"""``self.request``: what a task may know about its own run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from ..utils.threads import LocalStack

_UNSET = object()
#: What RabbitMQ adds to dead letters; sent along with a retry it would be taken for a cycle.
X_DEATH_HEADERS = frozenset(
    f"x-{part}"
    for part in (
        "death",
        "first-death-exchange",
        "first-death-queue",
        "first-death-reason",
        "last-death-exchange",
        "last-death-queue",
        "last-death-reason",
    )
)
_UNLIMITED = ([None, None], (None, None))
_WIRE_ONLY = frozenset({"lang", "task", "argsrepr", "kwargsrepr", "compression"})


class Context:
    """Attributes that default to the class's; ``update`` adds any others."""

    _children: list[Any] | None = None
    _protected: int = 0
    args: Any = None
    callbacks: Any = None
    called_directly: bool = True
    chain: Any = None
    chord: Any = None
    correlation_id: Any = None
    delivery_info: Any = None
    errbacks: Any = None
    eta: Any = None
    expires: Any = None
    group: Any = None
    group_index: Any = None
    headers: Any = None
    hostname: Any = None
    id: Any = None
    ignore_result: Any = False
    is_eager: bool = False
    kwargs: Any = None
    logfile: Any = None
    loglevel: Any = None
    origin: Any = None
    parent_id: Any = None
    properties: Any = None
    retries: int = 0
    reply_to: Any = None
    replaced_task_nesting: int = 0
    root_id: Any = None
    shadow: Any = None
    taskset: Any = None
    timelimit: Any = None
    time_limit: Any = None
    soft_time_limit: Any = None
    utc: Any = None
    stamped_headers: Any = None
    stamps: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        said = self.__dict__
        said.update(*args, **kwargs)
        self._complete(said)

    @classmethod
    def over(cls, said: dict[str, Any]) -> Self:
        """With ``said`` itself for its attributes, not a copy: one is made for every run."""
        context = cls.__new__(cls)
        context.__dict__ = said
        context._complete(said)
        return context

    def _complete(self, said: dict[str, Any]) -> None:
        limits = said.get("timelimit")
        if limits is not None and limits not in _UNLIMITED:
            self._set_limits()
        if "headers" not in said:
            said["headers"] = custom_headers(said)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set attributes, known or not; ``timelimit`` also sets the two limits it holds."""
        before = self.__dict__.get("timelimit", _UNSET)
        self.__dict__.update(*args, **kwargs)
        limits = self.__dict__.get("timelimit", _UNSET)
        if limits is not before:
            self._set_limits()

    def _set_limits(self) -> None:
        limits = self.timelimit
        known = isinstance(limits, (list, tuple)) and len(limits) >= 2
        self.time_limit, self.soft_time_limit = limits[:2] if known else (None, None)

    def clear(self) -> None:
        self.__dict__.clear()

    def get(self, key: str, default: Any = None) -> Any:
        return getattr(self, key, default)

    def __repr__(self) -> str:
        return f"<Context: {vars(self)!r}>"

    def as_execution_options(self) -> dict[str, Any]:
        """Options under which another message belongs to the same run."""
        hard, soft = self.timelimit or (None, None)
        return {
            "task_id": self.id,
            "root_id": self.root_id,
            "parent_id": self.parent_id,
            "group_id": self.group,
            "group_index": self.group_index,
            "shadow": self.shadow,
            "chord": self.chord,
            "chain": self.chain,
            "link": self.callbacks,
            "link_error": self.errbacks,
            "expires": self.expires,
            "soft_time_limit": soft,
            "time_limit": hard,
            "headers": {k: v for k, v in (self.headers or {}).items() if k not in X_DEATH_HEADERS},
            "retries": self.retries,
            "reply_to": self.reply_to,
            "replaced_task_nesting": self.replaced_task_nesting,
            "origin": self.origin,
            **self._stamps(),
        }

    def _stamps(self) -> dict[str, Any]:
        if self.stamps is None or self.stamped_headers is None:
            return {}
        stamps = {name: value for name, value in self.stamps.items() if name in self.stamped_headers}
        return {"stamped_headers": self.stamped_headers, **stamps}

    @property
    def children(self) -> list[Any]:
        if self._children is None:
            self._children = []
        return self._children


class Unread:
    """What a worker knows of a run. It makes ``self.request`` when somebody looks there: that takes longer than many a
    task, and most tasks never look."""

    seen: Context | None = None

    def context(self) -> Context:
        """Always the same one."""
        raise NotImplementedError


class RequestStack(LocalStack[Any]):
    """The requests of a task's calls that last, in each thread.

    The tracer's own way in is ``calls``, where some are Unread; whoever comes by another finds what became of them.
    """

    def __init__(self) -> None:
        self.calls: list[Any] = []

    @property
    def stack(self) -> list[Any]:  # type: ignore[override]
        calls = self.calls
        calls[:] = map(read, calls)
        return calls

    @property
    def top(self) -> Any:
        calls = self.calls
        return read(calls[-1]) if calls else None

    def pop(self) -> Any:
        """Take the top off; None where there is none."""
        calls = self.calls
        return read(calls.pop()) if calls else None

    def __len__(self) -> int:
        return len(self.calls)


def read(request: Any) -> Any:
    """The request itself; who pushes one of another sort finds that."""
    return request.context() if isinstance(request, Unread) else request


def custom_headers(said: Mapping[str, Any]) -> dict[str, Any] | None:
    """The headers a user added: they travel in one dict with the protocol's own."""
    if _OURS.issuperset(said):
        return None
    return {name: value for name, value in said.items() if name not in _OURS and not name.startswith("ps-")} or None


#: ``ps-created``, which every message of ours has, is named for speed alone.
_OURS = frozenset(vars(Context)) | _WIRE_ONLY | {"ps-created"}


def get_actual_ignore_result(task: Any, req: Any) -> Any:
    """Whether the result is ignored: what this call says, else what the task says."""
    said = req.__dict__.get("ignore_result") if isinstance(req, Context) else getattr(req, "ignore_result", None)
    return task.ignore_result if said is None else said
