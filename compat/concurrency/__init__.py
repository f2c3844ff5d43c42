"""Pools: pyramid_scheduler's processes and threads. Their names in Celery are understood."""

from __future__ import annotations

ALIASES = ("prefork", "processes", "threads", "solo")


def get_available_pool_names() -> tuple[str, ...]:
    """The names that ``--pool`` takes; gevent and eventlet are not among them."""
    return ALIASES
