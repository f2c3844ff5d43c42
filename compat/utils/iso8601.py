"""Dates from ISO text."""

from __future__ import annotations

from datetime import datetime


def parse_iso8601(datestring: str) -> datetime:
    """Raises ValueError for what is no date."""
    return datetime.fromisoformat(datestring)
