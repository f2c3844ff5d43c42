"""Celery's old name for the tasks of the current app."""

from __future__ import annotations

from .local import Proxy, getappattr

__all__ = ("tasks",)

tasks = Proxy(getappattr, ("tasks",))
