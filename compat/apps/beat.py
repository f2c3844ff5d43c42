"""The timekeeper of ``celery beat``."""

from ..beat.foreground import Beat, logger

__all__ = ["Beat", "logger"]
