"""Loaders: where settings and task modules come from."""

from __future__ import annotations

from typing import Any

from ..utils.imports import import_from_cwd, symbol_by_name

LOADER_ALIASES = {"app": "compat.loaders.app:AppLoader", "default": "compat.loaders.default:Loader"}


def get_loader_cls(loader: Any) -> Any:
    """A loader's class, by alias or name."""
    return symbol_by_name(loader, LOADER_ALIASES, imp=import_from_cwd)
