"""What counts as a task, and as a signature."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any, TypeVar

T = TypeVar("T", bound=type)


class _Interface(ABCMeta):
    required: frozenset[str] = frozenset()

    def __subclasscheck__(cls, subclass: Any) -> bool:
        if super().__subclasscheck__(subclass):
            return True
        required = cls.__dict__.get("required", frozenset())
        return bool(required) and all(any(name in base.__dict__ for base in subclass.__mro__) for name in required)

    def __instancecheck__(cls, instance: Any) -> bool:
        return cls.__subclasscheck__(instance.__class__)


class CallableTask(metaclass=_Interface):
    """Something that can be called later."""

    required = frozenset({"delay", "apply_async", "apply"})


class CallableSignature(CallableTask):
    """A call that can be described, changed and composed."""

    required = frozenset({"clone", "freeze", "set", "link", "link_error", "__or__"})
