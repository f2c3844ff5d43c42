"""Dates as people give them."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tzlocal import get_localzone

from ..core.errors import InvalidJob


def zone(name: str | None) -> tzinfo:
    """The time zone called ``name`` (IANA), or the machine's; raises InvalidJob for an unknown one."""
    if not name:
        return get_localzone()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidJob(f"there is no time zone {name!r}; write an IANA name such as Europe/Berlin or UTC") from error


def zone_name(name: str | None) -> str | None:
    """``name``, or what the machine's zone is called everywhere; None where it has no such name."""
    if name:
        return name
    try:
        return ZoneInfo(getattr(get_localzone(), "key", "")).key
    except (ZoneInfoNotFoundError, ValueError, OSError):  # one that was read from a file of this machine
        return None


def parse_date(value: Any, zone_name: str | None = None) -> datetime:
    """An aware datetime for epoch seconds, a naive datetime (in the zone), an aware one, a date, or ISO text."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidJob(f"{value!r} is not a date: {error}") from error
    if not isinstance(value, datetime):
        raise InvalidJob(f"{value!r} is not a date: give epoch seconds, a datetime or ISO text (2030-01-31T12:00)")
    return value if value.tzinfo is not None else value.replace(tzinfo=zone(zone_name))


def iso(value: Any, zone_name: str | None) -> str | None:
    """``parse_date`` as ISO text; None stays None."""
    return None if value is None else parse_date(value, zone_name).isoformat()


def epoch(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
