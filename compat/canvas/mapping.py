"""One task on each of many items, without a message for each."""

from __future__ import annotations

from typing import Any, ClassVar

from ..utils.functional import chunks as _chunks
from ..utils.functional import regen
from ..utils.text import truncate
from .kinds import kind
from .signature import Signature


def _name(task: Any) -> Any:
    return getattr(task, "name", task)


class _basemap(Signature):
    _task_name: ClassVar[str | None] = None

    @classmethod
    def from_dict(cls, d: Any, app: Any = None) -> Any:
        return cls(d["kwargs"]["task"], d["kwargs"]["it"], app=app, **d["options"])

    def __init__(self, task: Any, it: Any, **options: Any) -> None:
        super().__init__(self._task_name, (), {"task": task, "it": regen(it)}, immutable=True, **options)

    def apply_async(self, args: Any = None, kwargs: Any = None, route_name: str | None = None, **opts: Any) -> Any:
        given = {key: value for key, value in opts.items() if value is not None}
        _, _, options = self._merge(options=given)
        routed = route_name or options.get("route_name") or _name(self.kwargs.get("task"))
        call = {"task": self.kwargs["task"], "it": list(self.kwargs["it"])}
        return self.type.apply_async((), call, **{**options, "route_name": routed})


@Signature.register_type()
class xmap(_basemap):
    """One message; the worker calls the task with each item."""

    _task_name = "celery.map"

    def __repr__(self) -> str:
        return f"[{self.kwargs['task'].task}(x) for x in {truncate(repr(self.kwargs['it']), 100)}]"


@Signature.register_type()
class xstarmap(_basemap):
    """One message; the worker calls the task with the arguments that each item holds."""

    _task_name = "celery.starmap"

    def __repr__(self) -> str:
        return f"[{self.kwargs['task'].task}(*x) for x in {truncate(repr(self.kwargs['it']), 100)}]"


@Signature.register_type()
class chunks(Signature):
    """One message for every ``n`` items."""

    @classmethod
    def from_dict(cls, d: Any, app: Any = None) -> Any:
        kwargs = d["kwargs"]
        return cls(kwargs["task"], kwargs["it"], kwargs["n"], app=app, **d["options"])

    def __init__(self, task: Any, it: Any, n: int, **options: Any) -> None:
        super().__init__("celery.chunks", (), {"task": task, "it": regen(it), "n": n}, immutable=True, **options)

    def __call__(self, **options: Any) -> Any:
        return self.apply_async(**options)

    def apply_async(self, args: Any = None, kwargs: Any = None, **opts: Any) -> Any:  # type: ignore[override]
        return self.group().apply_async(args or (), kwargs or {}, route_name=_name(self.kwargs.get("task")), **opts)

    def group(self) -> Any:
        """The group of the chunks."""
        task, it, n = (self.kwargs[key] for key in ("task", "it", "n"))
        parts = (xstarmap(task, part, app=self._app) for part in _chunks(iter(it), n))
        return kind("group")(parts, app=self._app)

    @classmethod
    def apply_chunks(cls, task: Any, it: Any, n: int, app: Any = None) -> Any:
        return cls(task, it, n, app=app)()
