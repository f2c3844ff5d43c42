"""What a backend knows of a task."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from .. import states

Meta = dict[str, Any]


class KnownMeta:
    """A part of AsyncResult: the task's meta, read when it is asked for, and kept once the task is done."""

    app: Any
    id: Any
    backend: Any
    _promise: Any
    _cache: Meta | None = None

    def exists(self) -> bool:
        """Whether the backend knows the id; a PENDING task may just be unknown."""
        return self.backend.task_result_exists(self.id)  # type: ignore[no-any-return]

    def ready(self) -> bool:
        return self.state in self.backend.READY_STATES

    def successful(self) -> bool:
        return bool(self.state == states.SUCCESS)

    def failed(self) -> bool:
        return bool(self.state == states.FAILURE)

    @property
    def result(self) -> Any:
        """What the task returned, or the exception it raised; before that, the meta of its state."""
        return self._get_task_meta()["result"]

    info = result

    @property
    def traceback(self) -> Any:
        return self._get_task_meta().get("traceback")

    @property
    def state(self) -> Any:
        return self._get_task_meta()["status"]

    status = state

    @property
    def task_id(self) -> Any:
        return self.id

    @task_id.setter
    def task_id(self, id: Any) -> None:
        self.id = id

    @property
    def date_done(self) -> Any:
        """When it was done, in UTC."""
        date = self._get_task_meta().get("date_done")
        return datetime.datetime.fromisoformat(date) if isinstance(date, str) and date else date

    def _maybe_set_cache(self, meta: Any) -> Any:
        if not meta or meta["status"] not in states.READY_STATES:
            return meta
        cached = self._set_cache(self.backend.meta_from_decoded(meta))
        if self._promise is not None:
            self._promise(self)
        return cached

    def _get_task_meta(self) -> Any:
        if self._cache is None:
            return self._maybe_set_cache(self.backend.get_task_meta(self.id))
        return self._cache

    def _iter_meta(self, **kwargs: Any) -> Iterator[Any]:
        return iter([self._get_task_meta()])

    def _set_cache(self, d: Meta) -> Meta:
        from . import result_from_tuple

        if d.get("children"):
            d["children"] = [result_from_tuple(child, self.app) for child in d["children"]]
        self._cache = d
        return d

    @property
    def supports_native_join(self) -> Any:
        return self.backend.supports_native_join


def _field(name: str) -> property:
    def field(self: KnownMeta) -> Any:
        return self._get_task_meta().get(name)

    return property(field, doc="Known with ``result_extended`` only.")


for _name in ("name", "args", "kwargs", "worker", "retries", "queue"):
    setattr(KnownMeta, _name, _field(_name))
