"""Celery's schedules as triggers: plain JSON in the ledger, read again by every timekeeper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from pyramid_scheduler import register_trigger

from .exceptions import ImproperlyConfigured
from .schedules import crontab, schedule, solar
from .utils.time import timezone as zones

INTERVAL = "interval"
RELATIVE = "celery-relative"
CRONTAB = "celery-crontab"
SOLAR = "celery-solar"
_FIELDS = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")


class _Following:
    """Asks a Celery schedule when its next run is; what APScheduler calls a trigger."""

    def __init__(self, when: Any, zone: tzinfo = UTC, *, follows_elapsed_time: bool = False) -> None:
        self.follows_elapsed_time = follows_elapsed_time
        self._when = when
        self._zone = when.__dict__["tz"] = zone

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """The first moment that is not before ``now``."""
        self._when.nowfun = lambda: now
        left: timedelta = self._when.remaining_estimate(now.astimezone(self._zone))
        return now.astimezone(UTC) + left


def trigger_of(when: Any, zone: tzinfo) -> dict[str, Any]:
    """The trigger of a schedule; raises ImproperlyConfigured for one of a kind of its own, or a zone of none."""
    common = {"start": None, "end": None, "timezone": _zone_text(zone), "jitter": None}
    kind = type(when)
    if kind is crontab:
        fields = {field: _plain(getattr(when, f"_orig_{field}")) for field in _FIELDS}
        return {"type": CRONTAB, "fields": fields, "words": repr(when), **common}
    if kind is solar:
        said = {"event": when.event, "lat": when.lat, "lon": when.lon}
        return {"type": SOLAR, **said, "words": repr(when), **common}
    if kind is not schedule:
        raise ImproperlyConfigured(
            f"{kind.__qualname__} is a schedule of its own kind: use crontab, solar, seconds or a timedelta,"
            " or name in beat_scheduler a subclass of compat.beat.PersistentScheduler, which one celery beat then runs"
        )
    seconds = max(when.seconds, 0.001)
    if when.relative:
        return {"type": RELATIVE, "seconds": seconds, "words": f"{when!r} by the clock", **common}
    return {"type": INTERVAL, "seconds": seconds, **common}


def _plain(field: Any) -> Any:
    return sorted(field) if isinstance(field, (set, frozenset, tuple)) else field


def first_fire(trigger: Mapping[str, Any], now: datetime) -> float:
    """When a job that was not stored before runs first (epoch seconds)."""
    if trigger["type"] == INTERVAL:
        return now.timestamp() + float(trigger["seconds"])
    return _MAKERS[trigger["type"]](trigger).get_next_fire_time(None, now).timestamp()


def _crontab(trigger: Mapping[str, Any]) -> _Following:
    fields = trigger["fields"]
    every_hour = fields.get("hour", "*") == "*"
    return _Following(crontab(**fields), _zone(trigger["timezone"]), follows_elapsed_time=every_hour)


def _solar(trigger: Mapping[str, Any]) -> _Following:
    return _Following(solar(trigger["event"], trigger["lat"], trigger["lon"]))


def _relative(trigger: Mapping[str, Any]) -> _Following:
    every = schedule(trigger["seconds"], relative=True)
    return _Following(every, _zone(trigger["timezone"]), follows_elapsed_time=True)


_MAKERS: dict[str, Callable[[Mapping[str, Any]], _Following]] = {
    CRONTAB: _crontab,
    SOLAR: _solar,
    RELATIVE: _relative,
}
for _type, _maker in _MAKERS.items():
    register_trigger(_type, _maker)


def _zone_text(zone: tzinfo) -> str:
    """How the zone is written down: its name, or how far it is from UTC; nothing for the machine's own."""
    if zone is zones.local:
        return str(zone) if isinstance(zone, ZoneInfo) else ""
    text = str(timezone(zone.utcoffset(None))) if isinstance(zone, timezone) else str(zone)
    try:
        _zone(text)
    except (LookupError, ValueError, OSError) as error:
        raise ImproperlyConfigured(
            f"timezone = {zone!r} has no name that another process could know it by: write one, as 'Europe/Berlin'"
        ) from error
    return text


def _zone(text: str) -> tzinfo:
    if not text:
        return zones.local  # type: ignore[no-any-return]
    if text.startswith(("UTC+", "UTC-")):
        fixed = datetime.strptime(text.removeprefix("UTC"), "%z").tzinfo
        assert fixed is not None
        return fixed
    return ZoneInfo(text)
