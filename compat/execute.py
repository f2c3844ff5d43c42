"""Celery's old name for ``app.send_task``."""

from __future__ import annotations

from .local import Proxy, getappattr

__all__ = ("send_task",)

send_task = Proxy(getappattr, ("send_task",))
