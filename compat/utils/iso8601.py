"""Dates from ISO text."""

from __future__ import annotations

from datetime import datetime


def parse_iso8601(datestring: str) -> datetime:
    """Raises ValueError for what is no date."""
    try:
        return datetime.fromisoformat(datestring)
    except ValueError as error:
        raise ValueError(f"unable to parse date string {datestring!r}") from error
