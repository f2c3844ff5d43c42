"""What is known about an exception, by Billiard's names."""

from __future__ import annotations

from typing import Any

from ..utils.einfo import ExceptionInfo

__all__ = ("ExceptionInfo", "ExceptionWithTraceback")


class ExceptionWithTraceback(Exception):
    """An exception and the text of its traceback; unpickled it is that exception, with the text for its cause."""

    def __init__(self, exc: BaseException, tb: Any) -> None:
        super().__init__()
        self.exc = exc
        self.tb = f'\n"""\n{tb}"""'

    def __str__(self) -> str:
        return self.tb

    def __reduce__(self) -> Any:
        return _with_cause, (self.exc, self.tb)


def _with_cause(error: BaseException, traceback: str) -> BaseException:
    error.__cause__ = Exception(traceback)
    return error
