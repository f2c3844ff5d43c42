"""What is known about an exception that ended a task."""

from __future__ import annotations

import sys
import traceback as tracebacks
from types import TracebackType
from typing import Any

ExcInfo = tuple[Any, Any, Any]


class ExceptionInfo:
    """``type``, ``exception``, ``traceback`` (text), ``tb``, ``internal``; pickles without the frames."""

    def __init__(self, exc_info: ExcInfo | None = None, internal: bool = False) -> None:
        given: ExcInfo = exc_info or sys.exc_info()
        self.type: Any = given[0]
        self.exception: Any = given[1]
        self.tb: Any = given[2]
        self.traceback = "".join(tracebacks.format_exception(self.type, _exception(self.exception), self.tb))
        self.internal = internal

    @property
    def __class__(self) -> Any:
        """For ``isinstance``: Billiard's class of this name, where somebody has imported Billiard."""
        theirs = sys.modules.get("billiard.einfo")
        return type(self) if theirs is None else theirs.ExceptionInfo

    @__class__.setter
    def __class__(self, cls: Any) -> None:
        raise AttributeError("what is known about an exception stays that")

    @property
    def exc_info(self) -> tuple[Any, Any, TracebackType | None]:
        return self.type, self.exception, self.tb

    def __str__(self) -> str:
        return self.traceback

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.exception!r}>"

    def __reduce__(self) -> Any:
        return _remember, (type(self), {**self.__dict__, "tb": None})


def _remember(cls: type[ExceptionInfo], known: dict[str, Any]) -> ExceptionInfo:
    einfo = cls.__new__(cls)
    einfo.__dict__.update(known)
    return einfo


def _exception(value: Any) -> BaseException | None:
    return value if isinstance(value, BaseException) else None
