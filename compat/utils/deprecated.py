"""Warnings about what will go."""

from __future__ import annotations

import warnings

from ..exceptions import CDeprecationWarning, CPendingDeprecationWarning


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
