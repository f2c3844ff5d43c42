"""Result backends by URL; they live in ``compat.backends``."""

from ..backends import BACKEND_ALIASES, by_name, by_url

__all__ = ("BACKEND_ALIASES", "by_name", "by_url")
