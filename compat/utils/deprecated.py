"""Warnings about what will go."""

from __future__ import annotations

import warnings
from functools import wraps
from typing import Any

from ..exceptions import CDeprecationWarning, CPendingDeprecationWarning
from .imports import qualname


def warn(
    description: str | None = None,
    deprecation: str | None = None,
    removal: str | None = None,
    alternative: str | None = None,
    stacklevel: int = 2,
) -> None:
    """Say that ``description`` goes in ``removal``, or will be deprecated in ``deprecation``."""
    way_out = f" {alternative}" if alternative else ""
    if deprecation is not None:
        text = f"{description} is to be deprecated in version {deprecation}, and gone in {removal}.{way_out}"
        warnings.warn(CPendingDeprecationWarning(text), stacklevel=stacklevel)
    else:
        text = f"{description} is deprecated and goes in version {removal}.{way_out}"
        warnings.warn(CDeprecationWarning(text), stacklevel=stacklevel)


def Callable(
    deprecation: str | None = None,
    removal: str | None = None,
    alternative: str | None = None,
    description: str | None = None,
) -> Any:
    """Decorates a function that warns when it is called."""

    def decorate(fun: Any) -> Any:
        @wraps(fun)
        def call(*args: Any, **kwargs: Any) -> Any:
            warn(description or qualname(fun), deprecation, removal, alternative, stacklevel=3)
            return fun(*args, **kwargs)

        return call

    return decorate


def Property(
    deprecation: str | None = None,
    removal: str | None = None,
    alternative: str | None = None,
    description: str | None = None,
) -> Any:
    """Decorates the getter of a property that warns when it is used."""
    warned = Callable(deprecation, removal, alternative, description)
    return lambda fun: _WarningProperty(warned(fun), warned=warned)


class _WarningProperty(property):
    def __init__(self, *functions: Any, warned: Any) -> None:
        super().__init__(*functions)
        self._warned = warned

    def setter(self, fset: Any) -> Any:
        return _WarningProperty(self.fget, self._warned(fset), self.fdel, warned=self._warned)

    def deleter(self, fdel: Any) -> Any:
        return _WarningProperty(self.fget, self.fset, self._warned(fdel), warned=self._warned)
