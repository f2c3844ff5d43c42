"""Calling functions later: kombu's timer."""

from kombu.asynchronous.timer import Entry, Timer, to_timestamp

Schedule = Timer

__all__ = ("Entry", "Schedule", "Timer", "to_timestamp")
