"""Durations as people write them in an ini file: ``90``, ``90s``, ``1d12h``."""

from __future__ import annotations

import re

SECONDS_PER_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])")


def parse_duration(text: str | int | float) -> float:
    """Return the seconds that ``text`` says; a bare number is seconds.

    Raises ValueError for anything else than numbers with the units ms, s, m, h, d, w.
    """
    if isinstance(text, (int, float)):
        return float(text)
    stripped = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", stripped):
        return float(stripped)
    if not stripped or _PART.sub("", stripped).strip():
        raise ValueError(f"{text!r} is not a duration: write seconds or a sum such as 1d12h, 90s or 500ms")
    return sum(float(number) * SECONDS_PER_UNIT[unit] for number, unit in _PART.findall(stripped))


def format_duration(seconds: float) -> str:
    """Write ``seconds`` the way parse_duration reads it, coarsest units first."""
    parts = []
    for unit in ("d", "h", "m"):
        count, seconds = divmod(seconds, SECONDS_PER_UNIT[unit])
        if count:
            parts.append(f"{int(count)}{unit}")
    if seconds or not parts:
        parts.append(f"{seconds:g}s")
    return "".join(parts)
