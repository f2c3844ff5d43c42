"""Moments as they stand in headers: ISO text, or seconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

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
