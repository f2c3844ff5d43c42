"""``task_annotations``: attributes of tasks, set from the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..utils.functional import firstmethod, mlazy
from ..utils.imports import instantiate

_of_task = firstmethod("annotate")
_of_any = firstmethod("annotate_any")


class MapAnnotation(dict[str, Any]):
    """Task name to attributes; ``"*"`` is every task."""

    def annotate_any(self) -> dict[str, Any] | None:
        return dict(self["*"]) if "*" in self else None

    def annotate(self, task: Any) -> dict[str, Any] | None:
        return dict(self[task.name]) if task.name in self else None


def prepare(annotations: Any) -> Any:
    """The setting as a list of objects with ``annotate`` and ``annotate_any``."""
    if annotations is None:
        return ()
    given = annotations if isinstance(annotations, (list, tuple)) else (annotations,)
    return [_expand(annotation) for annotation in given]


def _expand(annotation: Any) -> Any:
    if isinstance(annotation, dict):
        return MapAnnotation(annotation)
    lazy: Any = mlazy
    return lazy(instantiate, annotation) if isinstance(annotation, str) else annotation


def resolve_all(anno: Any, task: Any) -> Iterator[dict[str, Any]]:
    """The attributes for ``task``, and those for every task."""
    return (found for found in (_of_task(anno, task), _of_any(anno)) if found)
