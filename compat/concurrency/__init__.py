"""Pools: pyramid_scheduler's processes and threads. Their names in Celery are understood."""

from __future__ import annotations

from typing import Any

#: Names of the pool in which a task has its process to itself: if it waits for another, it may wait for itself.
PREFORK = ("prefork", "processes")
ALIASES = (*PREFORK, "threads", "solo")


def maybe_patch_concurrency(
    argv: Any = None, short_opts: Any = None, long_opts: Any = None, patches: Any = None
) -> None:
    """Nothing has to be patched for processes and threads; ``-P gevent`` and its like are refused by the worker."""


def get_available_pool_names() -> tuple[str, ...]:
    """The names that ``--pool`` takes; gevent and eventlet are not among them."""
    return ALIASES
