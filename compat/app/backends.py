"""Result backends by URL; they live in ``compat.backends``."""

from typing import Any

from .. import backends

__all__ = ("by_name", "by_url")


def __getattr__(name: str) -> Any:
    return getattr(backends, name)
