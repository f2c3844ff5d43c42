"""Result backends by URL; they live in ``compat.backends``."""

from ..backends import by_name, by_url

__all__ = ("by_name", "by_url")
