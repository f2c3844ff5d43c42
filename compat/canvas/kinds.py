"""Which kind of signature something is; by the registry of kinds, so that no kind must import another."""

from __future__ import annotations

from typing import Any

from .signature import Signature


def kind(name: str) -> Any:
    """The class registered for ``"chain"``, ``"group"`` or ``"chord"``."""
    return Signature.TYPES[name]


def is_chain(obj: Any) -> bool:
    return isinstance(obj, Signature.TYPES["chain"])


def is_group(obj: Any) -> bool:
    return isinstance(obj, Signature.TYPES["group"])


def is_chord(obj: Any) -> bool:
    return isinstance(obj, Signature.TYPES["chord"])


def is_empty_group(obj: Any) -> bool:
    """Whether it is a group of nothing; a generator is asked for its first task."""
    return is_group(obj) and isinstance(obj.tasks, (list, tuple)) and not obj.tasks


def is_empty_chain(obj: Any) -> bool:
    return is_chain(obj) and not obj.tasks


def maybe_unroll_group(group: Any) -> Any:
    """The only task of a group of one; any other group as it is."""
    tasks = group.tasks
    try:
        size = len(tasks)
    except TypeError:
        try:
            size = tasks.__length_hint__()
        except (AttributeError, TypeError):
            return group
    return next(iter(tasks)) if size == 1 else group
