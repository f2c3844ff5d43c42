"""Signals: tell whoever wants to hear."""

from .signal import Signal

__all__ = ("Signal",)
