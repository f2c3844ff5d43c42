"""Stacks of the current thread."""

from __future__ import annotations

import threading
from threading import get_ident
from typing import Generic, TypeVar

T = TypeVar("T")
__all__ = ("Local", "LocalStack", "get_ident")

Local = threading.local


class LocalStack(threading.local, Generic[T]):
    """One stack per thread."""

    def __init__(self) -> None:
        self.stack: list[T] = []  # of each thread that comes here

    def push(self, obj: T) -> list[T]:
        stack = self.stack
        stack.append(obj)
        return stack

    def pop(self) -> T | None:
        """Take the top off; None where there is none."""
        stack = self.stack
        return stack.pop() if stack else None

    @property
    def top(self) -> T | None:
        stack = self.stack
        return stack[-1] if stack else None

    def __len__(self) -> int:
        return len(self.stack)
