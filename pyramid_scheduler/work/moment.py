"""Moments as they stand in headers: ISO text, or seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..core import message as wire
from ..core.errors import UnreadableMessage

#: The first moments of the years 1 and 9999: beyond them no datetime is.
EARLIEST, LATEST = -62135596800.0, 253370764800.0


def epoch_of(moment: Any) -> float:
    """Epoch seconds of ISO text or a number; text without a zone is UTC, as in Celery. Raises UnreadableMessage."""
    try:
        if not isinstance(moment, (int, float)):
            parsed = datetime.fromisoformat(moment)
            moment = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
        if EARLIEST <= moment <= LATEST:  # not so for NaN
            return float(moment)
        raise ValueError("out of range")
    except (ValueError, TypeError, OverflowError) as error:
        raise UnreadableMessage(f"{str(moment)[:60]!r} in its headers is no date") from error


def not_before(headers: Mapping[str, Any]) -> float:
    """Before this (epoch seconds) no run of the message with these headers began; one of another call that has its id
    may have. Raises UnreadableMessage."""
    due = headers.get(wire.DUE) if headers.get(wire.FINAL) and wire.CANCELED not in headers else None
    return max(wire.created_at(headers), epoch_of(due) if due else 0.0)
